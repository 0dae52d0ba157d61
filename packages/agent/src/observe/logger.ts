import type { Clock, Level, Log, LogFields } from '@proconsul/base';
import { jsonLine, type LogRecord, RANK, textLine } from './log-line.ts';

/** Where finished lines go, newline not included. */
export type LineSink = (line: string, level: Level) => void;

interface Listener {
  readonly rank: number;
  readonly json: boolean;
  readonly sink: LineSink;
}

/** Lines that are held until the sinks are known. */
export const HELD_LINES_MAX = 2048;

/** The root of all loggers: its level can be changed while it runs, and listeners have levels of their own. */
export class LogHub {
  readonly #clock: Clock;
  readonly #json: boolean;
  #rank: number;
  readonly #sinks: LineSink[] = [];
  readonly #listeners = new Set<Listener>();
  #held: LogRecord[] | null = [];
  /** Lowest rank that anybody wants: what is below it costs one comparison. */
  #lowest: number;

  constructor(options: { level: Level; json: boolean }, clock: Clock) {
    this.#clock = clock;
    this.#json = options.json;
    this.#rank = RANK[options.level];
    this.#lowest = this.#rank;
  }

  setLevel(level: Level): void {
    this.#rank = RANK[level];
    this.#relevel();
  }

  /** From now on lines go to these sinks; those held so far go first. */
  open(sinks: readonly LineSink[]): void {
    this.#sinks.push(...sinks);
    const held = this.#held ?? [];
    this.#held = null;
    for (const record of held) this.#write(record);
  }

  /** Hands every line at `level` or above to `sink`, whatever the own level is. The returned function ends it. */
  listen(options: { level: Level; json: boolean }, sink: LineSink): () => void {
    const listener = { rank: RANK[options.level], json: options.json, sink };
    this.#listeners.add(listener);
    this.#relevel();
    return () => {
      this.#listeners.delete(listener);
      this.#relevel();
    };
  }

  #relevel(): void {
    this.#lowest = this.#rank;
    for (const l of this.#listeners) this.#lowest = Math.min(this.#lowest, l.rank);
  }

  say(level: Level, module: string, message: string, fields: LogFields | undefined): void {
    if (RANK[level] < this.#lowest) return;
    const record: LogRecord = { wallMs: this.#clock.wallMs(), level, module, message, fields };
    if (this.#held !== null) {
      if (this.#held.length < HELD_LINES_MAX) this.#held.push(record);
      return;
    }
    this.#write(record);
  }

  #write(record: LogRecord): void {
    const rank = RANK[record.level];
    if (rank >= this.#rank) {
      const line = this.#json ? jsonLine(record) : textLine(record);
      for (const sink of this.#sinks) sink(line, record.level);
    }
    for (const l of this.#listeners) {
      if (rank >= l.rank) l.sink(l.json ? jsonLine(record) : textLine(record), record.level);
    }
  }

  /** A logger that signs as `module`. */
  logger(module: string): Log {
    return {
      trace: (message, fields) => this.say('TRACE', module, message, fields),
      debug: (message, fields) => this.say('DEBUG', module, message, fields),
      info: (message, fields) => this.say('INFO', module, message, fields),
      warn: (message, fields) => this.say('WARN', module, message, fields),
      error: (message, fields) => this.say('ERROR', module, message, fields),
      enabled: (level) => RANK[level] >= this.#lowest,
      named: (name) => this.logger(`${module}.${name}`),
    };
  }
}
