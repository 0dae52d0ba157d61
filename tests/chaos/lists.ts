/** One append to a list, by a transaction that checks the index and writes both copies. */
export interface Append {
  readonly key: string;
  readonly item: string;
  readonly startedAt: number;
  /** Infinity when no answer came. */
  readonly endedAt: number;
  readonly outcome: 'done' | 'refused' | 'unknown';
}

/** Both copies of a list, as one request found them. */
export interface ListRead {
  readonly key: string;
  readonly at: string;
  readonly isStale: boolean;
  readonly items: readonly string[];
  readonly copy: readonly string[];
  readonly startedAt: number;
  readonly endedAt: number;
}

/**
 * What is wrong with appends to lists: each acknowledged item is in the end there once, no refused one is; no read sees half a
 * transaction; every read is a beginning of the list as it is in the end, and, unless it is stale, has all that was acknowledged
 * before it began and all that an earlier one had seen. `ended` is what stands there in the end, by key.
 */
export function checkLists(
  appends: readonly Append[],
  reads: readonly ListRead[],
  ended: ReadonlyMap<string, readonly string[]>,
): string[] {
  const wrong: string[] = [];
  for (const [key, items] of ended) {
    const mine = appends.filter((a) => a.key === key);
    wrong.push(...checkItems(key, mine, items));
    wrong.push(
      ...checkReads(
        key,
        mine,
        reads.filter((r) => r.key === key),
        items,
      ),
    );
  }
  return wrong;
}

function checkItems(key: string, appends: readonly Append[], items: readonly string[]): string[] {
  const wrong: string[] = [];
  if (new Set(items).size !== items.length) wrong.push(`${key} has an item twice`);
  const sent = new Map(appends.map((a) => [a.item, a]));
  const there = new Set(items);
  for (const { item, outcome } of appends) {
    if (outcome === 'done' && !there.has(item)) wrong.push(`${key} has lost ${item}, which was acknowledged`);
    if (outcome === 'refused' && there.has(item)) wrong.push(`${key} has ${item}, which was refused`);
  }
  for (const item of items) if (!sent.has(item)) wrong.push(`${key} has ${item}, which nobody appended`);
  return wrong;
}

function checkReads(
  key: string,
  appends: readonly Append[],
  reads: readonly ListRead[],
  items: readonly string[],
): string[] {
  const place = new Map(items.map((item, i) => [item, i]));
  // Lengths that must have been reached, by the time since when.
  const least = appends
    .filter((a) => a.outcome === 'done')
    .map((a) => ({ at: a.endedAt, length: (place.get(a.item) ?? -1) + 1 }));
  for (const r of reads) if (!r.isStale) least.push({ at: r.endedAt, length: r.items.length });
  least.sort((a, b) => a.at - b.at);
  const wrong: string[] = [];
  let [i, length] = [0, 0];
  for (const r of [...reads].sort((a, b) => a.startedAt - b.startedAt)) {
    for (; i < least.length && least[i]!.at < r.startedAt; i++) length = Math.max(length, least[i]!.length);
    if (r.items.join() !== r.copy.join()) wrong.push(`${key}: half a transaction was read at ${r.at}: ${ends(r)}`);
    if (r.items.some((item, n) => item !== items[n]))
      wrong.push(`${key}: a read at ${r.at} is no part of it: ${ends(r)}`);
    if (!r.isStale && r.items.length < length) {
      wrong.push(`${key}: a read at ${r.at} has ${r.items.length} items, but ${length} were there before`);
    }
  }
  return wrong;
}

const ends = ({ items, copy }: ListRead): string => `${items.slice(-2)} and ${copy.slice(-2)}`;
