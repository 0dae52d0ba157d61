import type { Clock, Log, Millis, Rng, Timer } from '@proconsul/base';
import type { SerfMember } from './events.ts';
import { attempt, type TryJoin } from './reconnect.ts';

/** Members that all of a pool together ping in one interval, on average at the most: however large it is, and however many failed. */
export const RETURN_PINGS_MAX = 4;

export interface ReturnCheckDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  /** Members that failed lately. */
  candidates(): readonly SerfMember[];
  /** Members that are alive, ourselves included. */
  aliveCount(): number;
  ping(member: SerfMember): Promise<boolean>;
  readonly join: TryJoin;
}

/**
 * Looks whether members that failed lately are back: a cut that heals, a machine that starts again. Asking costs a small packet, so
 * that it can be done as often as members are probed; only who answers is joined. Serf itself joins blindly, and so seldom.
 */
export class ReturnCheck {
  readonly #intervalMs: Millis;
  readonly #d: ReturnCheckDependencies;
  #timer: Timer | undefined;
  #isLooking = false;

  constructor(intervalMs: Millis, dependencies: ReturnCheckDependencies) {
    this.#intervalMs = intervalMs;
    this.#d = dependencies;
  }

  /** Somebody has failed. Everybody hears of it at about the same time and begins at another moment. */
  begin(): void {
    if (this.#timer === undefined) this.#arm(this.#d.rng.float() * this.#intervalMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(afterMs: Millis): void {
    this.#timer = this.#d.clock.after(afterMs, () => {
      this.#timer = undefined;
      const failed = this.#d.candidates();
      if (failed.length === 0) return;
      this.#arm(this.#intervalMs);
      if (!this.#isLooking) void this.#look(failed);
    });
  }

  /** At one of them or, more often than not, at none: so few members look that in a large pool the pings are as many as in a small one. */
  async #look(failed: readonly SerfMember[]): Promise<void> {
    const { rng, log, candidates, aliveCount, ping, join } = this.#d;
    if (rng.float() * Math.max(1, aliveCount()) >= Math.min(failed.length, RETURN_PINGS_MAX)) return;
    this.#isLooking = true;
    const one = failed[rng.int(failed.length)]!;
    const isBack = await ping(one);
    // Somebody else may have been quicker.
    if (isBack && candidates().some(({ name }) => name === one.name)) await attempt(one, log, join);
    this.#isLooking = false;
  }
}
