import type { Fenced, Grant } from '../locks.ts';
import type { Machine } from '../machine.ts';
import { type Entry, entryOf, textOf } from './registers.ts';
import { Worker } from './worker.ts';

export const LOCKS = ['lock/a', 'lock/b'];
/** The shortest that there is. */
const TTL_MS = 10_000;
const TURNS_MAX = 5;
const ATTEMPTS_MAX = 8;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Held {
  readonly id: string;
  /** When the last renewal that was granted was asked for: the session lives for a TTL from there. */
  renewedAt: number;
}

export class LockHistory {
  readonly grants: Mutable<Grant>[] = [];
  readonly fenced: Fenced[] = [];
  /** Sessions that may still be there. */
  readonly sessions = new Set<string>();
}

/** Creates a session, takes a lock, writes under it, and lets go of it in one of the ways in which programs end. */
export class LockWorker extends Worker {
  readonly #history: LockHistory;
  protected override readonly pauseMs = 150;

  constructor(load: Worker['load'], random: () => number, history: LockHistory) {
    super(load, random);
    this.#history = history;
  }

  protected async turn(): Promise<void> {
    const at = this.somewhere();
    const body = { Name: 'lock', TTL: `${TTL_MS / 1000}s`, LockDelay: '0s', NodeChecks: [] };
    const created = await at.client.put('/v1/session/create', body);
    if (created.status !== 200) return;
    const { ID: id } = JSON.parse(created.text) as { ID: string };
    this.#history.sessions.add(id);
    const session: Held = { id, renewedAt: created.startedAt };
    const key = this.pick(LOCKS);
    for (let n = 0; n < ATTEMPTS_MAX && !this.load.isOver && !this.load.isPaused; n++) {
      const asked = await at.client.put(`/v1/kv/${key}?acquire=${id}`, id);
      if (asked.outcome === 'unknown') break;
      if (asked.status === 200 && asked.text.trim() === 'true') {
        const { startedAt, endedAt } = asked;
        const heldUntil = session.renewedAt + TTL_MS;
        const grant = { key, session: id, node: at.name, lockIndex: 0, startedAt, endedAt, heldUntil };
        this.#history.grants.push(grant);
        await this.#hold(at, session, grant);
        break;
      }
      await this.load.pause(40 + this.random() * 100);
    }
    await this.#destroy(session);
  }

  async #hold(at: Machine, session: Held, grant: Mutable<Grant>): Promise<void> {
    const entry = entryOf(await at.client.get(`/v1/kv/${grant.key}?consistent`));
    if (entry?.Session === session.id) grant.lockIndex = entry.LockIndex;
    for (let turns = Math.floor(this.random() * TURNS_MAX); turns > 0 && !this.load.isOver; turns--) {
      await this.#write(grant);
      await this.load.pause(this.random() * 100);
      if (!(await this.#renew(at, session, grant))) break;
    }
    const roll = this.random();
    grant.heldUntil = Math.min(grant.heldUntil, performance.now());
    if (roll < 0.5) await at.client.put(`/v1/kv/${grant.key}?release=${session.id}`, '');
  }

  /** Writes the fencing number beside the lock, in a transaction that checks who has it. */
  async #write({ key, session, lockIndex }: Grant): Promise<void> {
    if (lockIndex === 0) return;
    const Value = Buffer.from(String(lockIndex)).toString('base64');
    const operations = [
      { KV: { Verb: 'check-session', Key: key, Session: session } },
      { KV: { Verb: 'set', Key: `under/${key}`, Value } },
    ];
    const answer = await this.somewhere().client.put('/v1/txn', operations);
    if (answer.status !== 200) return;
    const { Results } = JSON.parse(answer.text) as { Results: { KV: Entry }[] };
    const written = Results.find(({ KV }) => KV.Key === `under/${key}`)?.KV;
    if (written !== undefined) this.#history.fenced.push({ key, lockIndex, index: written.ModifyIndex });
  }

  async #renew(at: Machine, session: Held, grant: Mutable<Grant>): Promise<boolean> {
    const { status, startedAt } = await at.client.put(`/v1/session/renew/${session.id}`);
    if (status !== 200) return false;
    session.renewedAt = startedAt;
    grant.heldUntil = startedAt + TTL_MS;
    return true;
  }

  async #destroy({ id }: Held): Promise<void> {
    const { status } = await this.somewhere().client.put(`/v1/session/destroy/${id}`);
    if (status === 200) this.#history.sessions.delete(id);
  }
}

/** The fencing numbers that readers see written, to be judged with those that writers were told. */
export class FenceReader extends Worker {
  readonly #history: LockHistory;
  protected override readonly pauseMs = 200;

  constructor(load: Worker['load'], random: () => number, history: LockHistory) {
    super(load, random);
    this.#history = history;
  }

  protected async turn(): Promise<void> {
    const key = this.pick(LOCKS);
    const entry = entryOf(await this.somewhere().client.get(`/v1/kv/under/${key}?stale`));
    const lockIndex = Number(textOf(entry));
    if (entry !== undefined) this.#history.fenced.push({ key, lockIndex, index: entry.ModifyIndex });
  }
}
