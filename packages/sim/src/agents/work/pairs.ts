import { pick } from '../scene.ts';
import { fromBase64 } from './registers.ts';
import { Worker } from './worker.ts';

/** Writes two keys in one transaction: in no mode may anybody see one without the other. */
export class PairWorker extends Worker {
  protected override readonly pauseMs = 500;
  #values = 0;

  protected async turn(): Promise<void> {
    if (this.rng.float() < 0.4) await this.#write();
    else await this.#read(pick(this.rng, ['', '&consistent', '&stale', '&stale']));
  }

  async #write(): Promise<void> {
    const Value = btoa(`p${++this.#values}`);
    const ops = ['pair/a', 'pair/b'].map((Key) => ({ KV: { Verb: 'set', Key, Value } }));
    const { outcome } = await this.scene.change(this.somewhere(), 'PUT', '/v1/txn', JSON.stringify(ops));
    if (outcome === 'done') this.scene.count('transactions');
  }

  async #read(query: string): Promise<void> {
    const answer = await this.scene.ask(this.somewhere(), 'GET', `/v1/kv/pair/?recurse${query}`);
    if (answer.status !== 200) return;
    const rows = JSON.parse(answer.body) as { Value: string }[];
    const values = new Set(rows.map((r) => fromBase64(r.Value)));
    if (rows.length !== 2 || values.size !== 1) this.scene.fail(`half a transaction was read: ${[...values]}`);
  }
}

/** Keys that come and go. */
export class FlickerWorker extends Worker {
  protected override readonly pauseMs = 700;

  protected async turn(): Promise<void> {
    const target = `/v1/kv/d/${pick(this.rng, ['x', 'y', 'z'])}`;
    const isDelete = this.rng.float() < 0.4;
    await this.scene.change(this.somewhere(), isDelete ? 'DELETE' : 'PUT', target, isDelete ? '' : `${this.scene.now}`);
  }
}
