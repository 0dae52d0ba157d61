import type { Clock, Millis, Rng, Timer } from '@proconsul/base';
import type { Coordinate } from '@proconsul/schema';

/** Source: network coordinates documentation: updates are written together every five seconds, in bounded batches. */
export const COORDINATE_PERIOD_MS: Millis = 5000;
export const COORDINATE_BATCH_MAX = 128;
export const COORDINATE_BATCHES_MAX = 5;
/** Nodes whose coordinates wait to be written; those of further ones are dropped until the next period. */
export const COORDINATES_PENDING_MAX: number = COORDINATE_BATCH_MAX * COORDINATE_BATCHES_MAX;

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
    const key = `${coordinate.Node}\0${coordinate.Segment}`;
    // What would not be written is not kept until then either: names come from others.
    if (this.#pending.size >= COORDINATES_PENDING_MAX && !this.#pending.has(key)) return;
    this.#pending.set(key, coordinate);
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
    for (let at = 0; at < all.length; at += COORDINATE_BATCH_MAX) {
      this.#write(all.slice(at, at + COORDINATE_BATCH_MAX));
    }
  }
}
