import { expect, test } from 'vitest';
import { processStats } from '../self.ts';
import { processFamilies } from './process-families.ts';
import { runtimeGauges } from './runtime-gauges.ts';

function gaugesOf(): Map<string, number> {
  const told = new Map<string, number>();
  const metrics = { count() {}, sample() {}, gauge: (name: string, value: number) => void told.set(name, value) };
  const gauges = runtimeGauges(metrics);
  gauges.collect();
  gauges.stop();
  return told;
}

/** As the system answers a process that has no descriptor left: the figure stands in a file. */
function withoutDescriptors<T>(act: () => T): T {
  const { memoryUsage } = process;
  const fail = (): never => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory');
  };
  process.memoryUsage = Object.assign(fail, { rss: fail });
  try {
    return act();
  } finally {
    process.memoryUsage = memoryUsage;
  }
}

test('memory and what keeps the event loop alive are told', () => {
  const told = gaugesOf();
  expect(told.get('runtime.alloc_bytes')).toBeGreaterThan(1e6);
  expect(told.get('runtime.sys_bytes')).toBeGreaterThan(1e6);
  expect(told.get('runtime.num_goroutines')).toBeGreaterThanOrEqual(0);
});

test('without a free descriptor the resident memory alone is left out, everywhere', () => {
  const [told, text, stats] = withoutDescriptors(() => [gaugesOf(), processFamilies(), processStats()] as const);
  expect(told.has('runtime.sys_bytes')).toBe(false);
  expect(told.get('runtime.alloc_bytes')).toBeGreaterThan(1e6);
  expect(text).not.toContain('process_resident_memory_bytes');
  expect(text).toContain('nodejs_heap_size_used_bytes');
  expect(Number(stats['runtime']?.['heap_bytes'])).toBeGreaterThan(1e6);
});
