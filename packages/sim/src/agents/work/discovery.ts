import type { Millis } from '@proconsul/base';
import { askSrv } from '../dns.ts';
import type { HttpAnswer } from '../http.ts';
import { type SeenInstance, type Telling, tell } from '../instances.ts';
import type { Machine } from '../machine.ts';
import { DRIFT_MAX } from '../oracle.ts';
import { pick } from '../scene.ts';
import { AGE_TOLERANCE_MS } from './registers.ts';
import { Worker } from './worker.ts';

/** How old DNS answers may be, as all agents are told. */
export const DNS_MAX_STALE_MS: Millis = 5000;
/** The prepared query that is executed by name. */
const QUERY = 'find-web';
const PATIENCE_MS: Millis = 5000;
const NXDOMAIN = 3;

type Reader = (at: Machine) => Promise<void>;

/**
 * Looks for the instances of a service: by HTTP in all modes, by DNS, by a prepared query. What it is told must have been true since
 * it asked, or since as long before as the answer may be old.
 */
export class DiscoveryWorker extends Worker {
  protected override readonly pauseMs = 250;
  /** When the prepared query was there; infinite before. */
  #queryAt: Millis = Number.POSITIVE_INFINITY;
  readonly #readers: readonly Reader[] = [
    (at) => this.#http(at, '', 'all'),
    (at) => this.#http(at, '?passing', 'passing'),
    (at) => this.#http(at, '?consistent', 'all'),
    (at) => this.#http(at, '?stale', 'all'),
    (at) => this.#http(at, '?max_stale=1s', 'all'),
    (at) => this.#dns(at, 'web.service.consul.'),
    (at) => this.#dns(at, 'web.service.consul.'),
    (at) => this.#query(at),
    (at) => this.#queryByDns(at),
  ];

  protected async turn(): Promise<void> {
    if (this.#queryAt === Number.POSITIVE_INFINITY && this.rng.float() < 0.1) await this.#createQuery();
    await pick(this.rng, this.#readers)(this.somewhere());
  }

  async #http(at: Machine, query: string, way: keyof Telling): Promise<void> {
    const startedAt = this.scene.now;
    const answer = await this.scene.ask(at, 'GET', `/v1/health/service/web${query}`, '', PATIENCE_MS);
    if (answer.status !== 200) return;
    const age = /stale/.test(query) ? ageOf(answer) + AGE_TOLERANCE_MS : 0;
    if (query === '?max_stale=1s' && ageOf(answer) > 1000 * (1 + DRIFT_MAX)) {
      this.scene.fail(`${at.name} was asked for an answer of 1 s at most, and gave one of ${ageOf(answer)} ms`);
    }
    const found = tell(JSON.parse(answer.body) as SeenInstance[]);
    this.#check(`${at.name} by HTTP ${query}`, way, found[way], startedAt - age);
  }

  async #dns(at: Machine, name: string): Promise<void> {
    const startedAt = this.scene.now;
    const { rcode, targets } = await askSrv(this.scene, at.address, name, PATIENCE_MS);
    if (rcode !== 0 && rcode !== NXDOMAIN) return;
    const age = DNS_MAX_STALE_MS * (1 + DRIFT_MAX) + AGE_TOLERANCE_MS;
    const text = [...new Set(targets)].sort().join(' ');
    this.#check(`${at.name} by DNS for ${name}`, 'usable', text, startedAt - age);
    this.scene.count('dnsAnswers');
  }

  async #queryByDns(at: Machine): Promise<void> {
    // A server whose state is older may not know of it yet.
    if (this.scene.now > this.#queryAt + 2 * DNS_MAX_STALE_MS) await this.#dns(at, `${QUERY}.query.consul.`);
  }

  async #query(at: Machine): Promise<void> {
    if (this.#queryAt === Number.POSITIVE_INFINITY) return;
    const startedAt = this.scene.now;
    const answer = await this.scene.ask(at, 'GET', `/v1/query/${QUERY}/execute`, '', PATIENCE_MS);
    if (answer.status === 404) this.scene.fail(`${at.name} does not know the prepared query`);
    if (answer.status !== 200) return;
    const { Nodes } = JSON.parse(answer.body) as { Nodes: SeenInstance[] };
    this.#check(`${at.name} by a prepared query`, 'usable', tell(Nodes).usable, startedAt);
    this.scene.count('executions');
  }

  async #createQuery(): Promise<void> {
    const body = JSON.stringify({ Name: QUERY, Service: { Service: 'web' } });
    const { outcome, body: text } = await this.scene.change(this.somewhere(), 'POST', '/v1/query', body);
    // One that came through although nobody said so stands in the way of the next.
    if (outcome === 'done' || text.includes('aliases an existing')) this.#queryAt = this.scene.now;
  }

  #check(who: string, way: keyof Telling, text: string, since: Millis): void {
    this.scene.count('discoveries');
    if (this.job.oracle.web.wasTrue(way, text, since)) return;
    this.scene.fail(`${who} said that web is at [${text}], which was not so since ${Math.round(since)}`);
  }
}

const ageOf = (answer: HttpAnswer): Millis => Number(answer.headers.get('x-consul-lastcontact')) * (1 + DRIFT_MAX);
