import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { injure, mulberry32 } from './random.ts';

/** What one client does to an agent while another measures how it is served. Runs until the process ends. */
export type Noise = (port: number) => Promise<void>;

const HOST = '127.0.0.1';
const MEBIBYTE = 1024 * 1024;

/** Errors of single requests are what the noise is for: refused, reset, cut. */
function send(agent: Agent, port: number, method: string, path: string, body?: string | Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    const req = request({ agent, host: HOST, port, method, path }, (res) => {
      res.resume();
      res.on('end', () => resolve(res.statusCode ?? 0));
      res.on('error', () => resolve(0));
    });
    req.on('error', () => resolve(0));
    req.end(body);
  });
}

/** `width` loops that send one request after another. */
const loops = async (width: number, one: (n: number) => Promise<unknown>): Promise<void> => {
  let n = 0;
  const loop = async () => {
    for (;;) await one(n++);
  };
  await Promise.all(Array.from({ length: width }, loop));
};

const keptAlive = (sockets: number): Agent => new Agent({ keepAlive: true, maxSockets: sockets });

/** A text of nearly `bytes`: one piece over and over. */
const filled = (start: string, piece: string, bytes: number, end = ''): string =>
  start + piece.repeat(Math.floor((bytes - start.length - end.length) / piece.length)) + end;

/** Members with names that are all different: the dearest object to build. */
function members(count: number): string {
  const out: string[] = [];
  for (let i = 0; i < count; i++) out.push(`"k${i}":9007199254740993`);
  return out.join(',');
}

/** Every one is too large for one task of the event loop, were it read in one piece. */
const LARGE_JSON: readonly string[] = [
  filled('{"Name":"x","Tags":[', '"",', 2 * MEBIBYTE - 16, '7]}'),
  filled('{"Name":"x","Checks":[', '{},', 96 * 1024, '7]}'),
  filled('{"Name":"', '\\u00e9', 2 * MEBIBYTE - 16, '",}'),
  filled('{"Name":"', '\u{1f600}', MEBIBYTE / 2, '"]'),
  filled('[', '[', 2 * MEBIBYTE - 16),
  filled('[', '[[[[[]]]]],', 2 * MEBIBYTE - 16),
  filled('{"Meta":', ' ', 2 * MEBIBYTE - 16, 'x'),
  `{"Name":"x","Meta":{${members(32_000)}},"Nonsense":1}`,
  filled('', '7', 2 * MEBIBYTE - 16),
];
const JSON_PATHS = ['/v1/agent/service/register', '/v1/catalog/register', '/v1/config', '/v1/session/create'];

const FILTERS: readonly string[] = [
  'Service.Meta.text matches "(\\\\pL|\\\\pN){390}"',
  'Service.Meta.text matches "(a.{30}|b.{31}|a.{32}|b.{33}){3}[^ab]"',
  'Service.Meta.text matches "(?:a|b)*a(?:a|b){200}[^ab]"',
  `Service.Meta.text matches "${'.'.repeat(2000)}"`,
  `Service.ID matches "(?i)${'\\\\W'.repeat(600)}"`,
  filled('Service.ID == a', ' or Service.ID == a', 8000),
  filled('', 'not ', 700, 'Service.ID == a'),
];

const RAW: readonly string[] = [
  'GET\r\n\r\n',
  'GET /v1/kv/%zz HTTP/1.1\r\nHost: x\r\n\r\n',
  'PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  `GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(MEBIBYTE)}\r\n\r\n`,
  `GET /v1/kv/${'/'.repeat(60_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET /v1/health/service/web?${'a=1&'.repeat(15_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'GET /v1/agent/services HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000),
];

function rawOnce(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
    socket.end(bytes);
  });
}

/** A connection from an address of its own: the agent counts the connections of each. */
function open(port: number, n: number, perAddress: number): Socket {
  const socket = connect({ port, host: HOST, localAddress: `127.0.1.${1 + Math.floor(n / perAddress)}` });
  socket.on('error', () => undefined);
  return socket;
}

const forever = (): Promise<void> =>
  new Promise(() => {
    setInterval(() => undefined, 60_000);
  });

export const noises: Readonly<Record<string, Noise>> = {
  nothing: forever,
  async rubbish(port) {
    const random = mulberry32(1);
    const bytes = RAW.map((text) => Buffer.from(text));
    await loops(8, (n) => {
      const original = bytes[n % bytes.length]!;
      return rawOnce(port, original.length < 100_000 && n % 2 === 1 ? injure(original, random) : original);
    });
  },
  async 'largest JSON bodies'(port) {
    const agent = keptAlive(4);
    const bodies = LARGE_JSON.map((text) => Buffer.from(text));
    await loops(4, (n) =>
      send(agent, port, 'PUT', JSON_PATHS[n % JSON_PATHS.length]!, bodies[Math.floor(n / 4) % bodies.length]),
    );
  },
  async 'largest values'(port) {
    const agent = keptAlive(4);
    const value = Buffer.alloc(512 * 1024, 'x');
    await loops(4, (n) => send(agent, port, 'PUT', `/v1/kv/large/${n % 32}`, value));
  },
  async 'largest transactions'(port) {
    const agent = keptAlive(4);
    const ops = (size: number) =>
      Array.from({ length: 128 }, (_, i) => ({
        KV: { Verb: 'set', Key: `txn/${i}`, Value: Buffer.alloc(size, 'x').toString('base64') },
      }));
    const body = Buffer.from(JSON.stringify(ops(2900)));
    await loops(4, () => send(agent, port, 'PUT', '/v1/txn', body));
  },
  async 'worst filters'(port) {
    const agent = keptAlive(4);
    await loops(4, (n) =>
      send(agent, port, 'GET', `/v1/health/service/web?filter=${encodeURIComponent(FILTERS[n % FILTERS.length]!)}`),
    );
  },
  async 'large answers'(port) {
    const agent = keptAlive(4);
    const paths = ['/v1/kv/many/?recurse', '/v1/health/service/web?stale', '/v1/catalog/service/web?pretty'];
    await loops(4, (n) => send(agent, port, 'GET', `${paths[n % paths.length]}&nothing=${n}`));
  },
  async '1,000 idle connections'(port) {
    for (let n = 0; n < 1000; n++) open(port, n, 150);
    await forever();
  },
  async '1,000 slow senders'(port) {
    const sockets = Array.from({ length: 1000 }, (_, n) => open(port, n, 150));
    for (const [n, socket] of sockets.entries()) {
      if (n % 2 === 0) socket.write(`PUT /v1/kv/slow/${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
      else socket.write(`GET /v1/kv/slow/${n} HTTP/1.1\r\nHost: x\r\nX-A: `);
    }
    for (;;) {
      for (const socket of sockets) if (!socket.destroyed) socket.write('a');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  },
  async '600 waiting readers'(port) {
    const waiters = Array.from({ length: 6 }, (_, i) => {
      return new Agent({ keepAlive: true, maxSockets: 100, localAddress: `127.0.1.${1 + i}` });
    });
    const ask = async (agent: Agent) => {
      for (;;) await send(agent, port, 'GET', '/v1/kv/victim/?recurse&index=1&wait=5s');
    };
    await Promise.all(waiters.flatMap((agent) => Array.from({ length: 100 }, () => ask(agent))));
  },
};
