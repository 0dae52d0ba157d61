import type { Operation } from './linearizability.ts';

/** Why a history of a register is not linearizable. */
export interface Anomaly {
  readonly why: string;
  /** Values whose operations contradict each other. */
  readonly values: readonly (string | undefined)[];
}

/** A write and all reads of its value. */
interface Cluster {
  readonly value: string | undefined;
  /** When the first of them had ended, and when the last of them began. */
  minEnd: number;
  maxStart: number;
}

/**
 * Finds out in n log n steps whether a history of one register is linearizable, where every written value is unique. Between
 * `minEnd` and `maxStart` the register must hold the value of a cluster all the time (a forward zone), or, when the cluster's
 * operations all overlap, at some moment between `maxStart` and `minEnd` (a backward zone). A history is linearizable if and only
 * if no two forward zones overlap and no backward zone lies inside a forward one.
 * Source: Gibbons and Korach, "Testing Shared Memories" (1997), section 4. {@link checkRegister} searches instead, for any history.
 */
export function findAnomaly(history: readonly Operation[]): Anomaly | undefined {
  const clusters = new Map<string | undefined, Cluster>();
  const start = Number.NEGATIVE_INFINITY;
  clusters.set(undefined, { value: undefined, minEnd: start, maxStart: start });
  const writeStarts = new Map<string | undefined, number>([[undefined, start]]);
  for (const { kind, value, startedAt, endedAt } of history) {
    if (kind !== 'write') continue;
    clusters.set(value, { value, minEnd: endedAt, maxStart: startedAt });
    writeStarts.set(value, startedAt);
  }
  const seen = new Set<string | undefined>();
  for (const { kind, value, startedAt, endedAt } of history) {
    if (kind !== 'read' || endedAt === Number.POSITIVE_INFINITY) continue;
    const cluster = clusters.get(value);
    if (!cluster) return { why: 'a value was read that nobody wrote', values: [value] };
    if (endedAt < writeStarts.get(value)!) return { why: 'a value was read before it was written', values: [value] };
    seen.add(value);
    cluster.minEnd = Math.min(cluster.minEnd, endedAt);
    cluster.maxStart = Math.max(cluster.maxStart, startedAt);
  }
  // A write without an answer that nobody saw has an endless backward zone, which is never inside another.
  return conflict([...clusters.values()]);
}

function conflict(clusters: readonly Cluster[]): Anomaly | undefined {
  const forward = clusters.filter((c) => c.minEnd < c.maxStart).sort((a, b) => a.minEnd - b.minEnd);
  for (let i = 1; i < forward.length; i++) {
    const [before, after] = [forward[i - 1]!, forward[i]!];
    if (after.minEnd < before.maxStart) {
      return { why: 'two values had to be there at the same time', values: [before.value, after.value] };
    }
  }
  for (const c of clusters) {
    if (c.minEnd < c.maxStart || c.value === undefined) continue;
    const around = enclosing(forward, c);
    if (around) return { why: 'a value had no moment to be there', values: [c.value, around.value] };
  }
  return undefined;
}

/** The forward zone that encloses the backward zone of `c`. Forward zones are disjoint and in order. */
function enclosing(forward: readonly Cluster[], c: Cluster): Cluster | undefined {
  let low = 0;
  let high = forward.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (forward[mid]!.minEnd < c.maxStart) low = mid + 1;
    else high = mid;
  }
  const zone = forward[low - 1];
  return zone && c.minEnd < zone.maxStart ? zone : undefined;
}
