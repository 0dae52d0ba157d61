/** Logical times for which queries are remembered, so that each is answered once. */
export const QUERY_RING = 512;

/** Different queries of one logical time; more are dropped. */
export const QUERIES_PER_TIME_MAX = 256;

/** Which queries were seen, by time and ID. */
export class QueryRing {
  readonly #slots: ({ readonly time: number; readonly ids: Set<number> } | undefined)[] = new Array(QUERY_RING);

  /** True when it was not seen before. */
  add(time: number, id: number): boolean {
    const at = time % QUERY_RING;
    let slot = this.#slots[at];
    if (slot === undefined || slot.time !== time) {
      slot = { time, ids: new Set() };
      this.#slots[at] = slot;
    }
    if (slot.ids.has(id) || slot.ids.size >= QUERIES_PER_TIME_MAX) return false;
    slot.ids.add(id);
    return true;
  }
}
