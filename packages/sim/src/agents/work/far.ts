import type { Millis } from '@proconsul/base';
import type { Machine } from '../machine.ts';
import { entryOf, type Registers } from './registers.ts';
import { type Job, Worker } from './worker.ts';

const PATIENCE_MS: Millis = 10_000;

/**
 * Uses keys of the other datacenter, mostly by way of agents of this one. The same keys have other values here: what another
 * datacenter answers is its own, or an error.
 */
export class FarWorker extends Worker {
  readonly #registers: Registers;
  readonly #far: Machine;
  protected override readonly pauseMs = 300;

  constructor(job: Job, name: string, far: Machine, registers: Registers) {
    super(job, name);
    this.#far = far;
    this.#registers = registers;
  }

  protected async turn(): Promise<void> {
    const at = this.rng.float() < 0.2 ? this.#far : this.somewhere();
    const [key = ''] = this.#registers.keys;
    if (this.rng.float() < 0.4) await this.#write(at, key);
    else await this.read(at, key, this.rng.float() < 0.7 ? '' : '&consistent');
  }

  async #write(at: Machine, key: string): Promise<void> {
    const { scene } = this;
    const value = this.#registers.nextValue();
    const put = async () => {
      const done = await scene.change(at, 'PUT', `/v1/kv/${key}?dc=${this.#far.datacenter}`, value);
      scene.count(done.outcome === 'done' ? 'farWrites' : 'farFailures');
      return done;
    };
    await this.#registers.write(put, key, value, undefined);
  }

  async read(at: Machine, key: string, query: string): Promise<boolean> {
    const { scene } = this;
    const startedAt = scene.now;
    const answer = await scene.ask(at, 'GET', `/v1/kv/${key}?dc=${this.#far.datacenter}${query}`, '', PATIENCE_MS);
    scene.count(answer.status < 500 ? 'farReads' : 'farFailures');
    if (answer.status >= 500) return false;
    this.#registers.read(key, startedAt, entryOf(answer));
    return true;
  }
}
