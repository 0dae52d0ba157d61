import { constants, PerformanceObserver, type PerformanceObserverEntryList } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** So many collections of the young generation in so short a time are the first sign of work: one that idles has a few in a minute. */
export const WORK_BEGINS: Spell = { collections: 3, withinMs: 500 };
/** And so many tell a long work from a start, which has nine. */
export const WORK_GOES_ON: Spell = { collections: 12, withinMs: 3000 };
/** What is collected this soon after the start of the process belongs to the start. */
const STARTING_MS = 1000;
/** The first version of V8 that has a compiler between the quick one and the good one. */
const V8_WITH_MAGLEV = 12;

export interface Spell {
  readonly collections: number;
  readonly withinMs: number;
}

/** Suits the engine to what the agent does: small and idle at first, quick when there is work. The returned function ends the watching. */
export function suitEngine(): () => void {
  const reactions = [
    growWhenBusy(),
    ...(Number.parseInt(process.versions.v8, 10) < V8_WITH_MAGLEV ? [hastenWhenBusy()] : []),
  ];
  const observer = new PerformanceObserver((list) => {
    const moments = minorCollections(list);
    for (const react of reactions) react(moments);
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

/**
 * The launcher has forbidden the engine's young generation to grow, so that an idle agent stays small. This lets it double whenever
 * it is collected so often that there must be work: with a small one, half of a long work would be collecting it, and what a short
 * one has made it grow to would stay for ever.
 * Source: `node --v8-options`, `--semi-space-growth-factor`.
 */
function growWhenBusy(): (moments: readonly number[]) => void {
  let busy = busyDetector(WORK_GOES_ON);
  /** What it had when it was allowed to double; undefined while it is not. */
  let doubling: number | undefined;
  return (moments) => {
    if (doubling === undefined) {
      if (!busy(moments)) return;
      doubling = youngBytes();
      setFlagsFromString('--semi-space-growth-factor=2');
    } else if (youngBytes() > doubling) {
      setFlagsFromString('--semi-space-growth-factor=1');
      doubling = undefined;
      busy = busyDetector(WORK_GOES_ON);
    }
  };
}

/**
 * An engine without a compiler between the quick one and the good one optimizes late. Sooner, a lone writer gets a third more done in
 * its first seconds. But an agent that idles would only compile its timers with it.
 * Source: `node --v8-options`, `--interrupt-budget`.
 */
function hastenWhenBusy(): (moments: readonly number[]) => void {
  const busy = busyDetector(WORK_BEGINS);
  let isDone = false;
  return (moments) => {
    if (isDone || !busy(moments.filter((moment) => moment > STARTING_MS))) return;
    isDone = true;
    setFlagsFromString('--interrupt-budget=20000');
  };
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
}

/** Takes the moments of collections, in milliseconds and in order; whether the last ones came in a row. */
export function busyDetector({ collections, withinMs }: Spell): (moments: readonly number[]) => boolean {
  const last: number[] = [];
  return (moments) => {
    for (const moment of moments) {
      last.push(moment);
      if (last.length > collections) last.shift();
      if (last.length === collections && moment - last[0]! <= withinMs) return true;
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
