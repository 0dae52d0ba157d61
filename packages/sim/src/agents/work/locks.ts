import type { Millis } from '@proconsul/base';
import type { Machine } from '../machine.ts';
import { DRIFT_MAX, type KeptSession } from '../oracle.ts';
import { pick, type Scene } from '../scene.ts';
import { entryOf } from './registers.ts';
import { type Job, Worker } from './worker.ts';

const TTLS_MS = [1000, 2000, 4000];
const DELAYS_MS = [0, 1500, 4000];

/** A lock as its holder sees it: its own from `from` until `until` at least. */
interface Belief {
  readonly session: KeptSession;
  readonly from: Millis;
  /** Infinity: for as long as the session lives. */
  until: Millis;
}

/** What holders of locks believe, by key. */
export class Beliefs {
  readonly #scene: Scene;
  readonly #byKey = new Map<string, Belief[]>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** A request for the lock, made between `startedAt` and now, was granted: nobody else may have held it all the time. */
  granted(key: string, session: KeptSession, startedAt: Millis): Belief {
    const { now } = this.#scene;
    const list = this.#byKey.get(key) ?? [];
    for (const b of list) {
      if (b.session === session || startedAt < b.from || now > endOf(b)) continue;
      this.#scene.fail(`${key} was given to ${session.id} while ${b.session.id} held it`);
    }
    const belief = { session, from: now, until: Number.POSITIVE_INFINITY };
    this.#byKey.set(key, [...list.slice(-20), belief]);
    return belief;
  }
}

/** A session lives at least for one TTL after its last renewal; a holder that is wise counts on no more. */
const endOf = ({ session, until }: Belief): Millis =>
  session.isLinked ? 0 : Math.min(until, session.renewedAt + session.ttlMs / (1 + DRIFT_MAX));

/** Creates a session, takes a lock, works, and lets go of it in one of the ways in which programs end. */
export class LockWorker extends Worker {
  readonly #keys: readonly string[];
  readonly #beliefs: Beliefs;
  protected override readonly pauseMs = 400;

  constructor(job: Job, name: string, keys: readonly string[], beliefs: Beliefs) {
    super(job, name);
    this.#keys = keys;
    this.#beliefs = beliefs;
  }

  protected async turn(): Promise<void> {
    const session = await this.#create();
    if (session === undefined) return;
    const key = pick(this.rng, this.#keys);
    const at = this.somewhere();
    for (let attempt = 0; attempt < 12 && !this.job.isOver(); attempt++) {
      const startedAt = this.scene.now;
      const { outcome, body } = await this.scene.change(at, 'PUT', `/v1/kv/${key}?acquire=${session.id}`, session.id);
      if (outcome === 'done' && body === 'true') {
        await this.#hold(at, key, session, this.#beliefs.granted(key, session, startedAt));
        return;
      }
      if (outcome === 'unknown' || !(await this.#renew(at, session))) break;
      await this.scene.sleep(this.rng.float() * 600);
    }
    if (this.rng.float() < 0.5) await this.#destroy(at, session);
  }

  async #create(): Promise<KeptSession | undefined> {
    const { scene, job } = this;
    const ttlMs = pick(this.rng, TTLS_MS);
    const delayMs = pick(this.rng, DELAYS_MS);
    const isLinked = this.rng.float() < 0.25;
    const body = JSON.stringify({
      Name: 'lock',
      Node: pick(this.rng, scene.settled).name,
      TTL: `${ttlMs}ms`,
      LockDelay: `${delayMs}ms`,
      ...(isLinked ? {} : { NodeChecks: [] }),
    });
    const renewedAt = scene.now;
    const created = await scene.change(this.somewhere(), 'PUT', '/v1/session/create', body);
    if (created.outcome !== 'done') return undefined;
    const { ID } = JSON.parse(created.body) as { ID: string };
    const session: KeptSession = { id: ID, ttlMs, renewedAt, isLinked, mayEnd: isLinked };
    job.oracle.keep(session);
    job.oracle.delayOf(ID, delayMs);
    scene.count('sessions');
    return session;
  }

  /** False when the session is gone, or nobody knows. */
  async #renew(at: Machine, session: KeptSession): Promise<boolean> {
    const { scene } = this;
    const startedAt = scene.now;
    const answer = await scene.ask(at, 'PUT', `/v1/session/renew/${session.id}`);
    if (answer.status === 200) {
      this.job.oracle.renewed(session, startedAt);
      return true;
    }
    const least = session.renewedAt + session.ttlMs / (1 + DRIFT_MAX);
    if (answer.status === 404 && !session.mayEnd && scene.now < least) {
      scene.fail(`session ${session.id} was gone ${Math.round(least - scene.now)} ms before its TTL`);
    }
    return false;
  }

  async #destroy(at: Machine, session: KeptSession): Promise<void> {
    session.mayEnd = true;
    await this.scene.change(at, 'PUT', `/v1/session/destroy/${session.id}`);
  }

  async #hold(at: Machine, key: string, session: KeptSession, belief: Belief): Promise<void> {
    await this.#fence(key, session);
    for (let turns = this.rng.int(6); turns > 0; turns--) {
      await this.scene.sleep(session.ttlMs * this.rng.float() * 0.8);
      if (!(await this.#renew(at, session))) break;
    }
    const roll = this.rng.float();
    belief.until = this.scene.now;
    if (roll < 0.4) await this.scene.change(at, 'PUT', `/v1/kv/${key}?release=${session.id}`, '');
    // Some die with their lock: only time ends it.
    if (roll < 0.7) await this.#destroy(at, session);
  }

  /** Whoever holds a lock finds itself written there, unless it has lost it meanwhile. */
  async #fence(key: string, session: KeptSession): Promise<void> {
    const answer = await this.scene.ask(this.somewhere(), 'GET', `/v1/kv/${key}?consistent`);
    if (answer.status >= 500 || session.mayEnd) return;
    const end = session.renewedAt + session.ttlMs / (1 + DRIFT_MAX);
    if (this.scene.now < end && entryOf(answer)?.Session !== session.id) {
      this.scene.fail(`${session.id} was given ${key}, which does not say so`);
    }
  }
}
