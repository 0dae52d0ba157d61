import type { Millis } from '@proconsul/base';
import type { Operation } from '../../linearizability.ts';
import { findAnomaly } from '../../register-zones.ts';
import { type HttpAnswer, NoAnswer } from '../http.ts';
import type { Machine } from '../machine.ts';
import { DRIFT_MAX, type Oracle } from '../oracle.ts';
import type { Scene } from '../scene.ts';
import { pick } from '../scene.ts';
import { type Job, Worker } from './worker.ts';

/** A stale answer may be this much older than it says. Source: reliability goals, R11. */
export const AGE_TOLERANCE_MS: Millis = 100;

/** A key as an answer shows it. */
export interface Entry {
  readonly Value: string;
  readonly ModifyIndex: number;
  readonly LockIndex: number;
  readonly Session?: string;
}

/** The entry of an answer; undefined for a key that is not there. */
export function entryOf(answer: HttpAnswer): Entry | undefined {
  if (answer.status === 404) return undefined;
  const [entry] = JSON.parse(answer.body) as [Entry];
  return { ...entry, Value: fromBase64(entry.Value) };
}

export const fromBase64 = (text: string | null): string => (text === null ? '' : atob(text));

/** What clients wrote to registers and read from them. */
export class Registers {
  readonly #scene: Scene;
  readonly #oracle: Oracle;
  readonly #histories = new Map<string, { -readonly [K in keyof Operation]: Operation[K] }[]>();
  /** Values that were refused. */
  readonly #refused = new Set<string>();
  /** Acknowledged conditional writes: by key and index. */
  readonly #swapped = new Map<string, string>();
  readonly #acknowledged = new Map<string, { readonly value: string; readonly at: Millis }[]>();
  readonly #prefix: string;
  #values = 0;

  /** Values begin with `prefix`. */
  constructor(scene: Scene, oracle: Oracle, keys: readonly string[], prefix = 'v') {
    this.#scene = scene;
    this.#prefix = prefix;
    this.#oracle = oracle;
    for (const key of keys) {
      this.#histories.set(key, []);
      this.#acknowledged.set(key, []);
    }
  }

  get keys(): string[] {
    return [...this.#histories.keys()];
  }

  nextValue(): string {
    return `${this.#prefix}${++this.#values}`;
  }

  async write(
    job: () => ReturnType<Scene['change']>,
    key: string,
    value: string,
    cas: number | undefined,
  ): Promise<void> {
    const op = { kind: 'write' as const, value, startedAt: this.#scene.now, endedAt: Number.POSITIVE_INFINITY };
    this.#histories.get(key)?.push(op);
    const { outcome, body } = await job();
    if (outcome === 'done' && body === 'true') {
      op.endedAt = this.#scene.now;
      this.#scene.count('writes');
      this.#acknowledged.get(key)?.push({ value, at: this.#scene.now });
      if (cas !== undefined) this.#swap(key, cas, value);
    } else if (outcome === 'refused' || body === 'false') this.#refused.add(value);
  }

  #swap(key: string, index: number, value: string): void {
    const place = `${key} at ${index}`;
    const other = this.#swapped.get(place);
    if (other !== undefined) this.#scene.fail(`${other} and ${value} both replaced ${place}`);
    this.#swapped.set(place, value);
  }

  /** An answer that claims to be of a moment since `startedAt`. */
  read(key: string, startedAt: Millis, entry: Entry | undefined): void {
    const value = entry?.Value;
    this.#histories.get(key)?.push({ kind: 'read', value, startedAt, endedAt: this.#scene.now });
    this.#scene.count('reads');
    this.#checkRefused(value);
  }

  #checkRefused(value: string | undefined): void {
    if (value !== undefined && this.#refused.has(value))
      this.#scene.fail(`${value} was read, but its write was refused`);
  }

  /** An answer may be old, but not older than it says. */
  staleRead(key: string, startedAt: Millis, answer: HttpAnswer): void {
    const entry = entryOf(answer);
    this.#checkRefused(entry?.Value);
    this.#scene.count('staleReads');
    const told = Number(answer.headers.get('x-consul-lastcontact')) * (1 + DRIFT_MAX);
    const index = entry?.ModifyIndex ?? 0;
    for (const { value, at } of this.#acknowledged.get(key) ?? []) {
      const written = this.#oracle.indexOf(key, value);
      if (written === undefined || written <= index) continue;
      const age = startedAt - at;
      if (age > told + AGE_TOLERANCE_MS) {
        const what = entry === undefined ? 'nothing' : entry.Value;
        this.#scene.fail(
          `a stale read of ${key} says ${what} and that it is ${told} ms old, but it is ${Math.round(age)}`,
        );
      }
      return;
    }
  }

  check(): void {
    for (const [key, ops] of this.#histories) {
      const anomaly = findAnomaly(ops);
      if (anomaly) this.#scene.fail(`the history of ${key} is not linearizable: ${anomaly.why} (${anomaly.values})`);
    }
  }
}

/** Writes to registers and reads from them, in all three modes. */
export class RegisterWorker extends Worker {
  readonly #registers: Registers;
  protected override readonly pauseMs = 60;

  constructor(job: Job, name: string, registers: Registers) {
    super(job, name);
    this.#registers = registers;
  }

  protected async turn(): Promise<void> {
    const key = pick(this.rng, this.#registers.keys);
    const roll = this.rng.float();
    if (roll < 0.3) await this.#put(key);
    else if (roll < 0.45) await this.#swap(key);
    else if (roll < 0.75) await this.#read(key, this.rng.float() < 0.6 ? '' : '?consistent');
    else await this.#stale(key);
  }

  /** Some give up soon: a read without an answer is nothing to wait for. */
  #patienceMs(): Millis {
    return this.rng.float() < 0.7 ? 1500 : 10_000;
  }

  async #put(key: string): Promise<void> {
    const value = this.#registers.nextValue();
    const at = this.somewhere();
    await this.#registers.write(() => this.scene.change(at, 'PUT', `/v1/kv/${key}`, value), key, value, undefined);
  }

  async #swap(key: string): Promise<void> {
    const entry = await this.#read(key, '');
    if (entry === 'failed') return;
    const value = this.#registers.nextValue();
    const index = entry?.ModifyIndex ?? 0;
    const at = this.somewhere();
    const target = `/v1/kv/${key}?cas=${index}`;
    await this.#registers.write(() => this.scene.change(at, 'PUT', target, value), key, value, index);
  }

  async #read(key: string, query: string): Promise<Entry | undefined | 'failed'> {
    const startedAt = this.scene.now;
    const answer = await this.scene.ask(this.somewhere(), 'GET', `/v1/kv/${key}${query}`, '', this.#patienceMs());
    if (answer.status >= 500) return 'failed';
    const entry = entryOf(answer);
    this.#registers.read(key, startedAt, entry);
    return entry;
  }

  async #stale(key: string): Promise<void> {
    const startedAt = this.scene.now;
    const answer = await this.scene.ask(this.somewhere(), 'GET', `/v1/kv/${key}?stale`, '', this.#patienceMs());
    if (answer.status < 500) this.#registers.staleRead(key, startedAt, answer);
  }
}

/** Requests of one reader that wait for their answers. */
const OPEN_MAX = 20;

/** A program beside a server that reads what that one has, and goes on asking while its server stands still or is cut off. */
export class StaleReader extends Worker {
  readonly #registers: Registers;
  readonly #at: Machine;
  protected override readonly pauseMs = 250;
  #open = 0;

  constructor(job: Job, at: Machine, registers: Registers) {
    super(job, `stale reads at ${at.name}`);
    this.#at = at;
    this.#registers = registers;
  }

  protected async turn(): Promise<void> {
    if (this.#open >= OPEN_MAX || !this.#at.isUp) return;
    this.#open++;
    this.#read(pick(this.rng, this.#registers.keys))
      .catch((error: Error) => error instanceof NoAnswer || this.scene.fail(error))
      .finally(() => {
        this.#open--;
      });
  }

  async #read(key: string): Promise<void> {
    const startedAt = this.scene.now;
    const answer = await this.scene.ask(this.#at, 'GET', `/v1/kv/${key}?stale`);
    if (answer.status < 500) this.#registers.staleRead(key, startedAt, answer);
  }
}
