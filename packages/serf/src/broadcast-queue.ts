interface Queued {
  readonly message: Uint8Array;
  readonly order: number;
  transmits: number;
  readonly onSent: (() => void) | undefined;
}

/**
 * Messages that ride along with gossip until each was sent often enough to have reached everybody: fewest transmissions
 * first, then the longer, then the newer one. Source: gossip wire notes, section 3.
 */
export class BroadcastQueue {
  readonly #depthMax: number;
  readonly #transmitsWanted: () => number;
  /** By number of transmissions, each sorted as they are to be sent. */
  readonly #tiers: Queued[][] = [];
  #depth = 0;
  #order = 0;

  /** `transmitsWanted` is asked whenever messages are handed out. */
  constructor(depthMax: number, transmitsWanted: () => number) {
    this.#depthMax = depthMax;
    this.#transmitsWanted = transmitsWanted;
  }

  get depth(): number {
    return this.#depth;
  }

  /** Drops the message that was sent most when the queue is full. `onSent` is called once, also when it was dropped. */
  push(message: Uint8Array, onSent?: () => void): void {
    if (this.#depth >= this.#depthMax) this.#dropOne();
    this.#depth++;
    this.#insert({ message, order: this.#order++, transmits: 0, onSent });
  }

  /** Messages that fit together into `limit` bytes, each with its `overhead`. */
  take(overhead: number, limit: number): Uint8Array[] {
    const wanted = this.#transmitsWanted();
    const taken: Queued[] = [];
    let free = limit;
    for (const tier of this.#tiers) {
      if (free <= overhead) break;
      for (let at = firstFitting(tier, free - overhead); at < tier.length; ) {
        const [item] = tier.splice(at, 1);
        taken.push(item!);
        free -= item!.message.length + overhead;
        at = Math.max(at, firstFitting(tier, free - overhead));
      }
    }
    for (const item of taken) this.#sent(item, wanted);
    return taken.map((item) => item.message);
  }

  #sent(item: Queued, wanted: number): void {
    item.transmits++;
    if (item.transmits < wanted) this.#insert(item);
    else {
      this.#depth--;
      item.onSent?.();
    }
  }

  #insert(item: Queued): void {
    while (this.#tiers.length <= item.transmits) this.#tiers.push([]);
    const tier = this.#tiers[item.transmits]!;
    let low = 0;
    let high = tier.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (goesBefore(tier[middle]!, item)) low = middle + 1;
      else high = middle;
    }
    tier.splice(low, 0, item);
  }

  #dropOne(): void {
    for (let at = this.#tiers.length - 1; at >= 0; at--) {
      const tier = this.#tiers[at]!;
      if (tier.length === 0) continue;
      let oldest = 0;
      for (let i = 1; i < tier.length; i++) if (tier[i]!.order < tier[oldest]!.order) oldest = i;
      const [item] = tier.splice(oldest, 1);
      this.#depth--;
      item!.onSent?.();
      return;
    }
  }
}

function goesBefore(a: Queued, b: Queued): boolean {
  if (a.message.length !== b.message.length) return a.message.length > b.message.length;
  return a.order > b.order;
}

/** Where the messages of at most `bytes` begin. */
function firstFitting(tier: readonly Queued[], bytes: number): number {
  let low = 0;
  let high = tier.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tier[middle]!.message.length > bytes) low = middle + 1;
    else high = middle;
  }
  return low;
}
