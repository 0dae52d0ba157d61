import type { QuerySource } from '@proconsul/endpoints';
import type { Coordinate } from '@proconsul/schema';
import { bySegment, type NodeCoordinates, sortNear } from './coordinates.ts';

/** Where the coordinates of nodes are looked up. */
export interface CoordinateTable {
  coordinatesOf(node: string): readonly Coordinate[];
}

/** Sorts records near to the node of `source`; without one, or when it is of another datacenter, leaves the order. */
export function nearSource<T>(
  items: readonly T[],
  source: QuerySource | null,
  datacenter: string,
  table: CoordinateTable,
  nodeOf: (item: T) => string,
): readonly T[] {
  if (source === null || source.Node === '' || source.Datacenter !== datacenter || items.length < 2) return items;
  const cache = new Map<string, NodeCoordinates>();
  const lookup = (node: string): NodeCoordinates => {
    let known = cache.get(node);
    if (known === undefined) {
      known = bySegment(table.coordinatesOf(node));
      cache.set(node, known);
    }
    return known;
  };
  return sortNear(items, lookup(source.Node), (item) => lookup(nodeOf(item)));
}
