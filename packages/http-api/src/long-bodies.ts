import { type Clock, soon } from '@proconsul/base';
import { type JsonValue, parseJsonInSteps } from '@proconsul/gojson';

/**
 * Reads long bodies in steps, one body after another: between two steps everything else gets its turn, however many long bodies have
 * come at a time.
 */
export class LongBodies {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `read` makes of the JSON. Rejects with what the parser or `read` throws. */
  async read<T>(body: Uint8Array, maxValues: number, read: (json: JsonValue) => T): Promise<T> {
    const before = this.#last;
    let done = (): void => undefined;
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    try {
      const steps = parseJsonInSteps(body, { maxValues });
      for (;;) {
        const step = steps.next();
        await this.#pause();
        if (step.done) return read(step.value);
      }
    } finally {
      // The next one begins after a turn of the others, too.
      this.#pause().then(done);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => soon(this.#clock, resolve));
  }
}
