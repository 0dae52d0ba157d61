import { errorText, formatDuration, type Log, type Metrics, type Millis, type Timer } from '@proconsul/base';
import { type Command, isApplyError } from '@proconsul/store';
import type { Consensus } from '../consensus.ts';
import { type FirstDependencies, type FirstOptions, federationCommand, firstCommands } from './first-commands.ts';

/** Pause after duties that could not be taken up, before they are tried again. */
export const ESTABLISH_RETRY_MS: Millis = 1000;

/** What begins and ends with a leadership. */
interface Duty {
  start(): unknown;
  stop(): void;
}

export interface LeaderDependencies extends FirstDependencies {
  readonly consensus: Consensus;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly server: { startLeading(): void; stopLeading(): void; leaderChanged(): void };
  readonly reconciler: Duty;
  readonly autopilot: Duty;
  /** Tells all servers of the datacenter that we lead now: the user event `consul:new-leader` with our node name. */
  announce(): void;
  /** The duties are taken up and their first commands are written. */
  established?(): void;
}

/**
 * Takes up the duties of a leader when it is elected, and lays them down when it is not any more. Reads are served only
 * after a barrier, when nothing that was committed is missing; a leader that cannot take up its duties tries to hand over.
 * Source: raft wire, first commands of a new leader; life cycle, leader election.
 */
export class LeaderDuties {
  readonly #options: FirstOptions;
  readonly #d: LeaderDependencies;
  /** Turns with every change of role: what an earlier leadership began, ends. */
  #epoch = 0;
  #isLeading = false;
  #isEstablished = false;
  #retry: Timer | undefined;

  constructor(options: FirstOptions, dependencies: LeaderDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** Whether all duties are taken up. */
  get isEstablished(): boolean {
    return this.#isEstablished;
  }

  /** To be called with every role that the Raft node takes. */
  roleChanged(role: 'leader' | 'follower' | 'candidate'): void {
    const wasLeading = this.#isLeading;
    this.#layDown();
    this.#isLeading = role === 'leader';
    const { log, server } = this.#d;
    if (!this.#isLeading) {
      if (wasLeading) log.info('cluster leadership lost');
      server.leaderChanged();
      return;
    }
    log.info('cluster leadership acquired');
    this.#d.announce();
    void this.#takeUp(this.#epoch);
  }

  /** The whole state was replaced: every duty begins anew with what is there now. Resolves when they have. */
  async stateReplaced(): Promise<void> {
    if (!this.#isLeading) return;
    this.#layDown();
    await this.#takeUp(this.#epoch);
  }

  stop(): void {
    this.#layDown();
    this.#isLeading = false;
  }

  #layDown(): void {
    this.#epoch++;
    this.#isEstablished = false;
    this.#retry?.cancel();
    const { autopilot, reconciler, server } = this.#d;
    autopilot.stop();
    reconciler.stop();
    server.stopLeading();
  }

  async #takeUp(epoch: number): Promise<void> {
    try {
      await this.#establish(epoch);
    } catch (error) {
      if (epoch !== this.#epoch) return;
      this.#d.log.error('failed to establish leadership', { error: errorText(error) });
      this.#layDown();
      const next = this.#epoch;
      // Somebody else may be able to. Alone, or when nobody is, we try again.
      await this.#d.consensus.transferLeadership('').catch(() => undefined);
      if (next !== this.#epoch) return;
      this.#retry = this.#d.clock.after(ESTABLISH_RETRY_MS, () => void this.#takeUp(next));
    }
  }

  async #establish(epoch: number): Promise<void> {
    const { autopilot, clock, consensus, log, metrics, reconciler, server } = this.#d;
    const startedAt = clock.now();
    await consensus.barrier();
    metrics.sample('leader.barrier', clock.now() - startedAt);
    if (epoch !== this.#epoch) return;
    const commands = firstCommands(this.#options, this.#d);
    let step = await commands.next();
    if (epoch !== this.#epoch) return;
    // In a new cluster nobody writes before the members are in the catalog, as recorded; in others nobody has to wait.
    const isNew = step.done !== true;
    if (!isNew) server.startLeading();
    while (step.done !== true) {
      const result = await this.#commit(step.value);
      if (epoch !== this.#epoch) return;
      step = await commands.next(result);
    }
    log.debug('successfully established leadership', {
      duration: formatDuration(Math.round((clock.now() - startedAt) * 1e6)),
    });
    autopilot.start();
    await reconciler.start();
    if (epoch !== this.#epoch) return;
    if (isNew) server.startLeading();
    const federation = federationCommand(this.#options.datacenter, this.#d);
    if (federation !== null) await this.#commit(federation);
    if (epoch !== this.#epoch) return;
    this.#isEstablished = true;
    this.#d.established?.();
  }

  async #commit(command: Command): Promise<unknown> {
    const result = (await this.#d.consensus.propose(command)) as never;
    if (isApplyError(result)) throw new Error((result as { error: string }).error);
    return result;
  }
}
