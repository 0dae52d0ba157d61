import { constants, PerformanceObserver, type PerformanceObserverEntryList } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';

/** So many collections of the young generation in so short a time tell work from a start, which has nine, and from idling. */
export const BUSY_COLLECTIONS = 12;
export const BUSY_WITHIN_MS = 3000;

/**
 * The launcher has forbidden the engine's young generation to grow, so that an idle agent stays small. This allows it again as soon
 * as there is work: with a small one, half of the work would be collecting it. The returned function ends the watching.
 * Source: `node --v8-options`, `--semi-space-growth-factor`.
 */
export function growWhenBusy(): () => void {
  const busy = busyDetector();
  const observer = new PerformanceObserver((list) => {
    if (!busy(minorCollections(list))) return;
    observer.disconnect();
    setFlagsFromString('--semi-space-growth-factor=2');
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
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
