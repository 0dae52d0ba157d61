import { type Disk, MemoryDisk, silentLog, uuid } from '@proconsul/base';
import { loadConfig, type RuntimeConfig } from '@proconsul/config';
import { nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { configWorld } from '../config-world.ts';
import type { AgentContext } from '../context.ts';
import { MetricsSink } from '../observe/index.ts';
import { keptLog } from './kept-log.ts';

/** What the parts of one agent share in a test, on loopback, with a disk in memory. */
export interface TestContext extends AgentContext {
  readonly lines: string[];
  readonly disk: Disk;
}

/** `hcl` is added to what makes an agent on loopback. */
export function testContext(hcl: string, options: { disk?: Disk } = {}): TestContext {
  const base = 'data_dir = "/nonexistent" bind_addr = "127.0.0.1" log_level = "debug"';
  const { runtime } = loadConfig({ args: ['-hcl', `${base} ${hcl}`], ...configWorld({}) });
  const config: RuntimeConfig = runtime;
  const lines: string[] = [];
  return {
    nodeId: uuid(systemRng),
    disk: options.disk ?? new MemoryDisk(),
    log: { ...silentLog, ...keptLog(lines) },
    clock: systemClock,
    rng: systemRng,
    network: nodeNetwork,
    metrics: new MetricsSink(
      { prefix: 'consul', hostname: '', filterDefault: true, allowed: [], blocked: [], prometheusRetentionMs: 0 },
      systemClock,
    ),
    config: () => config,
    lines,
  };
}
