// npm run starved -- [--servers 5] [--clients 2] [--hogs 20] [--seconds 60] [--quota 0] [--keep]
//
// A cluster on a machine that is far too small: all agents share one core (taskset) with processes that only compute, or each server has
// a quota of processor time (--quota, percent of a core, in periods of --period milliseconds; needs a cgroup). Counts what the servers
// log about elections, and the writes that are acknowledged meanwhile. `PROCONSUL_BIN` names another program, the reference for one.
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster } from '../cluster/cluster.ts';
import { Background } from '../e2e/background.ts';
import { pause, type TestAgent } from '../e2e/harness.ts';
import { OwnPause } from './own-pause.ts';

const { values: options } = parseArgs({
  options: {
    servers: { type: 'string', default: '5' },
    clients: { type: 'string', default: '2' },
    hogs: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '60' },
    quota: { type: 'string', default: '0' },
    period: { type: 'string', default: '100' },
    keep: { type: 'boolean', default: false },
  },
});

const CGROUPS = '/sys/fs/cgroup/cpu';
/** Whoever measures is not starved. */
const OWN_PRIORITY = -15;
const WRITE_WITHIN_MS = 10_000;
const WRITE_PAUSE_MS = 100;
const busy = 'for (;;) Math.sqrt(Math.random())';
const usual = ['nice', '-n', String(-OWN_PRIORITY)];

/** What servers log, and how it is called here. */
const EVENTS = {
  'a follower hears no leader': /heartbeat timeout reached/g,
  'an election without a result': /Election timeout reached/gi,
  'a leader is elected': /entering leader state/g,
  'a leader gives up': /failed to contact quorum of nodes, stepping down/g,
} as const;

/** Writes through every agent in turn; when each was acknowledged, and how many were not. */
class Writer {
  readonly ackedAt: number[] = [];
  failed = 0;
  #isOver = false;

  async run(agent: TestAgent): Promise<void> {
    while (!this.#isOver) {
      const signal = AbortSignal.timeout(WRITE_WITHIN_MS);
      const status = await fetch(agent.url('/v1/kv/starved'), { method: 'PUT', body: 'x', signal }).then(
        async (reply) => {
          await reply.text();
          return reply.status;
        },
        () => 0,
      );
      if (status === 200) this.ackedAt.push(performance.now());
      else this.failed++;
      await pause(WRITE_PAUSE_MS);
    }
  }

  end(): void {
    this.#isOver = true;
  }
}

/** The longest time between two of them, or before the first and after the last. */
function longestGap(times: readonly number[], from: number, to: number): number {
  const all = [from, ...times.filter((t) => t > from && t < to), to];
  return Math.max(...all.slice(1).map((t, i) => t - (all[i] as number)));
}

function count(logs: readonly string[], pattern: RegExp): number {
  return logs.reduce((sum, log) => sum + (log.match(pattern)?.length ?? 0), 0);
}

/** Gives each server its share; returns what takes it away. */
function starve(agents: readonly TestAgent[], percent: number, periodMs: number): () => void {
  const made = agents.map((agent) => {
    const dir = join(CGROUPS, `starved-${agent.pid}`);
    mkdirSync(dir);
    writeFileSync(join(dir, 'cpu.cfs_period_us'), String(periodMs * 1000));
    writeFileSync(join(dir, 'cpu.cfs_quota_us'), String(Math.round(periodMs * 10 * percent)));
    writeFileSync(join(dir, 'cgroup.procs'), String(agent.pid));
    return { dir, agent };
  });
  return () => {
    for (const { dir, agent } of made) {
      writeFileSync(join(CGROUPS, 'cgroup.procs'), String(agent.pid));
      rmdirSync(dir);
    }
  };
}

async function main(): Promise<void> {
  setPriority(OWN_PRIORITY);
  const program = process.env['PROCONSUL_BIN'] ?? 'this checkout';
  const place = () => ({ within: usual });
  const cluster = await Cluster.start({
    servers: Number(options.servers),
    clients: Number(options.clients),
    place,
    config: { log_level: 'info', disable_update_check: true },
  });
  const writer = new Writer();
  const hogs: Background[] = [];
  let feed = (): void => {};
  try {
    const writing = cluster.all.map((agent) => writer.run(agent));
    await pause(3000);
    const marks = cluster.servers.map((agent) => agent.log.length);
    for (let n = 0; n < Number(options.hogs); n++) hogs.push(new Background([...usual, process.execPath, '-e', busy]));
    if (Number(options.quota) > 0) feed = starve(cluster.servers, Number(options.quota), Number(options.period));
    const ownPause = new OwnPause();
    const from = performance.now();
    await pause(Number(options.seconds) * 1000);
    const to = performance.now();
    const logs = cluster.servers.map((agent, n) => agent.log.slice(marks[n]));
    feed();
    feed = () => {};
    await Promise.all(hogs.map((hog) => hog.stop()));
    writer.end();
    await Promise.all(writing);
    const minutes = (to - from) / 60_000;
    console.log(
      `${program}: ${options.servers} servers, ${options.hogs} hogs, quota ${options.quota}, ${options.seconds} s`,
    );
    for (const [name, pattern] of Object.entries(EVENTS)) {
      console.log(`  ${name.padEnd(30)} ${(count(logs, pattern) / minutes).toFixed(1)} a minute`);
    }
    const acked = writer.ackedAt.filter((t) => t > from && t < to).length;
    const gap = longestGap(writer.ackedAt, from, to) / 1000;
    console.log(
      `  writes ${(acked / minutes).toFixed(0)} a minute, ${writer.failed} failed, none for ${gap.toFixed(1)} s`,
    );
    const again = writer.ackedAt.find((t) => t > to);
    console.log(`  first write after that: ${again === undefined ? 'none' : `${Math.round(again - to)} ms`}`);
    console.log(`  this program stood still for ${Math.round(ownPause.end())} ms at the most`);
    if (options.keep) {
      const kept = mkdtempSync(join(tmpdir(), 'proconsul-starved-'));
      for (const agent of cluster.all) writeFileSync(join(kept, `${agent.options.node}.log`), agent.log);
      console.log(`  logs: ${kept}`);
    }
  } finally {
    feed();
    await Promise.all(hogs.map((hog) => hog.stop()));
    await cluster.stop();
  }
}

await main();
process.exit(0);
