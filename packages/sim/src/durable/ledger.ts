import { SimulationFailure } from '../raft/failure.ts';

/** What became of a command, as its client knows. */
export type Fate = 'waiting' | 'acknowledged' | 'refused' | 'unknown';

/** What clients were told, and what servers did: the two must agree for ever. */
export class Ledger {
  readonly #fates = new Map<number, Fate>();
  /** The one history: which command stands at an index, once any server has applied it. */
  readonly #history = new Map<number, number>();
  readonly #indexOf = new Map<number, number>();
  /** Highest index that a client was told of. */
  floor = 0;
  acknowledged = 0;
  refused = 0;

  proposed(id: number): void {
    this.#fates.set(id, 'waiting');
  }

  acknowledge(id: number, index: number): void {
    if (this.#history.get(index) !== id) {
      throw new SimulationFailure(
        `command ${id} was acknowledged at ${index}, where ${this.#history.get(index)} stands`,
      );
    }
    this.#fates.set(id, 'acknowledged');
    this.acknowledged++;
    this.floor = Math.max(this.floor, index);
  }

  /** The client was told that nothing was done. */
  refuse(id: number): void {
    const index = this.#indexOf.get(id);
    if (index !== undefined) throw new SimulationFailure(`command ${id} was refused but stands at ${index}`);
    this.#fates.set(id, 'refused');
    this.refused++;
  }

  unknown(id: number): void {
    this.#fates.set(id, 'unknown');
  }

  applied(server: string, index: number, id: number): void {
    const stands = this.#history.get(index);
    if (stands !== undefined && stands !== id) {
      throw new SimulationFailure(`${server} applied command ${id} at ${index}, where ${stands} stands`);
    }
    if (stands !== undefined) return;
    const before = this.#indexOf.get(id);
    if (before !== undefined)
      throw new SimulationFailure(`${server} applied command ${id} at ${before} and at ${index}`);
    if (this.#fates.get(id) === 'refused')
      throw new SimulationFailure(`${server} applied command ${id}, which was refused`);
    this.#history.set(index, id);
    this.#indexOf.set(id, index);
  }

  /** A server that has applied everything up to `upTo` has every command of the history, in its place. */
  checkState(server: string, upTo: number, applied: ReadonlyMap<number, number>): void {
    for (const [index, id] of this.#history) {
      if (index > upTo || applied.get(index) === id) continue;
      throw new SimulationFailure(`${server} lacks command ${id} of index ${index} (${this.#fates.get(id)})`);
    }
    for (const [index, id] of applied) {
      if (this.#history.get(index) !== id)
        throw new SimulationFailure(`${server} has command ${id} at ${index} from nowhere`);
    }
  }

  /** A server that may answer for the cluster has all that was ever acknowledged. */
  checkLeader(server: string, appliedIndex: number): void {
    if (appliedIndex < this.floor) {
      throw new SimulationFailure(`${server} answers at index ${appliedIndex}, but ${this.floor} was acknowledged`);
    }
  }
}
