import { readdirSync, readFileSync } from 'node:fs';
import { numberText } from './number-text.ts';
import { heapStatistics, residentBytes } from './runtime-gauges.ts';

/** Ticks of the processor time in /proc, fixed in the interface of the kernel to user space. Source: proc(5). */
const TICKS_PER_SECOND = 100;

const startedAtSeconds = Date.now() / 1000 - process.uptime();

type Row = readonly [name: string, type: 'counter' | 'gauge', help: string, value: number | undefined];

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

function openFds(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}

/** Soft limit of a resource of this process; undefined where it is not known, Infinity where there is none. */
function limitOf(limits: string | undefined, name: string): number | undefined {
  const soft = limits?.match(new RegExp(`^${name}\\s+(\\S+)`, 'm'))?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** Processor seconds of all threads: what the kernel accounts if it tells, else what the runtime knows. */
function cpuSeconds(stat: string | undefined): number {
  // The command in parentheses may itself have spaces; the fields are counted from behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  if (Number.isFinite(ticks)) return ticks / TICKS_PER_SECOND;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function rows(): readonly Row[] {
  const stat = read('/proc/self/stat');
  const virtualBytes = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[20]);
  const limits = read('/proc/self/limits');
  const heap = heapStatistics();
  return [
    [
      'nodejs_active_resources',
      'gauge',
      'Handles, requests and timers that keep the event loop alive.',
      heap.resources,
    ],
    ['nodejs_external_memory_bytes', 'gauge', 'Memory of buffers outside of the heap in bytes.', heap.external],
    ['nodejs_heap_size_total_bytes', 'gauge', 'Memory that the heap has reserved in bytes.', heap.total],
    ['nodejs_heap_size_used_bytes', 'gauge', 'Memory of the heap in use in bytes.', heap.used],
    ['process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', cpuSeconds(stat)],
    ['process_max_fds', 'gauge', 'Maximum number of open file descriptors.', limitOf(limits, 'Max open files')],
    ['process_open_fds', 'gauge', 'Number of open file descriptors.', openFds()],
    ['process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', residentBytes()],
    ['process_start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', startedAtSeconds],
    [
      'process_virtual_memory_bytes',
      'gauge',
      'Virtual memory size in bytes.',
      Number.isFinite(virtualBytes) ? virtualBytes : undefined,
    ],
    [
      'process_virtual_memory_max_bytes',
      'gauge',
      'Maximum amount of virtual memory available in bytes.',
      limitOf(limits, 'Max address space'),
    ],
  ];
}

/**
 * What every exporter tells about its own process, under the customary names. The `go_*` families of the reference
 * agent describe a runtime that is not there; `nodejs_*` are about the one that is. Rows whose value the system does
 * not tell are left out.
 * Source: the client library guidelines of Prometheus, "process metrics"; proc(5).
 */
export function processFamilies(): string {
  let out = '';
  for (const [name, type, help, value] of rows()) {
    if (value === undefined) continue;
    out += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${numberText(value)}\n`;
  }
  return out;
}
