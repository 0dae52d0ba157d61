import { BROADCASTS_MAX } from './limits.ts';

export interface Broadcast {
  /** A newer broadcast of the same name takes the place of this one. Missing: nothing does. */
  readonly name?: string;
  readonly message: Uint8Array;
  /** Called once: it was sent as often as it should be, or it was replaced or dropped. */
  readonly finished?: () => void;
}

interface Entry extends Broadcast {
  readonly id: number;
  sent: number;
}

/**
 * Messages to spread: what was sent least comes first, then the longer one, then the newer one. Each goes out a number of
 * times that grows with the logarithm of the pool, then it is forgotten.
 * Source: SWIM (Das, Gupta, Motivala 2002), section 4.1; gossip wire, section 3, broadcast queue.
 */
export class BroadcastQueue {
  readonly #limit: () => number;
  readonly #named = new Map<string, Entry>();
  /** By times sent; each in order of sending. */
  readonly #tiers: Entry[][] = [];
  #size = 0;
  #nextId = 0;

  /** `limit` says how often a message is to be sent at the present size of the pool. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  add(broadcast: Broadcast): void {
    const entry: Entry = { ...broadcast, id: this.#nextId++, sent: 0 };
    if (entry.name !== undefined) {
      const old = this.#named.get(entry.name);
      if (old !== undefined) this.#drop(old);
      this.#named.set(entry.name, entry);
    }
    if (this.#size >= BROADCASTS_MAX) this.prune(BROADCASTS_MAX - 1);
    this.#insert(entry);
  }

  /** Messages whose lengths, each with `overhead`, fit into `limitBytes`: first fit, at most `countMax`. Counts them as sent. */
  take(overhead: number, limitBytes: number, countMax = Number.POSITIVE_INFINITY): Uint8Array[] {
    if (this.#size === 0) return [];
    const taken: Entry[] = [];
    let room = limitBytes - overhead;
    for (const tier of this.#tiers) {
      const shortest = tier[tier.length - 1];
      if (shortest === undefined || shortest.message.length > room) continue;
      // Longest first: all from the first that fits on are candidates.
      let at = firstFit(tier, room);
      while (at < tier.length && taken.length < countMax) {
        const [entry] = tier.splice(at, 1) as [Entry];
        taken.push(entry);
        room -= entry.message.length + overhead;
        at = firstFit(tier, room, at);
      }
    }
    this.#size -= taken.length;
    const limit = this.#limit();
    for (const entry of taken) {
      entry.sent++;
      if (entry.sent < limit) this.#insert(entry);
      else this.#finish(entry);
    }
    return taken.map((entry) => entry.message);
  }

  /** Drops messages, those sent most often first, until `keep` are left. */
  prune(keep: number): void {
    for (let t = this.#tiers.length - 1; t >= 0 && this.#size > keep; t--) {
      const tier = this.#tiers[t]!;
      while (tier.length > 0 && this.#size > keep) {
        this.#size--;
        this.#finish(tier.pop()!);
      }
    }
  }

  #drop(entry: Entry): void {
    this.#unlink(entry);
    this.#finish(entry);
  }

  #finish(entry: Entry): void {
    if (entry.name !== undefined && this.#named.get(entry.name) === entry) this.#named.delete(entry.name);
    entry.finished?.();
  }

  #insert(entry: Entry): void {
    while (this.#tiers.length <= entry.sent) this.#tiers.push([]);
    const tier = this.#tiers[entry.sent]!;
    tier.splice(position(tier, entry), 0, entry);
    this.#size++;
  }

  #unlink(entry: Entry): void {
    const tier = this.#tiers[entry.sent]!;
    tier.splice(position(tier, entry), 1);
    this.#size--;
  }
}

const isBefore = (a: Entry, b: Entry): boolean =>
  a.message.length !== b.message.length ? a.message.length > b.message.length : a.id > b.id;

/** Where `entry` is in its tier, or belongs. */
function position(tier: readonly Entry[], entry: Entry): number {
  let low = 0;
  let high = tier.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(tier[middle]!, entry)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first entry from `from` on that is not longer than `room`. */
function firstFit(tier: readonly Entry[], room: number, from = 0): number {
  let low = from;
  let high = tier.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tier[middle]!.message.length > room) low = middle + 1;
    else high = middle;
  }
  return low;
}
