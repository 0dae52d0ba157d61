import type { Clock, Millis, Rng, Timer } from '@proconsul/base';
import type { Coordinate } from '@proconsul/schema';

/** Source: network coordinates documentation: updates are written together every five seconds, in bounded batches. */
export const COORDINATE_PERIOD_MS: Millis = 5000;
export const COORDINATE_BATCH_MAX = 128;
export const COORDINATE_BATCHES_MAX = 5;

/** Part of the period by which servers differ, so that they do not all write at once. */
const JITTER_FRACTION = 16;

/** Collects coordinates and hands them over in batches. A newer one of a node and segment replaces the older. */
export class CoordinateBatch {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #write: (batch: readonly Coordinate[]) => void;
  readonly #pending = new Map<string, Coordinate>();
  #timer: Timer | null = null;

  constructor(clock: Clock, rng: Rng, write: (batch: readonly Coordinate[]) => void) {
    this.#clock = clock;
    this.#rng = rng;
    this.#write = write;
  }

  add(coordinate: Coordinate): void {
    this.#pending.set(`${coordinate.Node}\0${coordinate.Segment}`, coordinate);
    // A little sooner, never later: whoever reports is told that the period is all it may take.
    this.#timer ??= this.#clock.after(COORDINATE_PERIOD_MS * (1 - this.#rng.float() / JITTER_FRACTION), () =>
      this.#flush(),
    );
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#pending.clear();
  }

  #flush(): void {
    this.#timer = null;
    const all = [...this.#pending.values()];
    this.#pending.clear();
    const limit = COORDINATE_BATCH_MAX * COORDINATE_BATCHES_MAX;
    for (let at = 0; at < Math.min(all.length, limit); at += COORDINATE_BATCH_MAX) {
      this.#write(all.slice(at, Math.min(at + COORDINATE_BATCH_MAX, limit)));
    }
  }
}
