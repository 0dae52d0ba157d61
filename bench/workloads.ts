import type { BenchAgent } from './agent.ts';
import { Connection } from './connection.ts';
import { dnsQuery, type Figure, quantile, questions, requests } from './load.ts';
import { pause } from './shared.ts';

export interface Workload {
  readonly name: string;
  /** Measured on a development agent instead of a durable server. */
  readonly dev?: boolean;
  run(agent: BenchAgent, forMs: number): Promise<Figure[]>;
}

const VALUE = 'v'.repeat(128);
const IDLE_AFTER_MS = 2_000;

const lower = (value: number, unit: string): Figure => ({ value, unit, more: false });

/** A request that must succeed. */
async function must(connection: Connection, method: string, path: string, body: string | Buffer | null = null) {
  const answer = await connection.request(method, path, body);
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  return answer;
}

/** Opens a connection for the preparations and for what is timed alone. */
async function using<T>(agent: BenchAgent, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.open(agent.port);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Instances on nodes of their own, each with a passing check. */
function registerInstances(agent: BenchAgent, count: number): Promise<void> {
  return using(agent, async (connection) => {
    for (let i = 0; i < count; i++) {
      const id = `web-${i}`;
      const body = {
        Node: `n${i}`,
        Address: `10.0.${Math.floor(i / 250)}.${(i % 250) + 1}`,
        Service: { ID: id, Service: 'web', Port: 8000 + i, Tags: ['v1', 'primary'], Meta: { zone: 'a' } },
        Checks: [{ CheckID: `svc:${id}`, Name: 'c', Status: 'passing', ServiceID: id }],
      };
      await must(connection, 'PUT', '/v1/catalog/register', JSON.stringify(body));
    }
  });
}

const HEALTH = '/v1/health/service/web?passing';
const readHealth = () => ['GET', HEALTH, null] as const;

async function idle(agent: BenchAgent): Promise<Figure[]> {
  await pause(IDLE_AFTER_MS);
  return [lower(agent.readyMs, 'ms until ready'), lower(agent.rssMib(), 'MiB idle')];
}

async function kvGet(agent: BenchAgent, forMs: number): Promise<Figure[]> {
  await using(agent, async (c) => {
    for (let i = 0; i < 1000; i++) await must(c, 'PUT', `/v1/kv/a/${i}`, VALUE);
  });
  return requests(agent, 64, forMs, (w, i) => ['GET', `/v1/kv/a/${(w * 31 + i) % 1000}`, null]);
}

async function health(agent: BenchAgent, forMs: number, instances: number, width: number): Promise<Figure[]> {
  await registerInstances(agent, instances);
  return requests(agent, width, forMs, readHealth);
}

/** 50 instances; every tenth request changes one of them. */
async function churn(agent: BenchAgent, forMs: number): Promise<Figure[]> {
  await registerInstances(agent, 50);
  return requests(agent, 16, forMs, (w, i) => {
    if (i % 10 !== 0) return readHealth();
    const Service = { ID: `web-${w}`, Service: 'web', Port: 1 + (i % 60_000) };
    return ['PUT', '/v1/catalog/register', JSON.stringify({ Node: `n${w}`, Address: '10.0.0.1', Service })];
  });
}

const catalogRegister = (agent: BenchAgent, forMs: number) =>
  requests(agent, 32, forMs, (w, i) => {
    const Service = { ID: `s${w}-${i % 200}`, Service: `s${i % 50}`, Port: i % 60_000 };
    return ['PUT', '/v1/catalog/register', JSON.stringify({ Node: `n${w}`, Address: '10.0.0.1', Service })];
  });

const agentRegister = (agent: BenchAgent, forMs: number) =>
  requests(agent, 8, forMs, (w, i) => {
    const Check = { TTL: '60s', Status: 'passing' };
    const body = { ID: `s${w}-${i % 20}`, Name: `s${w}`, Port: 1 + (i % 60_000), Check };
    return ['PUT', '/v1/agent/service/register', JSON.stringify(body)];
  });

const WATCHERS = 2000;
const WATCH_ROUNDS = 3;

/** Many watchers of one service; one change; how long until half of them and until the last has the answer. */
async function fanout(agent: BenchAgent): Promise<Figure[]> {
  await registerInstances(agent, 10);
  let index = (await using(agent, (c) => must(c, 'GET', HEALTH))).index;
  const watchers: Connection[] = [];
  for (let i = 0; i < WATCHERS; i++) watchers.push(await Connection.open(agent.port));
  const medians: number[] = [];
  let last = 0;
  let rss = 0;
  for (let round = 0; round < WATCH_ROUNDS; round++) {
    let changed = 0;
    let next = index;
    const waits = watchers.map(
      (c) =>
        new Promise<number>((resolve, reject) => {
          c.send('GET', `${HEALTH}&index=${index}&wait=60s`, null, (error, answer) => {
            if (answer?.status !== 200) return reject(error ?? new Error(`status ${answer?.status}`));
            next = answer.index;
            resolve(performance.now() - changed);
          });
        }),
    );
    await pause(2_500); // Until all of them are certainly waiting.
    rss = agent.rssMib();
    const Service = { ID: 'web-0', Service: 'web', Port: 9000 + round };
    changed = performance.now();
    const body = JSON.stringify({ Node: 'n0', Address: '10.0.0.1', Service });
    await using(agent, (c) => must(c, 'PUT', '/v1/catalog/register', body));
    const times = (await Promise.all(waits)).sort((a, b) => a - b);
    medians.push(quantile(times, 0.5));
    last = times.at(-1) as number;
    index = next;
  }
  for (const c of watchers) c.close();
  medians.sort((a, b) => a - b);
  return [
    lower(quantile(medians, 0.5), `ms until half of ${WATCHERS} know`),
    lower(last, `ms until the last of ${WATCHERS} knows`),
    lower(rss, `MiB with ${WATCHERS} watchers`),
  ];
}

async function dns(agent: BenchAgent, forMs: number, type: number): Promise<Figure[]> {
  await registerInstances(agent, 10);
  return questions(agent, 16, forMs, dnsQuery('web.service.consul', type));
}

async function ttl(agent: BenchAgent, forMs: number): Promise<Figure[]> {
  await using(agent, async (c) => {
    for (let i = 0; i < 100; i++) {
      const Check = { CheckID: `c${i}`, TTL: '600s', Status: 'passing' };
      await must(
        c,
        'PUT',
        '/v1/agent/service/register',
        JSON.stringify({ ID: `t${i}`, Name: 't', Port: 1 + i, Check }),
      );
    }
  });
  return requests(agent, 16, forMs, (w, i) => ['PUT', `/v1/agent/check/pass/c${(w * 7 + i) % 100}`, null]);
}

const BULK_KEYS = 100_000;
const BULK_BATCH = 64;

async function loadKeys(agent: BenchAgent): Promise<void> {
  const Value = Buffer.from(VALUE).toString('base64');
  let next = 0;
  const worker = () =>
    using(agent, async (c) => {
      while (next < BULK_KEYS) {
        const from = next;
        next += BULK_BATCH;
        const sets = Array.from({ length: BULK_BATCH }, (_, k) => ({
          KV: { Verb: 'set', Key: `bulk/${String(from + k).padStart(6, '0')}`, Value },
        }));
        await must(c, 'PUT', '/v1/txn', JSON.stringify(sets));
      }
    });
  await Promise.all(Array.from({ length: 16 }, worker));
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const from = performance.now();
  const value = await work();
  return { ms: performance.now() - from, value };
}

/** 100,000 keys: loaded, listed, saved, found again after SIGKILL, and restored. */
async function bulk(agent: BenchAgent): Promise<Figure[]> {
  const load = await timed(() => loadKeys(agent));
  const rss = agent.rssMib();
  const save = await timed(() => using(agent, (c) => must(c, 'GET', '/v1/snapshot')));
  const archive = save.value.body as Buffer;
  const list = await timed(() => using(agent, (c) => must(c, 'GET', '/v1/kv/bulk/?recurse')));
  await agent.stop();
  await agent.start(false);
  const restartMs = agent.readyMs;
  const restore = await timed(() => using(agent, (c) => must(c, 'PUT', '/v1/snapshot', archive)));
  return [
    { value: (BULK_KEYS / load.ms) * 1000, unit: `keys/s in transactions of ${BULK_BATCH}`, more: true },
    lower(rss, 'MiB with 100,000 keys'),
    lower(save.ms, 'ms to save a snapshot'),
    lower(archive.length / 1024, 'KiB of snapshot'),
    lower(list.ms, 'ms to list all'),
    lower(restartMs, 'ms until ready after SIGKILL'),
    lower(restore.ms, 'ms to restore'),
  ];
}

/** The workloads of the side-by-side table. */
export const workloads: readonly Workload[] = [
  { name: 'start', dev: true, run: idle },
  {
    name: 'kv put, 1 client',
    run: (a, ms) => requests(a, 1, ms, (_, i) => ['PUT', `/v1/kv/a/${i % 1000}`, VALUE]),
  },
  {
    name: 'kv put, 64 clients',
    run: (a, ms) => requests(a, 64, ms, (w, i) => ['PUT', `/v1/kv/a/${w}-${i % 1000}`, VALUE]),
  },
  { name: 'kv get, 64 clients', run: kvGet },
  { name: 'health, 10 instances', run: (a, ms) => health(a, ms, 10, 64) },
  { name: 'health, 200 instances', run: (a, ms) => health(a, ms, 200, 16) },
  { name: 'health with churn', run: churn },
  { name: 'catalog register', run: catalogRegister },
  { name: 'agent register', run: agentRegister },
  { name: 'watchers', run: fanout },
  { name: 'dns A', run: (a, ms) => dns(a, ms, 1) },
  { name: 'dns SRV', run: (a, ms) => dns(a, ms, 33) },
  { name: 'ttl update', run: ttl },
  { name: '100,000 keys', run: bulk },
];
