import { type Clock, type Level, soon } from '@proconsul/base';
import { RANK } from './log-line.ts';
import type { LineSink } from './logger.ts';

/** Characters that are held at most. */
export const GATHERED_MAX = 64 * 1024;

/**
 * Lets lines of one turn of the event loop go on together: a system call for each of them is a tenth of what an agent does that
 * takes on services. A warning or an error goes on at once, with what came before it.
 */
export class GatheredLines {
  readonly #sink: LineSink;
  readonly #clock: Clock;
  #text = '';
  #isPlanned = false;

  constructor(sink: LineSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  readonly sink: LineSink = (line, level) => {
    this.#text = this.#text === '' ? line : `${this.#text}\n${line}`;
    if (RANK[level] >= RANK.WARN || this.#text.length >= GATHERED_MAX) this.flush(level);
    else if (!this.#isPlanned) {
      this.#isPlanned = true;
      soon(this.#clock, () => {
        this.#isPlanned = false;
        this.flush(level);
      });
    }
  };

  /** Hands on what is held. For the end of the process, which runs no more turns. */
  flush(level: Level = 'INFO'): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#sink(text, level);
  }
}
