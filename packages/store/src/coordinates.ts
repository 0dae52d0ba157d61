import type { Coordinate } from '@proconsul/schema';
import { dep, type ReadResult } from './dep.ts';
import type { Journal } from './journal.ts';
import { OrderedRows } from './ordered-rows.ts';
import { own } from './own.ts';
import { same } from './same.ts';
import type { State } from './state.ts';

interface Row {
  /** Node in lower case, NUL, segment. */
  readonly key: string;
  readonly value: Coordinate;
}

/** Network coordinates by node and segment. */
export class CoordinateTable {
  readonly #rows = new OrderedRows<Row>((row) => row.key);

  get size(): number {
    return this.#rows.size;
  }

  all(): Coordinate[] {
    return this.#rows.all().map((row) => row.value);
  }

  /** `node` is in lower case. */
  ofNode(node: string): Coordinate[] {
    return this.#rows.under(`${node}\0`).map((row) => row.value);
  }

  /** False when the same coordinate was there. */
  set(value: Coordinate): boolean {
    const key = `${value.Node.toLowerCase()}\0${value.Segment}`;
    const old = this.#rows.get(key);
    if (old !== undefined && same(old.value, value)) return false;
    this.#rows.put({ key, value });
    return true;
  }

  removeNode(node: string, state: State, journal: Journal): void {
    const removed = this.#rows.deleteUnder(`${node}\0`);
    if (removed.length === 0) return;
    if (journal.recording) {
      journal.undoWith(() => {
        for (const row of removed) this.#rows.put(row);
      });
    }
    touch(state, journal, node);
  }
}

function touch(state: State, journal: Journal, node: string): void {
  state.indexes.bump('coordinates', journal);
  journal.touch('table', 'coordinates');
  journal.touch('coordinate', node);
}

/** Coordinates of nodes that are not registered are passed over. */
export function applyCoordinates(state: State, journal: Journal, batch: readonly Coordinate[] | null): null {
  for (const value of batch ?? []) {
    const node = state.catalog.node(value.Node);
    if (node === undefined || value.Coord === null) continue;
    if (state.coordinates.set(own(value))) touch(state, journal, node.key);
  }
  return null;
}

const coordinateIndex = (state: State): number => Math.max(1, state.indexes.get('coordinates'));

/** By node name. */
export function listCoordinates(state: State): ReadResult<readonly Coordinate[]> {
  return { index: coordinateIndex(state), value: state.coordinates.all(), deps: [dep('table', 'coordinates')] };
}

export function nodeCoordinates(state: State, node: string): ReadResult<readonly Coordinate[]> {
  const key = node.toLowerCase();
  return { index: coordinateIndex(state), value: state.coordinates.ofNode(key), deps: [dep('coordinate', key)] };
}
