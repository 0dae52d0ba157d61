import type { Answer } from '../client.ts';
import type { RegisterOp } from '../registers.ts';
import { Worker } from './worker.ts';

/** An entry as `/v1/kv/` lists it. */
export interface Entry {
  readonly Key: string;
  readonly Value: string | null;
  readonly ModifyIndex: number;
  readonly LockIndex: number;
  readonly Session?: string;
}

/** The first entry of an answer; undefined for a key that is not there. */
export function entryOf({ status, text }: Answer): Entry | undefined {
  return status === 200 ? (JSON.parse(text) as Entry[])[0] : undefined;
}

export const textOf = (entry: Entry | undefined): string | undefined =>
  entry === undefined ? undefined : Buffer.from(entry.Value ?? '', 'base64').toString();

export const REGISTERS = ['r/0', 'r/1', 'r/2', 'r/3'];

/** What became of all operations on registers. */
export class RegisterHistory {
  readonly ops: RegisterOp[] = [];
  #values = 0;

  next(): string {
    return `v${++this.#values}`;
  }
}

const isAnswered = (a: Answer): boolean => a.status === 200 || a.status === 404;

/** Writes to registers, also by compare-and-set, and reads from them in all three modes. */
export class RegisterWorker extends Worker {
  readonly #history: RegisterHistory;

  constructor(load: Worker['load'], random: () => number, history: RegisterHistory) {
    super(load, random);
    this.#history = history;
  }

  protected async turn(): Promise<void> {
    const key = this.pick(REGISTERS);
    const roll = this.random();
    if (roll < 0.3) await this.#write(key);
    else if (roll < 0.5) await this.#swap(key);
    else if (roll < 0.7) await this.#read(key, 'default');
    else if (roll < 0.85) await this.#read(key, 'consistent');
    else await this.#read(key, 'stale');
  }

  async #write(key: string, cas?: number): Promise<void> {
    const value = this.#history.next();
    const at = this.somewhere();
    const query = cas === undefined ? '' : `?cas=${cas}`;
    const begun = {
      key,
      value,
      kind: 'write' as const,
      mode: 'default' as const,
      at: at.name,
      index: 0,
      startedAt: performance.now(),
      endedAt: Number.POSITIVE_INFINITY,
      ...(cas === undefined ? {} : { cas }),
    };
    // Others may read it before its answer comes.
    const place = this.#history.ops.push(begun) - 1;
    const answer = await at.client.put(`/v1/kv/${key}${query}`, value);
    const isDone = answer.outcome === 'done' && answer.text.trim() === 'true';
    const isRefused = answer.outcome === 'refused' || (answer.outcome === 'done' && !isDone);
    this.#history.ops[place] = {
      ...begun,
      endedAt: isDone ? answer.endedAt : Number.POSITIVE_INFINITY,
      ...(isRefused ? { isRefused } : {}),
    };
  }

  async #swap(key: string): Promise<void> {
    const entry = await this.#read(key, 'default');
    if (entry !== 'failed') await this.#write(key, entry?.ModifyIndex ?? 0);
  }

  async #read(key: string, mode: RegisterOp['mode']): Promise<Entry | undefined | 'failed'> {
    const at = this.somewhere();
    const answer = await at.client.get(`/v1/kv/${key}${mode === 'default' ? '' : `?${mode}`}`);
    if (!isAnswered(answer)) return 'failed';
    const entry = entryOf(answer);
    const { startedAt, endedAt, ageMs } = answer;
    const index = entry?.ModifyIndex ?? 0;
    const op = { key, mode, index, startedAt, endedAt, kind: 'read' as const, value: textOf(entry), at: at.name };
    this.#history.ops.push(mode === 'stale' ? { ...op, ageMs } : op);
    return entry;
  }
}
