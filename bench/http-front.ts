/**
 * The HTTP front against node:http, both with a handler that does nothing, loaded over plain sockets by a process of its own.
 * Run it with
 *     npx esbuild bench/http-front.ts --bundle --platform=node --format=esm --conditions=source --outfile=/tmp/http-front-bench.mjs
 *     node /tmp/http-front-bench.mjs
 * Figures depend on the machine; the ratios mean something.
 */
import { type ChildProcess, fork } from 'node:child_process';
import * as http from 'node:http';
import * as net from 'node:net';
import { fileURLToPath } from 'node:url';
import { silentLog } from '@proconsul/base';
import { nodeGzip, nodeNetwork, systemClock } from '@proconsul/io-node';
import { type FrontExchange, HttpFront, SharedAnswer } from '../packages/http-api/src/front/index.ts';

const CONNECTIONS = 64;
const WATCHERS = 2_000;
const ROUND_MS = 3_000;
const ROUNDS = 3;
const HEADERS = [
  ['Content-Type', 'application/json'],
  ['Vary', 'Accept-Encoding'],
  ['X-Consul-Default-Acl-Policy', 'allow'],
  ['X-Consul-Index', '1234'],
  ['X-Consul-Knownleader', 'true'],
  ['X-Consul-Lastcontact', '0'],
] as const;
const BODY = JSON.stringify([
  { LockIndex: 0, Key: 'bench/key', Flags: 0, Value: 'A'.repeat(172), CreateIndex: 12, ModifyIndex: 12 },
]);
const COMMON = 'Host: 127.0.0.1:8500\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n';
const REQUESTS: Readonly<Record<string, string>> = {
  get: `GET /v1/kv/bench/key HTTP/1.1\r\n${COMMON}\r\n`,
  put: `PUT /v1/kv/bench/key HTTP/1.1\r\n${COMMON}Content-Length: 128\r\n\r\n${'x'.repeat(128)}`,
};

// The servers. Each answers GET from its cache, PUT after reading the body, and /wait when it is told to.

async function serveFront(): Promise<number> {
  const shared = new SharedAnswer(200, HEADERS, Buffer.from(BODY));
  const waiting: FrontExchange[] = [];
  const front = new HttpFront(
    { maxConnsPerClient: 0 },
    { clock: systemClock, log: silentLog, gzip: nodeGzip },
    (req, res) => {
      if (req.method === 'PUT') req.readBody(1 << 19, () => res.send(200, HEADERS, 'true'));
      else if (req.target === '/wait') waiting.push(res);
      else res.sendShared(shared);
    },
  );
  process.on('message', (message) => {
    if (message === 'fire') for (const res of waiting.splice(0)) res.sendShared(shared);
  });
  const listener = await front.listen(nodeNetwork, { host: '127.0.0.1', port: 0 });
  return listener.local.port;
}

async function serveNode(): Promise<number> {
  const head = HEADERS.flat();
  const body = Buffer.from(BODY);
  const waiting: http.ServerResponse[] = [];
  const answer = (res: http.ServerResponse, bytes: Buffer | string) => {
    res.writeHead(200, [...head, 'Content-Length', String(bytes.length)]);
    res.end(bytes);
  };
  const server = http.createServer((req, res) => {
    if (req.method === 'PUT') {
      const chunks: Buffer[] = [];
      req.on('data', (chunk) => chunks.push(chunk));
      req.on('end', () => answer(res, 'true'));
    } else if (req.url === '/wait') waiting.push(res);
    else answer(res, body);
  });
  server.keepAliveTimeout = 0;
  process.on('message', (message) => {
    if (message === 'fire') for (const res of waiting.splice(0)) answer(res, body);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  return (server.address() as net.AddressInfo).port;
}

// The load. Every answer to one request has the same length, so counting bytes counts answers.

function answerBytes(port: number, request: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
    let total = 0;
    socket.on('data', (chunk) => {
      total += chunk.length;
      setTimeout(() => {
        socket.destroy();
        resolve(total);
      }, 50);
    });
  });
}

async function load(port: number, request: string): Promise<{ rate: number; answers: number }> {
  const size = await answerBytes(port, request);
  const bytes = Buffer.from(request);
  let answers = 0;
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(bytes));
    let got = 0;
    socket.on('data', (chunk) => {
      got += chunk.length;
      if (got < size) return;
      got = 0;
      answers++;
      socket.write(bytes);
    });
    return socket;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  answers = 0;
  const start = performance.now();
  process.send?.('started');
  const stopped = new Promise((resolve) => process.once('message', resolve));
  await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  await stopped;
  const rate = (1000 * answers) / (performance.now() - start);
  for (const socket of sockets) socket.destroy();
  return { rate, answers };
}

/** Opens waiting requests; on `go` counts the milliseconds until every one was answered. */
async function watch(port: number): Promise<void> {
  const sockets: net.Socket[] = [];
  for (let i = 0; i < WATCHERS; i++) {
    await new Promise<void>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write(`GET /wait HTTP/1.1\r\n${COMMON}\r\n`);
        resolve();
      });
      sockets.push(socket);
    });
  }
  let left = WATCHERS;
  let start = 0;
  for (const socket of sockets) {
    socket.once('data', () => {
      if (--left === 0) process.send?.({ done: performance.now() - start });
    });
  }
  process.on('message', () => {
    start = performance.now();
    process.send?.('fire');
  });
  setTimeout(() => process.send?.('ready'), 500);
}

// The parent.

const self = fileURLToPath(import.meta.url);
const next = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once('message', resolve));
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function withServer<T>(kind: string, use: (port: number, server: ChildProcess) => Promise<T>): Promise<T> {
  const server = fork(self, [`serve-${kind}`], { execArgv: ['--expose-gc'] });
  const port = Number(await next(server));
  try {
    return await use(port, server);
  } finally {
    server.kill();
  }
}

/** Requests a second, and how many the server would do if its processor did nothing but serve (the load may be the limit). */
async function rate(kind: string, request: string): Promise<{ rate: number; perCpuSecond: number }> {
  return withServer(kind, async (port, server) => {
    const client = fork(self, ['load', String(port), request]);
    await next(client);
    const before = Number(await ask(server, 'cpu'));
    const { rate, answers } = (await ask(client, 'stop')) as { rate: number; answers: number };
    const cpuMs = Number(await ask(server, 'cpu')) - before;
    return { rate, perCpuSecond: (1000 * answers) / cpuMs };
  });
}

function ask(child: ChildProcess, what: string): Promise<unknown> {
  const answer = next(child);
  child.send(what);
  return answer;
}

const memory = async (server: ChildProcess): Promise<number> => Number(await ask(server, 'memory'));

async function watchers(kind: string): Promise<{ ms: number; kib: number }> {
  return withServer(kind, async (port, server) => {
    const before = await memory(server);
    const client = fork(self, ['watch', String(port)]);
    await next(client);
    const kib = (await memory(server)) - before;
    client.send('go');
    await next(client);
    server.send('fire');
    const { done } = (await next(client)) as { done: number };
    client.kill();
    return { ms: done, kib: kib / 1024 / WATCHERS };
  });
}

async function main(): Promise<void> {
  const row = (what: string, ours: number, node: number, ratio: number) =>
    console.log(
      `${what.padEnd(44)} ${ours.toFixed(1).padStart(9)} ${node.toFixed(1).padStart(9)} ${ratio.toFixed(2).padStart(7)}x`,
    );
  console.log(`${''.padEnd(44)} ${'front'.padStart(9)} ${'node:http'.padStart(9)}`);
  for (const name of Object.keys(REQUESTS)) {
    const rates: Record<string, { rate: number; perCpuSecond: number }[]> = { front: [], node: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const kind of ['front', 'node']) rates[kind]?.push(await rate(kind, name));
    }
    for (const field of ['rate', 'perCpuSecond'] as const) {
      const [ours = 0, node = 0] = ['front', 'node'].map((kind) => median((rates[kind] ?? []).map((r) => r[field])));
      row(`${name}, requests ${field === 'rate' ? 'a second' : 'in a second of CPU'}`, ours, node, ours / node);
    }
  }
  const times: Record<string, { ms: number; kib: number }[]> = { front: [], node: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of ['front', 'node']) times[kind]?.push(await watchers(kind));
  }
  const of = (kind: string, field: 'ms' | 'kib') => median((times[kind] ?? []).map((time) => time[field]));
  row(
    `${WATCHERS} waiting requests answered, ms`,
    of('front', 'ms'),
    of('node', 'ms'),
    of('node', 'ms') / of('front', 'ms'),
  );
  row(
    'memory of a waiting connection, KiB',
    of('front', 'kib'),
    of('node', 'kib'),
    of('node', 'kib') / of('front', 'kib'),
  );
}

const [role = 'main', portText = '0', name = ''] = process.argv.slice(2);
if (role === 'main') await main();
else if (role === 'load') {
  process.send?.(await load(Number(portText), REQUESTS[name] ?? ''));
  process.disconnect();
} else if (role === 'watch') await watch(Number(portText));
else {
  process.on('message', (message) => {
    if (message === 'cpu') {
      const { user, system } = process.cpuUsage();
      process.send?.((user + system) / 1000);
    }
    if (message !== 'memory') return;
    (globalThis as { gc?: () => void }).gc?.();
    process.send?.(process.memoryUsage().rss);
  });
  process.send?.(await (role === 'serve-front' ? serveFront() : serveNode()));
}
