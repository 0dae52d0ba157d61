import type { Journal } from './journal.ts';

/** Index of who reaches whom through proxies and gateways. */
export const MESH_TOPOLOGY = 'mesh-topology';

/**
 * Raft indexes by name: of tables (`kvs`, `nodes`, `services`, `checks`), and of happenings without a row
 * (`service_last_extinction`). Names are Consul's; a snapshot carries them. Source: recorded snapshots.
 */
export class IndexTable {
  readonly #values = new Map<string, number>();

  get(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Moves an index up to that of the command. */
  bump(name: string, journal: Journal): void {
    this.set(name, journal.index, journal);
  }

  set(name: string, value: number, journal: Journal): void {
    const old = this.#values.get(name);
    if (old === value) return;
    this.#values.set(name, value);
    if (journal.recording) journal.undoWith(() => this.#restore(name, old));
  }

  remove(name: string, journal: Journal): void {
    const old = this.#values.get(name);
    if (old === undefined) return;
    this.#values.delete(name);
    if (journal.recording) journal.undoWith(() => this.#restore(name, old));
  }

  /** For a restore: the larger of what is there and `value`. */
  raise(name: string, value: number): void {
    if (value > this.get(name)) this.#values.set(name, value);
  }

  max(...names: readonly string[]): number {
    let max = 0;
    for (const name of names) max = Math.max(max, this.get(name));
    return max;
  }

  /** Sorted by name. */
  entries(): [string, number][] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #restore(name: string, old: number | undefined): void {
    if (old === undefined) this.#values.delete(name);
    else this.#values.set(name, old);
  }
}
