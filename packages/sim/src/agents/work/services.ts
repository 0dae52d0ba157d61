import type { Millis } from '@proconsul/base';
import type { Machine } from '../machine.ts';
import { type Job, Worker } from './worker.ts';

/** What an agent has taken on survives a power cut after this time. */
const DURABLE_AFTER_MS: Millis = 5000;

interface Expected {
  /** Undefined: nobody knows. */
  isThere: boolean | undefined;
  changedAt: Millis;
}

/** Registers services at one agent, reports on their health, and takes them away. */
export class ServiceWorker extends Worker {
  readonly #at: Machine;
  readonly expected = new Map<string, Expected>();
  protected override readonly pauseMs = 900;

  constructor(job: Job, at: Machine) {
    super(job, `services of ${at.name}`);
    this.#at = at;
  }

  get at(): Machine {
    return this.#at;
  }

  protected async turn(): Promise<void> {
    const id = `web-${this.#at.name}-${this.rng.int(3)}`;
    const roll = this.rng.float();
    if (roll < 0.3) await this.register(id);
    else if (roll < 0.45) await this.deregister(id);
    else await this.#report(id);
  }

  async register(id: string): Promise<void> {
    const ttl = `${2 + this.rng.int(8)}s`;
    const body = { Name: 'web', ID: id, Port: 80 + this.rng.int(5), Check: { TTL: ttl, Status: 'passing' } };
    await this.#change(id, true, '/v1/agent/service/register', JSON.stringify(body));
  }

  deregister(id: string): Promise<void> {
    return this.#change(id, false, `/v1/agent/service/deregister/${id}`, '');
  }

  async #change(id: string, isThere: boolean, target: string, body: string): Promise<void> {
    const { scene } = this;
    this.expected.set(id, { isThere: undefined, changedAt: scene.now });
    const answer = await scene.ask(this.#at, 'PUT', target, body);
    // One that is not there cannot be taken away.
    const isDone = answer.status === 200 || (!isThere && answer.status === 404);
    if (isDone) this.expected.set(id, { isThere, changedAt: scene.now });
    if (isDone) scene.count('registrations');
  }

  async #report(id: string): Promise<void> {
    const what = this.rng.float() < 0.7 ? 'pass' : this.rng.float() < 0.5 ? 'warn' : 'fail';
    await this.scene.ask(this.#at, 'PUT', `/v1/agent/check/${what}/service:${id}`);
  }

  /** Nothing is left of what was taken on. */
  wiped(): void {
    for (const e of this.expected.values()) e.isThere = undefined;
  }

  /** What was taken on a moment ago may be lost, and on a disk whose syncs failed anything. */
  powerCut(): void {
    for (const e of this.expected.values()) {
      if (this.#at.hasBadDisk || this.scene.now - e.changedAt < DURABLE_AFTER_MS) e.isThere = undefined;
    }
  }
}
