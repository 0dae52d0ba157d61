/** What a key may hold: the text last acknowledged, or null for nothing. */
export type State = string | null;

/** One entry as `/v1/kv?recurse` lists it. */
export interface Entry {
  readonly Key: string;
  readonly Value: string | null;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

interface Known {
  acked: State;
  /** A write that was sent and not yet answered: it may have happened. Undefined: there is none. */
  pending: State | undefined;
  createIndex: number;
  /** The last one that was seen: no later one is smaller. */
  modifyIndex: number;
  /** The one that the last acknowledgement named; 0 when it named none. */
  exactIndex: number;
}

/**
 * What a durable server may answer after it was killed: for each key the acknowledged state or, where one write was on
 * its way, that; for keys written by one transaction the same for all of them; indexes that never go back.
 */
export class KillModel {
  readonly #keys = new Map<string, Known>();
  readonly #groups: (readonly string[])[] = [];
  #index = 0;
  acked = 0;

  /** Keys that are only ever written together, by a transaction, with the same state. */
  group(keys: readonly string[]): void {
    this.#groups.push(keys);
  }

  #known(key: string): Known {
    let known = this.#keys.get(key);
    if (known === undefined) {
      known = { acked: null, pending: undefined, createIndex: 0, modifyIndex: 0, exactIndex: 0 };
      this.#keys.set(key, known);
    }
    return known;
  }

  /** Must be called before the write is sent. One at a time for each key. */
  begin(keys: readonly string[], state: State): void {
    for (const key of keys) {
      const known = this.#known(key);
      if (known.pending !== undefined) throw new Error(`two writes of ${key} at once`);
      known.pending = state;
    }
  }

  /** The server said yes: from here on it must never be lost. */
  ack(keys: readonly string[], modifyIndex = 0): void {
    for (const key of keys) {
      const known = this.#known(key);
      known.acked = known.pending ?? null;
      known.pending = undefined;
      known.exactIndex = modifyIndex;
      if (modifyIndex > 0) known.modifyIndex = modifyIndex;
    }
    this.acked++;
  }

  acknowledged(key: string): { readonly state: State; readonly modifyIndex: number } {
    const { acked, modifyIndex } = this.#known(key);
    return { state: acked, modifyIndex };
  }

  /**
   * Compares everything that the server lists after a restart with what it may hold, and takes that as the new truth.
   * Returns what is wrong, in sentences; empty when all is well.
   */
  check(entries: readonly Entry[], index: number): string[] {
    const wrong: string[] = [];
    if (index < this.#index) wrong.push(`the index went back from ${this.#index} to ${index}`);
    this.#index = index;
    const found = new Map(entries.map((e) => [e.Key, e]));
    for (const group of this.#groups) wrong.push(...halfApplied(group, found));
    for (const [key, known] of this.#keys) {
      const problem = settle(key, known, found.get(key));
      if (problem !== undefined) wrong.push(problem);
    }
    for (const key of found.keys()) if (!this.#keys.has(key)) wrong.push(`${key} was never written`);
    return wrong;
  }
}

const stateOf = (entry: Entry | undefined): State =>
  entry === undefined ? null : Buffer.from(entry.Value ?? '', 'base64').toString();

function halfApplied(group: readonly string[], found: ReadonlyMap<string, Entry>): string[] {
  const first = group[0] as string;
  const wrong: string[] = [];
  for (const key of group.slice(1)) {
    const [a, b] = [found.get(first), found.get(key)];
    if (stateOf(a) !== stateOf(b)) wrong.push(`half a transaction: ${first}=${stateOf(a)}, ${key}=${stateOf(b)}`);
    else if (a?.ModifyIndex !== b?.ModifyIndex) wrong.push(`${first} and ${key} differ in their ModifyIndex`);
  }
  return wrong;
}

function settle(key: string, known: Known, entry: Entry | undefined): string | undefined {
  const state = stateOf(entry);
  const { acked, pending, createIndex, modifyIndex, exactIndex } = known;
  if (state !== acked && (pending === undefined || state !== pending)) {
    return `${key} is ${state}; acknowledged was ${acked}, on its way ${pending === undefined ? 'nothing' : pending}`;
  }
  known.acked = state;
  known.pending = undefined;
  known.exactIndex = 0;
  if (entry === undefined) return undefined;
  known.createIndex = entry.CreateIndex;
  known.modifyIndex = entry.ModifyIndex;
  if (entry.ModifyIndex < modifyIndex) return `${key}: ModifyIndex went back from ${modifyIndex}`;
  if (state === acked && pending === undefined && exactIndex > 0 && entry.ModifyIndex !== exactIndex) {
    return `${key}: ModifyIndex ${entry.ModifyIndex}, acknowledged with ${exactIndex}`;
  }
  if (entry.CreateIndex < createIndex) return `${key}: CreateIndex went back from ${createIndex}`;
  if (entry.ModifyIndex < entry.CreateIndex) return `${key}: modified before it was made`;
  return undefined;
}
