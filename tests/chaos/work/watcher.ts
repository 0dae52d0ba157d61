import { pause } from '../../e2e/harness.ts';
import type { Machine } from '../machine.ts';
import type { Watched } from '../watching.ts';

const WAIT_S = 20;
const PATIENCE_MS = WAIT_S * 1000 + 10_000;
const PAUSE_MS = 150;

/** Follows a question by blocking queries at one agent. */
export class Watcher {
  readonly at: Machine;
  readonly path: string;
  readonly isStale: boolean;
  readonly indexes: number[] = [];
  /** How many of them belong to earlier faults. */
  #judged = 0;
  last = '';
  #isOver = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(at: Machine, path: string, isStale: boolean) {
    this.at = at;
    this.path = path;
    this.isStale = isStale;
  }

  get name(): string {
    return `${this.isStale ? 'stale ' : ''}watcher of ${this.path} at ${this.at.name}`;
  }

  start(): void {
    this.#ended = this.#watch();
  }

  /** What is told from here on is judged anew, after the last index before. */
  begin(): void {
    this.#judged = Math.max(0, this.indexes.length - 1);
  }

  /** Without waiting for a query that is under way: its agent is gone soon. */
  stop(): void {
    this.#isOver = true;
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  /** For the judge: `ended` is what an ordinary reader is told in the end. */
  seen(ended: string): Watched {
    return {
      name: this.name,
      isStale: this.isStale,
      indexes: this.indexes.slice(this.#judged),
      last: this.last,
      ended,
    };
  }

  async #watch(): Promise<void> {
    const join = this.path.includes('?') ? '&' : '?';
    let index = 0;
    while (!this.#isOver) {
      const query = `index=${index}&wait=${WAIT_S}s${this.isStale ? '&stale' : ''}`;
      const answer = await this.at.client.get(`${this.path}${join}${query}`, PATIENCE_MS);
      if (answer.status !== 200 && answer.status !== 404) {
        await pause(PAUSE_MS);
        continue;
      }
      this.indexes.push(answer.index);
      this.last = `${answer.status} ${answer.text}`;
      // As the documentation of blocking queries tells its readers.
      index = answer.index < index ? 0 : answer.index;
    }
  }
}
