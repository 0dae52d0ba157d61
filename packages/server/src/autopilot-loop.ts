import { type Clock, errorText, type Log, type Millis, type Timer } from '@proconsul/base';
import type { AutopilotHealth, AutopilotState } from '@proconsul/endpoints';
import type { AutopilotConfig, RaftStats } from '@proconsul/schema';
import { autopilotHealth, autopilotState, isHealthy, type ServerFacts } from './autopilot.ts';
import type { Consensus, RaftMember } from './consensus.ts';
import { lastContactMs } from './raft-stats.ts';
import type { ServerInfo } from './servers/server-tags.ts';

/** How often every server is asked how it does. Source: raft wire, joining. */
export const AUTOPILOT_UPDATE_MS: Millis = 2000;

/** How often dead servers are cleaned up. Source: measured on servers. */
export const AUTOPILOT_CLEANUP_MS: Millis = 10_000;

export interface AutopilotDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly consensus: Consensus;
  config(): AutopilotConfig;
  /** The servers in the LAN pool, the failed ones too. */
  servers(): readonly ServerInfo[];
  /** `Status.RaftStats` of another server. */
  statsOf(server: ServerInfo): Promise<RaftStats>;
  /** Marks a failed server as left in both pools. */
  forceLeave(server: ServerInfo): void;
  /** Metadata of a node in the catalog. */
  nodeMeta(name: string): Readonly<Record<string, string>>;
}

/** What is remembered of a server between two rounds. */
interface Observation {
  stats: { readonly lastContactMs: number; readonly lastTerm: number; readonly lastIndex: number } | undefined;
  healthy: boolean;
  /** Since when it is as healthy as it is: on the wall for people, on the clock for decisions. */
  stableSinceMs: Millis;
  stableAt: Millis;
}

/**
 * Cares for the servers while we lead: watches their health, gives a vote to those that have proved themselves, and
 * removes the dead, but never so many that a majority would be gone at once. Source: autopilot documentation.
 */
export class Autopilot {
  readonly #d: AutopilotDependencies;
  readonly #observed = new Map<string, Observation>();
  /** Peers that the pool did not know at the last cleanup. */
  #unknown = new Set<string>();
  #epoch = 0;
  #isUpdating = false;
  #observing: Promise<void> | undefined;
  #updateTimer: Timer | undefined;
  #cleanupTimer: Timer | undefined;

  constructor(dependencies: AutopilotDependencies) {
    this.#d = dependencies;
  }

  start(): void {
    this.stop();
    this.#unknown = new Set();
    const epoch = this.#epoch;
    void this.#updates(epoch);
    this.#planCleanup(epoch);
  }

  stop(): void {
    this.#epoch++;
    this.#updateTimer?.cancel();
    this.#cleanupTimer?.cancel();
    this.#observed.clear();
  }

  /** One round of questions out of turn, for who does not lead but is asked. Whoever asks meanwhile shares it. */
  observe(): Promise<void> {
    this.#observing ??= this.#ask(this.#epoch).finally(() => {
      this.#observing = undefined;
    });
    return this.#observing;
  }

  health(): AutopilotHealth {
    return autopilotHealth(this.facts(), this.#d.config());
  }

  state(): AutopilotState {
    return autopilotState(this.facts(), this.#d.config());
  }

  /** Every server of the Raft configuration, as it is known now. */
  facts(): readonly ServerFacts[] {
    const servers = new Map(this.#d.servers().map((server) => [server.id, server]));
    const leaderId = this.#d.consensus.leaderId();
    return this.#d.consensus.members().map((member) => this.#factsOf(member, servers.get(member.id), leaderId));
  }

  #factsOf(member: RaftMember, server: ServerInfo | undefined, leaderId: string): ServerFacts {
    const { consensus, clock } = this.#d;
    const observed = this.#observed.get(member.id);
    const isSelf = member.id === consensus.id();
    const own = {
      lastContactMs: consensus.lastContactMs(),
      lastTerm: consensus.lastTerm(),
      lastIndex: consensus.lastIndex(),
    };
    const stats = isSelf ? own : observed?.stats;
    return {
      id: member.id,
      name: server?.name ?? '(unknown)',
      address: member.address,
      version: server?.build ?? '',
      serfStatus: server?.status ?? 'none',
      leader: member.id === leaderId,
      voter: member.voter,
      answered: stats !== undefined,
      lastContactMs: stats?.lastContactMs ?? 0,
      lastTerm: stats?.lastTerm ?? 0,
      lastIndex: stats?.lastIndex ?? 0,
      stableSinceMs: observed?.stableSinceMs ?? clock.wallMs(),
      meta: server === undefined ? {} : this.#d.nodeMeta(server.name),
    };
  }

  async #updates(epoch: number): Promise<void> {
    this.#updateTimer = this.#d.clock.after(AUTOPILOT_UPDATE_MS, () => {
      if (epoch === this.#epoch) void this.#updates(epoch);
    });
    // A round that takes longer than the period goes on; the next one waits for its turn.
    if (this.#isUpdating) return;
    this.#isUpdating = true;
    try {
      await this.#ask(epoch);
      if (epoch === this.#epoch) await this.#promote(epoch);
    } catch (error) {
      if (epoch === this.#epoch)
        this.#d.log.error('failed to update the state of servers', { error: errorText(error) });
    } finally {
      this.#isUpdating = false;
    }
  }

  /** One round of questions; who has not answered at its end has not answered. */
  async #ask(epoch: number): Promise<void> {
    const { consensus } = this.#d;
    const peers = new Set(consensus.members().map((m) => m.id));
    const asked = this.#d.servers().filter((s) => peers.has(s.id) && s.id !== consensus.id() && s.status === 'alive');
    const answers = new Map<string, RaftStats>();
    await this.#within(
      AUTOPILOT_UPDATE_MS,
      asked.map(async (server) => {
        try {
          answers.set(server.id, await this.#d.statsOf(server));
        } catch (error) {
          this.#d.log.debug('error getting server health from server', {
            server: server.name,
            error: errorText(error),
          });
        }
      }),
    );
    if (epoch === this.#epoch) this.#observe(answers);
  }

  async #within(ms: Millis, work: readonly Promise<void>[]): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#d.clock.after(ms, resolve);
      void Promise.all(work).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #observe(answers: ReadonlyMap<string, RaftStats>): void {
    const { clock } = this.#d;
    const members = this.#d.consensus.members();
    const ids = new Set(members.map((m) => m.id));
    for (const id of [...this.#observed.keys()]) if (!ids.has(id)) this.#observed.delete(id);
    for (const { id } of members) {
      const answer = answers.get(id);
      const stats = answer && {
        lastContactMs: lastContactMs(answer.LastContact),
        lastTerm: answer.LastTerm,
        lastIndex: answer.LastIndex,
      };
      const known = this.#observed.get(id);
      if (known !== undefined) known.stats = stats;
      else this.#observed.set(id, { stats, healthy: false, stableSinceMs: clock.wallMs(), stableAt: clock.now() });
    }
    const facts = this.facts();
    const leader = facts.find((f) => f.leader);
    for (const f of facts) {
      const observed = this.#observed.get(f.id);
      const healthy = isHealthy(f, leader?.lastTerm ?? 0, leader?.lastIndex ?? 0, this.#d.config());
      if (observed === undefined || observed.healthy === healthy) continue;
      observed.healthy = healthy;
      observed.stableSinceMs = clock.wallMs();
      observed.stableAt = clock.now();
    }
  }

  async #promote(epoch: number): Promise<void> {
    const { clock, consensus, log } = this.#d;
    const stableMs = this.#d.config().ServerStabilizationTime / 1e6;
    const servers = new Map(this.#d.servers().map((server) => [server.id, server]));
    for (const { id, address, voter } of consensus.members()) {
      const observed = this.#observed.get(id);
      const server = servers.get(id);
      if (voter || server === undefined || server.readReplica || !observed?.healthy) continue;
      if (clock.now() - observed.stableAt < stableMs) continue;
      log.info('Promoting server', { id, address, name: server.name });
      await consensus.addVoter(id, address);
      if (epoch !== this.#epoch) return;
    }
  }

  #planCleanup(epoch: number): void {
    this.#cleanupTimer = this.#d.clock.after(AUTOPILOT_CLEANUP_MS, () => {
      if (epoch !== this.#epoch) return;
      this.#planCleanup(epoch);
      if (!this.#d.config().CleanupDeadServers) return;
      this.#cleanup(epoch).catch((error) => {
        if (epoch === this.#epoch) this.#d.log.error('failed to remove dead servers', { error: errorText(error) });
      });
    });
  }

  async #cleanup(epoch: number): Promise<void> {
    const dead = this.#dead();
    const voters = this.#d.consensus.members().filter((m) => m.voter).length;
    let mayGo = Math.max(0, Math.min(Math.floor((voters - 1) / 2), voters - this.#d.config().MinQuorum));
    for (const { member, server } of dead) {
      if (member.voter && mayGo === 0) {
        this.#d.log.debug('will not remove server node as a removal of a majority of servers is not safe', {
          id: member.id,
        });
        continue;
      }
      if (member.voter) mayGo--;
      await this.#remove(member, server);
      if (epoch !== this.#epoch) return;
    }
  }

  /** Peers that failed or left, and those that the pool did not know now and at the last time. */
  #dead(): readonly { readonly member: RaftMember; readonly server: ServerInfo | undefined }[] {
    const servers = new Map(this.#d.servers().map((server) => [server.id, server]));
    const unknown = new Set<string>();
    const dead: { member: RaftMember; server: ServerInfo | undefined }[] = [];
    for (const member of this.#d.consensus.members()) {
      if (member.id === this.#d.consensus.id()) continue;
      const server = servers.get(member.id);
      if (server === undefined) unknown.add(member.id);
      const isGone =
        server === undefined ? this.#unknown.has(member.id) : server.status === 'failed' || server.status === 'left';
      if (isGone) dead.push({ member, server });
    }
    this.#unknown = unknown;
    return dead;
  }

  async #remove({ id, address }: RaftMember, server: ServerInfo | undefined): Promise<void> {
    const { consensus, log } = this.#d;
    if (server === undefined) log.info('Attempting removal of stale server', { id, address });
    else log.info('Attempting removal of failed server node', { id, name: server.name, address });
    log.debug('removing server by ID', { id });
    await consensus.removeMember(id);
    log.info('removed server', { id });
    if (server !== undefined) this.#d.forceLeave(server);
  }
}
