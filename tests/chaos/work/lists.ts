import type { Answer } from '../client.ts';
import type { Append, ListRead } from '../lists.ts';
import type { Machine } from '../machine.ts';
import { type Entry, textOf } from './registers.ts';
import { Worker } from './worker.ts';

export const LISTS = ['list/a', 'list/b'];
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const itemsOf = (entry: Entry | undefined): string[] => (textOf(entry) ?? '').split(',').filter((item) => item !== '');

export class ListHistory {
  readonly appends: Append[] = [];
  readonly reads: ListRead[] = [];
  #items = 0;

  next(): string {
    return `i${++this.#items}`;
  }

  /** Reads both copies of a list. The index is that of the first one, 0 when it is not there. */
  async read(at: Machine, key: string, mode: string): Promise<(ListRead & { readonly index: number }) | undefined> {
    const answer: Answer = await at.client.get(`/v1/kv/${key}?recurse${mode}`);
    if (answer.status !== 200 && answer.status !== 404) return undefined;
    const rows = answer.status === 404 ? [] : (JSON.parse(answer.text) as Entry[]);
    const [first, second] = [key, `${key}-copy`].map((k) => rows.find((r) => r.Key === k));
    const read = {
      key,
      at: at.name,
      isStale: mode === '&stale',
      items: itemsOf(first),
      copy: itemsOf(second),
      startedAt: answer.startedAt,
      endedAt: answer.endedAt,
      index: first?.ModifyIndex ?? 0,
    };
    this.reads.push(read);
    return read;
  }
}

/** Appends to lists, each of which is kept twice, by transactions. */
export class ListWorker extends Worker {
  readonly #history: ListHistory;

  constructor(load: Worker['load'], random: () => number, history: ListHistory) {
    super(load, random);
    this.#history = history;
  }

  protected async turn(): Promise<void> {
    const key = this.pick(LISTS);
    const mode = this.pick(['', '', '&consistent', '&stale']);
    const read = await this.#history.read(this.somewhere(), key, mode);
    if (read === undefined || mode === '&stale') return;
    const item = this.#history.next();
    const Value = base64([...read.items, item].join(','));
    const check =
      read.index === 0
        ? { KV: { Verb: 'check-not-exists', Key: key } }
        : { KV: { Verb: 'check-index', Key: key, Index: read.index } };
    const sets = [key, `${key}-copy`].map((Key) => ({ KV: { Verb: 'set', Key, Value } }));
    const { outcome, startedAt, endedAt } = await this.somewhere().client.put('/v1/txn', [check, ...sets]);
    const ended = outcome === 'done' ? endedAt : Number.POSITIVE_INFINITY;
    this.#history.appends.push({ key, item, startedAt, endedAt: ended, outcome });
  }
}
