import { constants, PerformanceObserver, type PerformanceObserverEntryList } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** So many collections of the young generation in so short a time tell work from a start, which has nine, and from idling. */
export const BUSY_COLLECTIONS = 12;
export const BUSY_WITHIN_MS = 3000;

/**
 * The launcher has forbidden the engine's young generation to grow, so that an idle agent stays small. This lets it double whenever
 * it is collected so often that there must be work: with a small one, half of a long work would be collecting it, and what a short
 * one has made it grow to would stay for ever. The returned function ends the watching.
 * Source: `node --v8-options`, `--semi-space-growth-factor`.
 */
export function growWhenBusy(): () => void {
  let busy = busyDetector();
  /** What it had when it was allowed to double; undefined while it is not. */
  let doubling: number | undefined;
  const observer = new PerformanceObserver((list) => {
    const moments = minorCollections(list);
    if (doubling === undefined) {
      if (!busy(moments)) return;
      doubling = youngBytes();
      setFlagsFromString('--semi-space-growth-factor=2');
    } else if (youngBytes() > doubling) {
      setFlagsFromString('--semi-space-growth-factor=1');
      doubling = undefined;
      busy = busyDetector();
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
}

/** Takes the moments of collections, in milliseconds and in order; whether the last ones came in a row. */
export function busyDetector(): (moments: readonly number[]) => boolean {
  const last: number[] = [];
  return (moments) => {
    for (const moment of moments) {
      last.push(moment);
      if (last.length > BUSY_COLLECTIONS) last.shift();
      if (last.length === BUSY_COLLECTIONS && moment - last[0]! <= BUSY_WITHIN_MS) return true;
    }
    return false;
  };
}

function minorCollections(list: PerformanceObserverEntryList): number[] {
  const minor = constants.NODE_PERFORMANCE_GC_MINOR;
  return list
    .getEntries()
    .filter((e) => (e as { detail?: { kind?: number } }).detail?.kind === minor)
    .map((e) => e.startTime);
}
