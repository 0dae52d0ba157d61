import type { Machine } from '../machine.ts';
import { Worker } from './worker.ts';

const IDS = ['web-1', 'web-2', 'web-3'];
const FIRST_PORT = 8000;
export const SERVICE = 'web';

/** Ports that were ever registered: DNS may tell no other. */
export class ServiceHistory {
  readonly ports = new Set<number>();
  #port = FIRST_PORT;

  next(): number {
    this.ports.add(++this.#port);
    return this.#port;
  }
}

/** Registers services at one agent, reports on their health, and takes them away. */
export class ServiceWorker extends Worker {
  readonly at: Machine;
  readonly #history: ServiceHistory;
  /** Port of each service as it was acknowledged, 0 for none; undefined when nobody knows. */
  readonly expected = new Map<string, number | undefined>();
  /** What an agent did not have any more after it was killed. */
  readonly lost: string[] = [];
  #starts = 0;
  protected override readonly pauseMs = 250;

  constructor(load: Worker['load'], random: () => number, at: Machine, history: ServiceHistory) {
    super(load, random);
    this.at = at;
    this.#history = history;
  }

  protected async turn(): Promise<void> {
    if (!this.at.isRunning || !(await this.#keptAll())) return;
    const id = this.pick(IDS);
    const roll = this.random();
    if (roll < 0.4) await this.register(id);
    else if (roll < 0.6) await this.#change(`/v1/agent/service/deregister/${id}`, undefined, id, 0);
    else await this.at.client.put(`/v1/agent/check/${this.pick(['pass', 'pass', 'warn', 'fail'])}/service:${id}`);
  }

  async register(id: string): Promise<void> {
    const Port = this.#history.next();
    const service = { ID: id, Name: SERVICE, Port, Check: { TTL: '10m', Status: 'passing' } };
    await this.#change('/v1/agent/service/register', service, id, Port);
  }

  /** What the agent should have and has not, and the other way round, in sentences; undefined when it does not answer. */
  async missing(): Promise<string[] | undefined> {
    const services = await this.at.json<Record<string, { ID: string; Port: number }>>('/v1/agent/services');
    if (services === undefined) return undefined;
    return [...this.expected].flatMap(([id, port]) => {
      const there = services[id]?.Port ?? 0;
      return port === undefined || port === there
        ? []
        : [`${this.at.name} has ${id} at port ${there} instead of ${port}`];
    });
  }

  /** After a restart nothing is changed before it is clear that the agent still has all that it had taken on. */
  async #keptAll(): Promise<boolean> {
    const { starts } = this.at;
    if (starts === this.#starts) return true;
    const missing = await this.missing();
    if (missing === undefined || starts !== this.at.starts) return false;
    this.lost.push(...missing.map((text) => `after a restart ${text}`));
    this.#starts = starts;
    return true;
  }

  async #change(path: string, body: unknown, id: string, port: number): Promise<void> {
    this.expected.set(id, undefined);
    const { status, outcome } = await this.at.client.put(path, body);
    if (outcome === 'done' && (status === 200 || port === 0)) this.expected.set(id, port);
  }
}
