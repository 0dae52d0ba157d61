import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { CONSUL_VERSION, type Metrics } from '@proconsul/base';

const NS_PER_MS = 1e6;

/** State of the heap and of the event loop of this process, in bytes. Unlike `process.memoryUsage` it needs no file descriptor. */
export function heapStatistics() {
  const { used_heap_size: used, total_heap_size: total, external_memory: external } = getHeapStatistics();
  return { used, total, external, resources: process.getActiveResourcesInfo().length };
}

/** Resident memory in bytes; undefined when the system does not tell: without a free descriptor nobody can read the file in /proc. */
export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

/**
 * Watches garbage collections. Only those that stop the program for long are counted: the frequent small ones of the
 * young generation are no concern of the alerts that read these gauges.
 */
export class GcWatch {
  pauseNs = 0;
  runs = 0;
  readonly #observer: PerformanceObserver;

  constructor(onPause: (ns: number) => void) {
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const kind = (entry as { detail?: { kind?: number } }).detail?.kind;
        if (kind === constants.NODE_PERFORMANCE_GC_MINOR) continue;
        const ns = Math.round(entry.duration * NS_PER_MS);
        this.pauseNs += ns;
        this.runs++;
        onPause(ns);
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.#observer.disconnect();
  }
}

/**
 * Keeps the gauges about the runtime, under the names that dashboards of the reference agent read, with the nearest
 * counterparts:
 *
 *     runtime.alloc_bytes         heap in use, with the buffers outside of it
 *     runtime.sys_bytes           resident memory
 *     runtime.num_goroutines      what keeps the event loop alive: sockets, timers, requests
 *     runtime.total_gc_pause_ns   pauses of full collections since the start, and total_gc_runs how many
 *
 * `runtime.heap_objects`, `malloc_count` and `free_count` are not set: the engine does not count objects.
 * The returned functions: `collect` sets them, `stop` ends the watch over collections.
 * Source of the names: the telemetry page of the documentation.
 */
export function runtimeGauges(metrics: Metrics): { collect(): void; stop(): void } {
  const gc = new GcWatch((ns) => metrics.sample('runtime.gc_pause_ns', ns));
  const [version = '', preRelease = ''] = CONSUL_VERSION.split('-', 2);
  return {
    collect() {
      const { used, external, resources } = heapStatistics();
      const resident = residentBytes();
      metrics.gauge('runtime.alloc_bytes', used + external);
      if (resident !== undefined) metrics.gauge('runtime.sys_bytes', resident);
      metrics.gauge('runtime.num_goroutines', resources);
      metrics.gauge('runtime.total_gc_pause_ns', gc.pauseNs);
      metrics.gauge('runtime.total_gc_runs', gc.runs);
      metrics.gauge('version', 1, { version, pre_release: preRelease });
    },
    stop: () => gc.stop(),
  };
}
