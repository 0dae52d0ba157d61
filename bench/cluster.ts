// npm run bench:cluster -- [--rounds 3] [--seconds 4] [--kills 10] [--clients 50] [--only "loads, gap, idle"] [--loads "writes"] [--warm 5]
//
// Three servers of ours and, when CONSUL_BIN names a reference agent, three of those, one after the other on loopback:
// writes, reads on a follower, the time without a leader after it is killed, memory, joins and idle processor time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Connection } from './connection.ts';
import { Fleet, type FleetAgent } from './fleet.ts';
import { type Figure, requests } from './load.ts';
import { chart, type Line, median, table } from './report.ts';
import { commandOf, pause } from './shared.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    kills: { type: 'string', default: '10' },
    clients: { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
    loads: { type: 'string', default: '' },
    warm: { type: 'string', default: '5' },
  },
});

const FIRST_PORT = 22_000;
const SERVERS = 3;
const VALUE = 'v'.repeat(128);
/** An agent idles once what its start has left is done: garbage, and code that is not compiled yet. */
const SETTLE_MS = 40_000;
const IDLE_MS = 30_000;
/** A write that has no answer by then counts as lost, and the next one is tried. */
const PROBE_TIMEOUT_MS = 3_000;
const PROBE_PAUSE_MS = 5;

interface Measured extends Figure {
  readonly name: string;
}

const put = (w: number, i: number) => ['PUT', `/v1/kv/a/${w}-${i % 1000}`, VALUE] as const;
const get = (query: string) => (w: number, i: number) => ['GET', `/v1/kv/a/${w % 4}-${i % 500}${query}`, null] as const;

async function loads(fleet: Fleet, forMs: number): Promise<Measured[]> {
  const leader = await fleet.leader();
  const follower = await fleet.follower();
  const out: Measured[] = [];
  const run = async (name: string, agent: FleetAgent, width: number, next: Parameters<typeof requests>[3]) => {
    if (!name.includes(options.loads)) return;
    // Both sides alike: without it the figures of the first seconds, in which an engine compiles, count as well.
    if (Number(options.warm) > 0) await requests(agent, width, Number(options.warm) * 1000, next);
    const figures = await requests(agent, width, forMs, next);
    out.push(...figures.map((f) => ({ ...f, name })));
  };
  await run('writes to the leader, 1 client', leader, 1, put);
  await run('writes to the leader, 64 clients', leader, 64, put);
  await run('writes to a follower, 1 client', follower, 1, put);
  await run('writes to a follower, 64 clients', follower, 64, put);
  for (let w = 0; w < 4; w++) await prepare(leader, w);
  await run('stale reads on a follower, 64 clients', follower, 64, get('?stale'));
  await run('default reads on a follower, 1 client', follower, 1, get(''));
  await run('default reads on a follower, 64 clients', follower, 64, get(''));
  return out;
}

/** The keys that the reads ask for. */
async function prepare(agent: FleetAgent, w: number): Promise<void> {
  const connection = await Connection.open(agent.port);
  for (let i = 0; i < 500; i++) await connection.request(...put(w, i));
  connection.close();
}

/** Milliseconds from the death of the leader to the first write that is acknowledged after it. */
async function gap(fleet: Fleet): Promise<number> {
  const leader = await fleet.leader();
  const follower = await fleet.follower();
  await write(follower);
  const from = performance.now();
  const killed = leader.kill();
  while (!(await write(follower))) await pause(PROBE_PAUSE_MS);
  const took = performance.now() - from;
  await killed;
  fleet.restart(leader);
  await fleet.until('a full cluster', async () => {
    const health = await follower.get<{ Healthy: boolean; Servers: unknown[] | null }>('/v1/operator/autopilot/health');
    return health?.Healthy === true && health.Servers?.length === SERVERS;
  });
  return took;
}

async function write(agent: FleetAgent): Promise<boolean> {
  let connection: Connection | undefined;
  const timeout = pause(PROBE_TIMEOUT_MS).then(() => undefined);
  try {
    connection = await Connection.open(agent.port);
    const answer = await Promise.race([connection.request('PUT', '/v1/kv/probe', 'x'), timeout]);
    return answer?.status === 200;
  } catch {
    return false;
  } finally {
    connection?.close();
  }
}

async function gaps(fleet: Fleet): Promise<Measured[]> {
  const all: number[] = [];
  for (let i = 0; i < Number(options.kills); i++) all.push(await gap(fleet));
  const name = `leader killed, ${options.kills} times`;
  return [
    { name, value: median(all), unit: 'ms without writes, median', more: false },
    { name, value: Math.max(...all), unit: 'ms without writes, worst', more: false },
  ];
}

/** Memory and processor time of agents that have nothing to do, then how long many clients take to join. */
async function idleAndJoin(fleet: Fleet): Promise<Measured[]> {
  fleet.startClients(1);
  const server = await fleet.follower();
  const alive = async () => {
    const members = await server.get<{ Name: string; Status: number }[]>('/v1/agent/members');
    return (members ?? []).filter((m) => m.Status === 1).length;
  };
  await fleet.until('client', async () => (await alive()) === SERVERS + 1);
  const client = fleet.clients[0] as FleetAgent;
  await pause(SETTLE_MS);
  const before = [server.cpuSeconds(), client.cpuSeconds()] as const;
  await pause(IDLE_MS);
  const percent = (agent: FleetAgent, from: number) => ((agent.cpuSeconds() - from) * 1e5) / IDLE_MS;
  const out: Measured[] = [
    { name: 'server, idle', value: percent(server, before[0]), unit: '% of a core', more: false },
    { name: 'server, idle', value: server.rssMib(), unit: 'MiB', more: false },
    { name: 'client agent, idle', value: percent(client, before[1]), unit: '% of a core', more: false },
    { name: 'client agent, idle', value: client.rssMib(), unit: 'MiB', more: false },
  ];
  const more = Number(options.clients);
  if (more === 0) return out;
  const from = performance.now();
  fleet.startClients(more);
  await fleet.until('clients', async () => (await alive()) === SERVERS + 1 + more);
  const name = `${more} client agents join`;
  out.push({ name, value: performance.now() - from, unit: 'ms until all are alive', more: false });
  return out;
}

interface Part {
  readonly name: string;
  readonly rounds: number;
  run(fleet: Fleet): Promise<Measured[]>;
}

const parts: readonly Part[] = [
  { name: 'loads', rounds: Number(options.rounds), run: (fleet) => loads(fleet, Number(options.seconds) * 1000) },
  { name: 'gap', rounds: 1, run: gaps },
  { name: 'idle', rounds: 1, run: idleAndJoin },
];

const both = [
  { name: 'ours', command: commandOf(process.env['PROCONSUL_BIN'] || 'packages/cli/dist/proconsul.cjs') },
  ...(process.env['CONSUL_BIN'] ? [{ name: 'reference', command: commandOf(process.env['CONSUL_BIN']) }] : []),
] as const;
if (both.length === 1) console.log('CONSUL_BIN names no reference agent: ours alone.');
const folder = mkdtempSync(join(tmpdir(), 'proconsul-cluster-'));
const wanted = options.only.split(',').map((w) => w.trim());
const samples = new Map<string, { figure: Measured; values: Map<string, number[]> }>();
try {
  let run = 0;
  for (const part of parts.filter((p) => options.only === '' || wanted.includes(p.name))) {
    for (let round = 0; round < part.rounds; round++) {
      for (const { name, command } of both) {
        const fleet = new Fleet(command, join(folder, `${name}-${part.name}-${round}`), FIRST_PORT + (run++ % 8) * 300);
        try {
          await fleet.startServers(SERVERS);
          for (const figure of await part.run(fleet)) {
            const key = `${figure.name}: ${figure.unit}`;
            const sample = samples.get(key) ?? { figure, values: new Map<string, number[]>() };
            samples.set(key, sample);
            sample.values.set(name, [...(sample.values.get(name) ?? []), figure.value]);
            console.log(`${name}  ${key}  ${figure.value.toFixed(1)}`);
          }
        } catch (error) {
          console.error(`  ${part.name}, ${name}: FAILED: ${(error as Error).message}`);
        } finally {
          await fleet.stop();
        }
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const lines: Line[] = [...samples.values()].map(({ figure, values }) => {
  const reference = values.get('reference');
  return {
    workload: figure.name,
    unit: figure.unit,
    more: figure.more,
    ours: median(values.get('ours') ?? []),
    reference: reference === undefined ? undefined : median(reference),
  };
});
console.log(`\n${table(lines)}`);
if (both.length === 2) console.log(`\nbetter than the reference by (bars to the right):\n\n${chart(lines)}`);
