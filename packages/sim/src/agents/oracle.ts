import type { LocalServer } from '@proconsul/agent';
import type { Millis } from '@proconsul/base';
import { InstanceLog } from './instances.ts';
import type { Life, Machine } from './machine.ts';
import type { Scene } from './scene.ts';

/** Clocks run fast by at most this share: what is a TTL on a server's clock is at least that much less of true time. */
export const DRIFT_MAX = 0.05;
/** Sessions end this many TTLs after their last renewal at the earliest. Source: sessions documentation, measured. */
export const TTL_MULTIPLIER = 2;
/** Rounding of clocks. */
const SLACK_MS: Millis = 2;

/** A session with a TTL, as the client knows that keeps it. */
export interface KeptSession {
  readonly id: string;
  readonly ttlMs: Millis;
  /** When the last renewal began that was answered. */
  renewedAt: Millis;
  /** The health of its node may end it too: nobody can count on it. */
  readonly isLinked: boolean;
  /** Its client has asked for its end, or something else than time may end it. */
  mayEnd: boolean;
}

/** How long it lives at least after a renewal. */
const leastMs = ({ ttlMs }: KeptSession): Millis => (TTL_MULTIPLIER * ttlMs) / (1 + DRIFT_MAX) - SLACK_MS;

/** What was seen of one life of a server. */
interface Seen {
  readonly life: Life;
  applied: number;
  led: boolean;
  term: number;
  readonly locks: Map<string, { session: string; lockIndex: number }>;
  /** When keys may be locked again, on the server's clock; by key, while the same server leads in the same term. */
  readonly opensAt: Map<string, Millis>;
}

/** Sees the state of all servers after every event, and knows what must never be there. */
export class Oracle {
  readonly #scene: Scene;
  readonly #registers: readonly string[];
  readonly #locks: readonly string[];
  readonly #seen = new Map<Machine, Seen>();
  /** By key and index: the one value that was written there. */
  readonly #values = new Map<string, string>();
  /** By key and LockIndex: the one session that had the lock. */
  readonly #holders = new Map<string, string>();
  /** By key and value: its index. */
  readonly #indexOf = new Map<string, number>();
  readonly #sessions = new Map<string, KeptSession>();
  /** Instances of the service that programs look for. */
  readonly web: InstanceLog;
  /** Lock delays by session, in milliseconds. */
  readonly #delays = new Map<string, Millis>();

  constructor(scene: Scene, registers: readonly string[], locks: readonly string[]) {
    this.#scene = scene;
    this.web = new InstanceLog(scene);
    this.#registers = registers;
    this.#locks = locks;
  }

  /** The index at which a value was written, once any server has applied it. */
  indexOf(key: string, value: string): number | undefined {
    return this.#indexOf.get(`${key} ${value}`);
  }

  keep(session: KeptSession): void {
    this.#sessions.set(session.id, session);
  }

  /** A renewal that was asked for at `startedAt` was granted just now: the session lives. */
  renewed(session: KeptSession, startedAt: Millis): void {
    session.renewedAt = startedAt;
    this.#scene.count('renewals');
    const endedAt = this.#ended.get(session.id);
    if (endedAt === undefined || session.mayEnd) return;
    const lived = endedAt - startedAt;
    if (lived < leastMs(session)) {
      this.#fail(`session ${session.id} was renewed, but ended ${Math.round(lived)} ms after that was asked for`);
    }
  }

  delayOf(session: string, delayMs: Millis): void {
    this.#delays.set(session, delayMs);
  }

  look(): void {
    for (const m of this.#scene.machines) if (m.server !== undefined) this.#lookAt(m, m.server);
  }

  #lookAt(m: Machine, server: LocalServer): void {
    const { store, raft } = server;
    const applied = store.lastIndex;
    const leads = server.server.leads();
    let seen = this.#seen.get(m);
    if (seen === undefined || seen.life !== m.life) {
      seen = { life: m.life as Life, applied: 0, led: false, term: 0, locks: new Map(), opensAt: new Map() };
      this.#seen.set(m, seen);
    }
    const { term } = raft.core;
    if (raft.role !== 'leader' || term !== seen.term) {
      seen.opensAt.clear();
      seen.term = term;
      seen.led = false;
    }
    if (applied < seen.applied) this.#fail(`the index of ${m.name} went back from ${seen.applied} to ${applied}`);
    if (applied !== seen.applied) {
      this.#lookAtRegisters(m, server);
      this.#lookAtLocks(m, server, seen);
      this.#lookAtSessions(m, server);
      this.web.applied(applied, () => store.health.serviceNodes({ ServiceName: 'web' }).value);
      seen.applied = applied;
    }
    if (leads) this.web.led(applied);
    seen.led = leads;
  }

  #fail(text: string): void {
    this.#scene.fail(text);
  }

  /** Every server has the same value at the same index. */
  #lookAtRegisters(m: Machine, { store }: LocalServer): void {
    for (const key of this.#registers) {
      const row = store.kv.get(key).value;
      if (row === null) continue;
      const value = row.Value === null ? '' : String.fromCharCode(...row.Value);
      const place = `${key} ${row.ModifyIndex}`;
      const known = this.#values.get(place);
      if (known !== undefined && known !== value)
        this.#fail(`${m.name} has ${value} at ${place}, where ${known} stands`);
      if (known !== undefined) continue;
      this.#values.set(place, value);
      this.#indexOf.set(`${key} ${value}`, row.ModifyIndex);
    }
  }

  #lookAtLocks(m: Machine, server: LocalServer, seen: Seen): void {
    const { store } = server;
    for (const key of this.#locks) {
      const row = store.kv.get(key).value;
      const session = row?.Session ?? '';
      const lockIndex = row?.LockIndex ?? 0;
      const before = seen.locks.get(key) ?? { session: '', lockIndex: 0 };
      if (session !== '') {
        if (store.sessions.get(session).value.length === 0) this.#fail(`${m.name}: ${key} is locked by a dead session`);
        this.#holds(`${key} ${lockIndex}`, session);
      }
      if (lockIndex < before.lockIndex) this.#fail(`${m.name}: the LockIndex of ${key} went back`);
      if (session === before.session && lockIndex === before.lockIndex) continue;
      if (lockIndex > before.lockIndex) this.#acquired(m, key, seen);
      if (before.session !== '' && before.session !== session) this.#lost(m, server, key, before.session, seen);
      seen.locks.set(key, { session, lockIndex });
    }
  }

  /** One LockIndex never belongs to two sessions: it is a fencing number. */
  #holds(place: string, session: string): void {
    const known = this.#holders.get(place);
    if (known !== undefined && known !== session) this.#fail(`${place} was the lock of ${known}, now of ${session}`);
    this.#holders.set(place, session);
  }

  #acquired(m: Machine, key: string, seen: Seen): void {
    const opensAt = seen.opensAt.get(key);
    const now = seen.life.process.now();
    if (opensAt !== undefined && now < opensAt - SLACK_MS) {
      this.#fail(`${m.name}: ${key} was locked ${Math.round(opensAt - now)} ms before its lock delay was over`);
    }
    this.#scene.count('locks');
  }

  /** Whoever held the key does no longer: released, or its session is gone. Only the leader of the moment knows the delay. */
  #lost(m: Machine, { store, server }: LocalServer, key: string, session: string, seen: Seen): void {
    if (store.sessions.get(session).value.length > 0) return;
    const delayMs = this.#delays.get(session) ?? 0;
    if (!seen.led || !server.leads() || delayMs === 0) return;
    const isHeld = (store.kv.get(key).value?.Session ?? '') !== '';
    if (isHeld) this.#fail(`${m.name}: ${key} went to another session in the moment in which its own ended`);
    seen.opensAt.set(key, seen.life.process.now() + delayMs);
    this.#scene.count('lockDelays');
  }

  /** No session ends before its time. */
  #lookAtSessions(m: Machine, { store }: LocalServer): void {
    for (const s of this.#sessions.values()) {
      if (store.sessions.get(s.id).value.length > 0) {
        this.#exists.add(`${m.name} ${m.starts} ${s.id}`);
        continue;
      }
      // This server may not have got as far as its creation.
      if (!this.#exists.has(`${m.name} ${m.starts} ${s.id}`)) continue;
      this.#sessions.delete(s.id);
      this.#ended.set(s.id, this.#scene.now);
      const lived = this.#scene.now - s.renewedAt;
      if (!s.mayEnd && lived < leastMs(s)) {
        this.#fail(
          `${m.name}: session ${s.id} with a TTL of ${s.ttlMs} ms ended ${Math.round(lived)} ms after its renewal`,
        );
      }
      this.#scene.count(s.mayEnd ? 'sessionsEnded' : 'sessionsExpired');
    }
  }

  readonly #exists = new Set<string>();
  /** When sessions were first seen to be gone. */
  readonly #ended = new Map<string, Millis>();

  /** Sessions that the leader still has, although nobody renews them. */
  overdue({ store }: LocalServer): string[] {
    const { now } = this.#scene;
    const late = (s: KeptSession): boolean => now - s.renewedAt > TTL_MULTIPLIER * s.ttlMs * (1 + 2 * DRIFT_MAX) + 5000;
    return [...this.#sessions.values()]
      .filter((s) => late(s) && store.sessions.get(s.id).value.length > 0)
      .map((s) => s.id);
  }
}
