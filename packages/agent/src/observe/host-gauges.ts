import { readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';
import type { Metrics } from '@proconsul/base';
import { memorySummary, percent, readMeminfo } from '../host.ts';

/** Ticks that one processor has spent since the start of the machine. */
interface CpuTicks {
  readonly user: number;
  readonly system: number;
  readonly idle: number;
  readonly iowait: number;
  readonly total: number;
}

/** Reads the rows `cpu0 ...` of /proc/stat. Source: proc(5). */
export function parseCpuTicks(stat: string): ReadonlyMap<string, CpuTicks> {
  const out = new Map<string, CpuTicks>();
  for (const [, name = '', numbers = ''] of stat.matchAll(/^(cpu\d+) (.*)$/gm)) {
    // Time of guests is part of user and nice already.
    const ticks = numbers.split(' ').slice(0, 8).map(Number);
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0] = ticks;
    out.set(name, { user: user + nice, system, idle, iowait, total: ticks.reduce((a, b) => a + b, 0) });
  }
  return out;
}

function readCpuTicks(): ReadonlyMap<string, CpuTicks> {
  try {
    return parseCpuTicks(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return new Map();
  }
}

function cpuGauges(metrics: Metrics, before: CpuTicks, now: CpuTicks, cpu: string): void {
  const total = now.total - before.total;
  if (total <= 0) return;
  const share = (name: 'user' | 'system' | 'idle' | 'iowait') => percent(now[name] - before[name], total);
  metrics.gauge('host.cpu.total', 100 - share('idle') - share('iowait'), { cpu });
  metrics.gauge('host.cpu.user', share('user'), { cpu });
  metrics.gauge('host.cpu.idle', share('idle'), { cpu });
  metrics.gauge('host.cpu.iowait', share('iowait'), { cpu });
  metrics.gauge('host.cpu.system', share('system'), { cpu });
}

function diskGauges(metrics: Metrics, path: string): void {
  try {
    const s = statfsSync(path);
    const available = s.bavail * s.bsize;
    const used = (s.blocks - s.bfree) * s.bsize;
    metrics.gauge('host.disk.size', s.blocks * s.bsize, { path });
    metrics.gauge('host.disk.used', used, { path });
    metrics.gauge('host.disk.available', available, { path });
    metrics.gauge('host.disk.used_percent', percent(used, used + available), { path });
    metrics.gauge('host.disk.inodes_percent', percent(s.files - s.ffree, s.files), { path });
  } catch {
    // The directory is gone, or the file system does not tell: then there are no such gauges.
  }
}

/**
 * Gauges about the machine, for `enable_host_metrics`: memory, each processor's shares of time in percent since the
 * last call, the disk of the data directory (none when `dataDir` is empty), uptime in seconds. The returned function
 * sets them. Source: telemetry documentation; names and labels recorded.
 */
export function hostGauges(metrics: Metrics, dataDir: string): () => void {
  let before = readCpuTicks();
  return () => {
    const { total, available, used, usedPercent, free } = memorySummary(readMeminfo());
    metrics.gauge('host.memory.total', total);
    metrics.gauge('host.memory.available', available);
    metrics.gauge('host.memory.used', used);
    metrics.gauge('host.memory.used_percent', usedPercent);
    metrics.gauge('host.memory.free', free);
    const now = readCpuTicks();
    for (const [cpu, ticks] of now) {
      const last = before.get(cpu);
      if (last !== undefined) cpuGauges(metrics, last, ticks, cpu);
    }
    before = now;
    if (dataDir !== '') diskGauges(metrics, dataDir);
    metrics.gauge('host.uptime', Math.floor(os.uptime()));
  };
}
