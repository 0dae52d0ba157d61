import type { Clock, Millis, Timer } from '@proconsul/base';

/** A clock that a test moves by hand; it begins at 2026-11-21T02:00:00.000Z. */
export class TestClock implements Clock {
  #now: Millis = 0;
  readonly #startMs = Date.UTC(2026, 10, 21, 2);
  #pending: { at: Millis; fn: () => void }[] = [];

  now = (): Millis => this.#now;
  wallMs = (): Millis => this.#startMs + this.#now;

  after(delayMs: Millis, fn: () => void): Timer {
    const item = { at: this.#now + delayMs, fn };
    this.#pending.push(item);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((p) => p !== item);
      },
    };
  }

  get waiting(): number {
    return this.#pending.length;
  }

  /** Moves on, calling what becomes due in order; promises settle before and after each call. */
  async advance(ms: Millis): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#pending.filter((p) => p.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#pending = this.#pending.filter((p) => p !== next);
      this.#now = next.at;
      next.fn();
    }
    this.#now = until;
  }
}

/** Lets chains of a few promises run to their end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

/** A log that keeps what it is told, as `LEVEL message {fields}`, below the name of its module if it has one. */
export function keptLog(lines: string[], module = '') {
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    lines.push(`${level} ${module}${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
  };
  return {
    trace: at('TRACE'),
    debug: at('DEBUG'),
    info: at('INFO'),
    warn: at('WARN'),
    error: at('ERROR'),
    named: (name: string) => keptLog(lines, `${module}${name}: `),
  };
}
