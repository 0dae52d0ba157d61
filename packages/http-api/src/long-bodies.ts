import { type Clock, InTurn, type Millis, soon } from '@proconsul/base';
import { type JsonValue, parseJsonInSteps } from '@proconsul/gojson';

/** Shorter steps are followed by one turn of the others, longer ones by no more than this. */
const PAUSE_MS_MIN = 1;
const PAUSE_MS_MAX = 20;

/**
 * Reads long bodies in steps, one body after another: between two steps everything else gets its turn, however many long bodies have
 * come at a time.
 */
export class LongBodies {
  readonly #clock: Clock;
  readonly #turns = new InTurn();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `read` makes of the JSON. Rejects with what the parser or `read` throws. */
  async read<T>(body: Uint8Array, maxValues: number, read: (json: JsonValue) => T): Promise<T> {
    const leave = await this.#turns.enter();
    try {
      const steps = parseJsonInSteps(body, { maxValues });
      for (;;) {
        const startedAt = this.#clock.now();
        const step = steps.next();
        await this.#pause(startedAt);
        if (step.done) return read(step.value);
      }
    } finally {
      // The next one begins after a turn of the others, too.
      this.#pause(this.#clock.now()).then(leave);
    }
  }

  /** The others have the event loop for as long as a step had it; a write takes several turns of it. */
  #pause(startedAt: Millis): Promise<void> {
    const tookMs = this.#clock.now() - startedAt;
    return new Promise((resolve) => {
      if (tookMs < PAUSE_MS_MIN) soon(this.#clock, resolve);
      else this.#clock.after(Math.min(tookMs, PAUSE_MS_MAX), resolve);
    });
  }
}
