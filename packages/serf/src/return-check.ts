import type { Clock, Log, Millis, Rng, Timer } from '@proconsul/base';
import { hostPort } from '@proconsul/gossip';
import type { SerfMember } from './events.ts';
import { attempt, type TryJoin } from './reconnect.ts';

/** Members that all of a pool together ping in one interval, on average at the most: however large it is, and however many failed. */
export const RETURN_PINGS_MAX = 4;

/** Members of a pool that do a full exchange after a return, on average at the most. */
export const RETURN_EXCHANGES_MAX = 32;

/** What gossip tells after a return is known by then, nearly everywhere. */
export const RETURN_SETTLE_MS: Millis = 2_000;

export interface ReturnCheckDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  /** Members that failed lately. */
  candidates(): readonly SerfMember[];
  /** Members that are alive, without ourselves. */
  alive(): readonly SerfMember[];
  ping(member: SerfMember): Promise<boolean>;
  readonly join: TryJoin;
}

/**
 * Looks whether members that failed lately are back: a cut that heals, a machine that starts again. Asking costs a small packet, so
 * that it can be done as often as members are probed; only who answers is joined. Serf itself joins blindly, and so seldom.
 *
 * When one has come back, gossip brings the others that were behind the same cut, but not all of them to everybody: a member at its old
 * incarnation stays failed for those who hold it to be, until it hears that and denies it. So whoever misses members then tells
 * another one in a full exchange.
 */
export class ReturnCheck {
  readonly #intervalMs: Millis;
  readonly #d: ReturnCheckDependencies;
  #timer: Timer | undefined;
  #isBusy = false;
  #exchangeAt: Millis | undefined;

  constructor(intervalMs: Millis, dependencies: ReturnCheckDependencies) {
    this.#intervalMs = intervalMs;
    this.#d = dependencies;
  }

  /** Somebody has failed. Everybody hears of it at about the same time and begins at another moment. */
  begin(): void {
    if (this.#timer === undefined) this.#arm(this.#d.rng.float() * this.#intervalMs);
  }

  /** Somebody who had failed is back. */
  returned(): void {
    if (this.#timer !== undefined) this.#exchangeAt ??= this.#d.clock.now() + RETURN_SETTLE_MS;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(afterMs: Millis): void {
    this.#timer = this.#d.clock.after(afterMs, () => {
      this.#timer = undefined;
      const failed = this.#d.candidates();
      if (failed.length > 0) {
        this.#arm(this.#intervalMs);
        if (!this.#isBusy) void this.#turn(failed);
      } else this.#exchangeAt = undefined;
    });
  }

  async #turn(failed: readonly SerfMember[]): Promise<void> {
    this.#isBusy = true;
    if (this.#exchangeAt === undefined || this.#d.clock.now() < this.#exchangeAt) await this.#look(failed);
    else {
      this.#exchangeAt = undefined;
      await this.#exchange();
    }
    this.#isBusy = false;
  }

  /** Looks at one of them or, more often than not, at none: in a large pool as few members do as in a small one. */
  async #look(failed: readonly SerfMember[]): Promise<void> {
    const { rng, log, candidates, ping, join } = this.#d;
    if (!this.#isChosen(Math.min(failed.length, RETURN_PINGS_MAX))) return;
    const one = failed[rng.int(failed.length)]!;
    const isBack = await ping(one);
    // Somebody else may have been quicker.
    if (isBack && candidates().some(({ name }) => name === one.name)) await attempt(one, log, join);
  }

  async #exchange(): Promise<void> {
    const { alive, join, log, rng } = this.#d;
    const others = alive();
    if (others.length === 0 || !this.#isChosen(RETURN_EXCHANGES_MAX)) return;
    const { name, address, port } = others[rng.int(others.length)]!;
    log.debug(`serf: members have come back, asking ${name} ${hostPort(address, port)} for the others`);
    await join({ host: address, port });
  }

  /** True for so many of the members that are alive, on average. */
  #isChosen(wanted: number): boolean {
    return this.#d.rng.float() * (this.#d.alive().length + 1) < wanted;
  }
}
