/** A map whose keys compare in any case, as those of services and checks on a node do. */
export class CaselessMap<V> {
  readonly #rows = new Map<string, V>();

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): V | undefined {
    return this.#rows.get(key.toLowerCase());
  }

  has(key: string): boolean {
    return this.#rows.has(key.toLowerCase());
  }

  set(key: string, value: V): void {
    this.#rows.set(key.toLowerCase(), value);
  }

  delete(key: string): void {
    this.#rows.delete(key.toLowerCase());
  }

  /** In no order that means anything. */
  values(): IterableIterator<V> {
    return this.#rows.values();
  }

  /** In the order of the keys in lower case. */
  sorted(): V[] {
    if (this.#rows.size === 1) return [...this.#rows.values()];
    return [...this.#rows.keys()].sort().map((key) => this.#rows.get(key) as V);
  }
}
