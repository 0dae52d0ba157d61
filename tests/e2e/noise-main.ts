// npm run noise -- [--seconds 8] [--rate 100] [--only WORD]
//
// One client reads and writes keys and asks for healthy instances, at a steady rate, while another sends rubbish, the largest bodies,
// the worst filters, or holds connections open (R15). `PROCONSUL_BIN` names another program.
import { type ChildProcess, fork } from 'node:child_process';
import { Agent, request } from 'node:http';
import { setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { startAgent, type TestAgent } from './harness.ts';
import { noises } from './noise.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    rate: { type: 'string', default: '100' },
    only: { type: 'string', default: '' },
    /** For the other client, a process of its own. */
    noise: { type: 'string', default: '' },
    port: { type: 'string', default: '' },
  },
});

/** R15. */
const P99_MS_MAX = 250;
const INSTANCES = 500;
const KEYS = 2000;
/** How long the other client goes on before anything is measured. */
const LEAD_MS = 1000;
/** Requests without an answer after so long count as that long. */
const PATIENCE_MS = 10_000;

const victim = new Agent({ keepAlive: true, maxSockets: 64 });

/** Milliseconds until the whole answer was there; fails when it is not the one of a healthy agent. */
function timed(port: number, method: string, path: string, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const req = request({ agent: victim, host: '127.0.0.1', port, method, path, timeout: PATIENCE_MS }, (res) => {
      res.resume();
      res.on('end', () => {
        if (res.statusCode === 200) resolve(performance.now() - startedAt);
        else reject(new Error(`${method} ${path}: ${res.statusCode}`));
      });
    });
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve(PATIENCE_MS));
    req.end(body);
  });
}

const REQUESTS: readonly ((port: number, n: number) => Promise<number>)[] = [
  (port, n) => timed(port, 'PUT', `/v1/kv/victim/${n % 100}`, `value ${n}`),
  (port, n) => timed(port, 'GET', `/v1/kv/victim/${n % 100}`),
  (port) => timed(port, 'GET', '/v1/health/service/api?passing'),
];

/** The requests start at fixed moments, whether those before are answered or not: a pause of the agent is met by all that fall into it. */
async function measure(port: number): Promise<number[]> {
  const everyMs = 1000 / Number(options.rate);
  const count = Math.floor((Number(options.seconds) * 1000) / everyMs);
  const from = performance.now();
  const running: Promise<number>[] = [];
  for (let n = 0; n < count; n++) {
    const due = from + n * everyMs;
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    running.push(REQUESTS[n % REQUESTS.length]!(port, Math.floor(n / REQUESTS.length)));
  }
  return await Promise.all(running);
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

async function fill(agent: TestAgent): Promise<void> {
  for (let i = 0; i < INSTANCES; i++) {
    const text = Array.from({ length: 40 }, (_, k) => 'ab'[(i >> (k % 9)) & 1]).join('');
    await agent.mustPut('/v1/catalog/register', {
      ...{ Node: `node-${i % 50}`, Address: '10.0.0.1' },
      Service: { ID: `web-${i}`, Service: 'web', Port: 80, Tags: ['v1', 'primary'], Meta: { text } },
    });
  }
  await agent.mustPut('/v1/agent/service/register', { Name: 'api', Port: 8080 });
  for (let i = 0; i < KEYS; i += 100) {
    const ops = Array.from({ length: 100 }, (_, k) => ({
      KV: { Verb: 'set', Key: `many/${i + k}`, Value: Buffer.alloc(2048, 'v').toString('base64') },
    }));
    await agent.mustPut('/v1/txn', ops);
  }
  for (let i = 0; i < 100; i++) await agent.mustPut(`/v1/kv/victim/${i}`, 'value');
}

/** The other client, with less right to the processor than the agent and the one who measures. */
function other(name: string, port: number): ChildProcess {
  const child = fork(process.argv[1] as string, ['--noise', name, '--port', String(port)], { stdio: 'inherit' });
  return child;
}

const ms = (n: number): string => n.toFixed(1);

async function scene(agent: TestAgent, name: string): Promise<boolean> {
  const child = other(name, agent.ports.http);
  await new Promise((resolve) => setTimeout(resolve, LEAD_MS));
  const times = (await measure(agent.ports.http)).sort((a, b) => a - b);
  child.kill('SIGKILL');
  const p99 = quantile(times, 0.99);
  const columns = [quantile(times, 0.5), quantile(times, 0.9), p99, times.at(-1) ?? 0].map(ms);
  const size = Math.round(agent.rssBytes() / 2 ** 20);
  console.log(`| ${name} | ${times.length} | ${columns.join(' | ')} | ${size} |`);
  return p99 <= P99_MS_MAX;
}

async function main(): Promise<number> {
  const agent = await startAgent({ mode: 'server', node: 'n1', args: ['-log-level', 'error'] });
  try {
    await fill(agent);
    console.log('| the other client | requests | p50 (ms) | p90 | p99 | max | resident (MiB) |');
    console.log('|---|---|---|---|---|---|---|');
    const late: string[] = [];
    for (const name of Object.keys(noises)) {
      if (options.only !== '' && !name.includes(options.only)) continue;
      if (!(await scene(agent, name))) late.push(name);
    }
    console.log(late.length === 0 ? `every p99 is below ${P99_MS_MAX} ms` : `too slow: ${late.join(', ')}`);
    return late.length === 0 ? 0 : 1;
  } finally {
    await agent.stop();
  }
}

if (options.noise === '') process.exitCode = await main();
else {
  setPriority(10);
  await noises[options.noise]!(Number(options.port));
}
