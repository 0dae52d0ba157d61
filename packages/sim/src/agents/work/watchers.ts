import type { Millis, Rng } from '@proconsul/base';
import { NoAnswer } from '../http.ts';
import type { Machine } from '../machine.ts';
import type { Scene } from '../scene.ts';
import { entryOf, type Registers } from './registers.ts';

/** How long a blocking query asks to wait, and how long its client waits for the answer. */
const WAIT = '5m';
const PATIENCE_MS: Millis = 340_000;
/** After a failure. */
const PAUSE_MS: Millis = 400;

/** A program that follows a question by blocking queries, at one agent. */
export class Watcher {
  readonly #scene: Scene;
  readonly #rng: Rng;
  readonly #registers: Registers;
  readonly target: string;
  readonly at: Machine;
  readonly isStale: boolean;
  #index = 0;
  /** The answer of last time, status included. */
  last = '';
  /** Its query waits at this moment. */
  isWaiting = false;
  #isStopped = false;

  constructor(scene: Scene, registers: Registers, at: Machine, target: string, isStale: boolean) {
    this.#scene = scene;
    this.#registers = registers;
    this.#rng = scene.rng(`watcher ${at.name} ${target} ${isStale}`);
    this.at = at;
    this.target = target;
    this.isStale = isStale;
  }

  start(): void {
    this.#watch().catch((error: Error) => this.#scene.fail(error));
  }

  stop(): void {
    this.#isStopped = true;
  }

  toString(): string {
    return `${this.isStale ? 'stale ' : ''}watcher of ${this.target} at ${this.at.name}`;
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#once();
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        await this.#scene.sleep(PAUSE_MS * (0.5 + this.#rng.float()));
      }
    }
  }

  async #once(): Promise<void> {
    const startedAt = this.#scene.now;
    const target = `${this.target}${this.target.includes('?') ? '&' : '?'}index=${this.#index}&wait=${WAIT}${this.isStale ? '&stale' : ''}`;
    this.isWaiting = true;
    const answer = await this.#scene.ask(this.at, 'GET', target, '', PATIENCE_MS).finally(() => {
      this.isWaiting = false;
    });
    if (answer.status >= 500) throw new NoAnswer(answer.body, false);
    const index = Number(answer.headers.get('x-consul-index'));
    if (!(index > 0)) this.#scene.fail(`${this} was told the index ${answer.headers.get('x-consul-index')}`);
    if (index < this.#index && !this.isStale)
      this.#scene.fail(`${this} saw the index go back from ${this.#index} to ${index}`);
    this.#index = index < this.#index ? 0 : index;
    this.last = `${answer.status} ${answer.body}`;
    this.#scene.count('wakes');
    const key = this.target.slice('/v1/kv/'.length);
    if (!this.isStale && this.#registers.keys.includes(key)) this.#registers.read(key, startedAt, entryOf(answer));
  }
}
