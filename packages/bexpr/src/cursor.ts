import { FilterError } from './errors.ts';

const SPACE = '[ \\t\\r\\n]';
const WHITE = /[ \t\r\n]/;
/** For each class of characters, as many of them as there are: looked for in one go, since texts may be of nothing else. */
const RUNS = new WeakMap<RegExp, RegExp>();
const END = 'EOF';

/**
 * A position in the text that remembers what Consul's parser would complain about: the furthest place where something
 * did not match with all that was wanted there, or the complaints of the rules that recognise common mistakes.
 * Source: the texts that a Consul 1.21 agent answers to some 300 broken filters (src/testdata/filters.json).
 */
export class Cursor {
  readonly text: string;
  at = 0;
  #furthest = 0;
  readonly #wanted = new Set<string>();
  readonly #complaints = new Set<string>();

  constructor(text: string) {
    this.text = text;
  }

  /** Notes that `wanted` is not at the current position. */
  miss(wanted: string): void {
    if (this.at < this.#furthest) return;
    if (this.at > this.#furthest) {
      this.#furthest = this.at;
      this.#wanted.clear();
    }
    this.#wanted.add(wanted);
  }

  /** Notes a mistake that has a message of its own. The same complaint counts once. */
  complain(rule: string, message: string, at: number = this.at): void {
    this.#complaints.add(`${this.#place(at)}: rule "${rule}": ${message}`);
  }

  /** Consumes exactly this text. */
  literal(literal: string): boolean {
    if (this.text.startsWith(literal, this.at)) {
      this.at += literal.length;
      return true;
    }
    this.miss(literal === '"' ? '"\\""' : `"${literal}"`);
    return false;
  }

  /** Consumes one character of a class; `name` is the class as messages print it. */
  one(characters: RegExp, name: string): boolean {
    const character = this.text[this.at];
    if (character !== undefined && characters.test(character)) {
      this.at++;
      return true;
    }
    this.miss(name);
    return false;
  }

  /** Consumes as many characters of the class as there are. */
  many(characters: RegExp, name: string): void {
    let run = RUNS.get(characters);
    if (run === undefined) {
      run = new RegExp(`${characters.source}*`, 'y');
      RUNS.set(characters, run);
    }
    run.lastIndex = this.at;
    run.test(this.text);
    this.at = run.lastIndex;
    this.miss(name);
  }

  /** Consumes white space, of which there must be some. */
  space(): boolean {
    const start = this.at;
    this.many(WHITE, SPACE);
    return this.at > start;
  }

  end(): boolean {
    if (this.at >= this.text.length) return true;
    this.miss(END);
    return false;
  }

  /** Runs the parts one after the other; puts the position back when one fails. */
  all(...parts: (() => boolean)[]): boolean {
    const start = this.at;
    for (const part of parts) {
      if (part()) continue;
      this.at = start;
      return false;
    }
    return true;
  }

  get hasComplaints(): boolean {
    return this.#complaints.size > 0;
  }

  /** The error to report when no reading of the text was possible. */
  error(): FilterError {
    if (this.hasComplaints) return new FilterError('FILTER_SYNTAX', [...this.#complaints].join('\n'));
    const wanted = [...this.#wanted].filter((w) => w !== END).sort();
    if (this.#wanted.has(END)) wanted.push(END);
    const last = wanted.pop() ?? END;
    const list = wanted.length === 0 ? last : `${wanted.join(', ')} or ${last}`;
    return new FilterError('FILTER_SYNTAX', `${this.#place(this.#furthest)}: no match found, expected: ${list}`);
  }

  /** `line:column (offset)`: columns in characters, from 1; the offset in bytes. A line break is column 0 of the next line. */
  #place(at: number): string {
    const seen = this.text.slice(0, at + 1);
    const line = seen.split('\n').length;
    const lineStart = seen.lastIndexOf('\n') + 1;
    const column = [...this.text.slice(lineStart, at)].length + (at < lineStart ? 0 : 1);
    return `${line}:${column} (${new TextEncoder().encode(this.text.slice(0, at)).length})`;
  }
}
