import type { Millis } from '@proconsul/base';
import { type KeptSession, TTL_MULTIPLIER } from '../oracle.ts';
import { pick } from '../scene.ts';
import { Worker } from './worker.ts';

/** Sessions of one turn. */
const SESSIONS = 4;
const TTL_MS: Millis = 1000;
/** Renewals of one session, each in the last moment, before it is left to its end. */
const RENEWALS_MAX = 3;

/** Renews sessions in the moment in which they end: a renewal that is granted must be worth something. */
export class LateRenewer extends Worker {
  protected override readonly pauseMs = 300;

  protected async turn(): Promise<void> {
    await Promise.all(Array.from({ length: SESSIONS }, () => this.#one()));
  }

  async #one(): Promise<void> {
    const session = await this.#create();
    for (let i = 0; session !== undefined && i < RENEWALS_MAX; i++) {
      const spread = (this.rng.float() * 2 - 1) * this.scene.drift;
      const end = session.renewedAt + TTL_MULTIPLIER * TTL_MS * (1 + spread) + this.rng.float() * 10;
      await this.scene.sleep(Math.max(0, end - this.scene.now));
      const startedAt = this.scene.now;
      const answer = await this.scene.ask(this.somewhere(), 'PUT', `/v1/session/renew/${session.id}`);
      if (answer.status !== 200) return;
      this.job.oracle.renewed(session, startedAt);
      this.scene.count('lateRenewals');
    }
  }

  async #create(): Promise<KeptSession | undefined> {
    const { scene, job } = this;
    const body = JSON.stringify({ Node: pick(this.rng, scene.settled).name, TTL: `${TTL_MS}ms`, NodeChecks: [] });
    const renewedAt = scene.now;
    const created = await scene.change(this.somewhere(), 'PUT', '/v1/session/create', body);
    if (created.outcome !== 'done') return undefined;
    const { ID: id } = JSON.parse(created.body) as { ID: string };
    const session: KeptSession = { id, ttlMs: TTL_MS, renewedAt, isLinked: false, mayEnd: false };
    job.oracle.keep(session);
    return session;
  }
}
