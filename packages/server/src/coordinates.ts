import type { Coord, Coordinate } from '@proconsul/schema';

/** Round-trip time that is told for an unknown coordinate: larger than any real one. */
export const UNKNOWN_RTT = Number.POSITIVE_INFINITY;

/** Shortest distance that a coordinate pair may yield, in seconds. */
const ZERO_THRESHOLD = 1.0e-6;

/**
 * Estimated round-trip time in seconds. Source: Vivaldi (Dabek et al. 2004), with height vectors and the adjustment
 * of "Network Coordinates in the Wild" (Ledlie et al. 2007): the adjustment counts only if the sum stays positive.
 */
export function distanceSeconds(a: Coord, b: Coord): number {
  const va = a.Vec ?? [];
  const vb = b.Vec ?? [];
  if (va.length !== vb.length) return UNKNOWN_RTT;
  let sum = 0;
  for (let i = 0; i < va.length; i++) sum += ((va[i] as number) - (vb[i] as number)) ** 2;
  const raw = Math.sqrt(sum) + a.Height + b.Height;
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return adjusted > 0 ? adjusted : Math.max(raw, ZERO_THRESHOLD);
}

/** Coordinates of one node by network segment. */
export type NodeCoordinates = ReadonlyMap<string, Coord>;

export function bySegment(rows: readonly Coordinate[]): NodeCoordinates {
  const out = new Map<string, Coord>();
  for (const row of rows) if (row.Coord !== null) out.set(row.Segment, row.Coord);
  return out;
}

/** Between two nodes: by the segment that both have, if there is one. Source: network coordinates documentation. */
export function nodeDistance(a: NodeCoordinates, b: NodeCoordinates): number {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  for (const [segment, coord] of small) {
    const other = large.get(segment);
    if (other !== undefined) return distanceSeconds(coord, other);
  }
  return UNKNOWN_RTT;
}

/** `items` ordered by distance from `from`, equal ones in their old order; unknown distances last. */
export function sortNear<T>(
  items: readonly T[],
  from: NodeCoordinates,
  coordinatesOf: (item: T) => NodeCoordinates,
): readonly T[] {
  if (from.size === 0) return items;
  const far = items.map((item, at) => ({ item, at, rtt: nodeDistance(from, coordinatesOf(item)) }));
  far.sort((a, b) => (a.rtt === b.rtt ? a.at - b.at : a.rtt - b.rtt));
  return far.map((x) => x.item);
}
