import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually, programMissing, skipBecause, startAgent, type TestAgent } from './harness.ts';
import { injure, mulberry32 } from './random.ts';
import { inParallel, sendRaw } from './raw-http.ts';

// A bounded run of malformed requests, bodies, filters and DNS packets against the real process: each is refused with a
// reason, none brings the agent down or makes it grow, and the next request is answered as if nothing had happened.

const seed = Number(process.env['RUBBISH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const COUNT = Number(process.env['RUBBISH_COUNT'] ?? 1500);
const GROWTH_BYTES_MAX = 256 * 1024 * 1024;

const head = (first: string, ...headers: string[]) => [first, ...headers, '', ''].join('\r\n');
const HOST = 'Host: 127.0.0.1';
const LEADER = 'GET /v1/status/leader HTTP/1.1';

/** Requests that no strict server may act on. */
const MALFORMED: Readonly<Record<string, string | Uint8Array>> = {
  'a request line of one word': head('GET', HOST),
  'a request line of two words': head('GET /v1/status/leader', HOST),
  'an unknown protocol': head('GET /v1/status/leader FTP/1.1', HOST),
  'a future version': head('GET /v1/status/leader HTTP/3.0', HOST),
  'a version without a number': head('GET /v1/status/leader HTTP/x.y', HOST),
  'a method with a bad character': head('G(T /v1/status/leader HTTP/1.1', HOST),
  'a target without a slash': head('GET v1/status/leader HTTP/1.1', HOST),
  'a bad escape in the target': head('GET /v1/kv/%zz HTTP/1.1', HOST),
  'a half escape at the end': head('GET /v1/kv/a%2 HTTP/1.1', HOST),
  'a control character in the path': head('GET /v1/kv/a%00b HTTP/1.1', HOST),
  'no host': head(LEADER),
  'two hosts': head(LEADER, HOST, 'Host: elsewhere'),
  'a header without a colon': head(LEADER, HOST, 'Nonsense'),
  'a space before the colon': head(LEADER, HOST, 'X-A : 1'),
  'an empty header name': head(LEADER, HOST, ': 1'),
  'a null byte in a header': head(LEADER, HOST, 'X-A: a\0b'),
  'a bare carriage return in a header name': head(LEADER, HOST, 'X-\rA: 1'),
  'a negative length': head('PUT /v1/kv/x HTTP/1.1', HOST, 'Content-Length: -1'),
  'a length that is no number': head('PUT /v1/kv/x HTTP/1.1', HOST, 'Content-Length: 0x10'),
  'a length past 64 bits': head('PUT /v1/kv/x HTTP/1.1', HOST, 'Content-Length: 99999999999999999999'),
  'two lengths that differ': `${head('PUT /v1/kv/x HTTP/1.1', HOST, 'Content-Length: 1', 'Content-Length: 2')}ab`,
  'an unknown transfer encoding': head('PUT /v1/kv/x HTTP/1.1', HOST, 'Transfer-Encoding: gzip'),
  'a disguised transfer encoding': `${head('PUT /v1/kv/x HTTP/1.1', HOST, 'Transfer-Encoding: xchunked')}0\r\n\r\n`,
  'a name that only looks like chunked': `${head('PUT /v1/kv/x HTTP/1.1', HOST, 'Transfer-Encoding: chunked, identity')}0\r\n\r\n`,
  'TLS spoken to the plain port': Buffer.from('16030100a5010000a10303', 'hex'),
  'HTTP/2 without asking': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'nothing but zeros': new Uint8Array(4096),
  'a header block of two mebibytes': head(LEADER, HOST, `X-A: ${'a'.repeat(2 << 20)}`),
  'forty thousand headers': head(
    LEADER,
    HOST,
    ...Array.from({ length: 40_000 }, (_, n) => `X-${n}: ${'v'.repeat(40)}`),
  ),
};

/** Bodies whose form is broken in the middle: the request must not be acted on. */
const BROKEN_BODIES: Readonly<Record<string, string>> = {
  'a chunk size that is no number': 'zz\r\nhello\r\n0\r\n\r\n',
  'a negative chunk size': '-5\r\nhello\r\n0\r\n\r\n',
  'a chunk size past 64 bits': 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n',
  'a chunk longer than its size': '2\r\nhello\r\n0\r\n\r\n',
  'a chunk that never ends': '5\r\nhel',
  'no last chunk': '5\r\nhello\r\n',
};

const JSON_ENDPOINTS = [
  '/v1/agent/service/register',
  '/v1/agent/check/register',
  '/v1/catalog/register',
  '/v1/catalog/deregister',
  '/v1/session/create',
  '/v1/txn',
  '/v1/coordinate/update',
  '/v1/operator/autopilot/configuration',
];

const BROKEN_JSON: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
  'half an object': '{"Name": "x"',
  'half a text': '{"Name": "x',
  'a comma too many': '{"Name": "x",}',
  'a bare word': 'nonsense',
  'a number for a text': '{"Name": 7, "Node": 7, "Op": 7}]',
  'a bad escape': '{"Name": "\\x"}',
  'a control character': '{"Name": "a\u0001b"}',
  'no UTF-8 at all': new Uint8Array([0xff, 0xfe, 0x00, 0x7b]),
  'brackets a hundred thousand deep': '['.repeat(100_000),
  'objects a hundred thousand deep': '{"a":'.repeat(100_000),
};

const BAD_FILTERS = [
  '(',
  ')',
  'Service.ID ==',
  '== "a"',
  'Nothing == "a"',
  'Service.ID ~ "a"',
  'Service.ID matches "("',
  'Service.Port == "many"',
  'Service.Tags contains',
  'Service.ID == "a" and',
  'not',
  '"a" in Service.ID.x',
  'Service.ID == "\\q"',
  'Service.ID == `a',
];

const BAD_QUERIES = [
  '/v1/health/service/web?index=abc',
  '/v1/health/service/web?index=-1',
  '/v1/health/service/web?wait=soon',
  '/v1/health/service/web?wait=10',
  '/v1/health/service/web?passing=perhaps',
  '/v1/health/service/web?stale&consistent',
  '/v1/kv/x?index=1e3',
  '/v1/kv/?raw',
  '/v1/agent/check/nothing/x',
  '/v1/event/list?index=x',
  '/v1/nothing/at/all',
  '/v1/kv/x?ns=other',
];

describe.skipIf(skipBecause(programMissing()))(`rubbish, seed ${seed}`, () => {
  let agent: TestAgent;
  let before: number;
  const random = mulberry32(seed);

  beforeAll(async () => {
    agent = await startAgent({ node: 'r1', args: ['-log-level', 'error'] });
    await agent.mustPut('/v1/agent/service/register', { Name: 'web', Port: 80, Address: '10.0.0.1' });
    before = agent.rssBytes();
  });
  afterAll(() => agent?.stop());

  afterEach(async () => {
    expect((await agent.get('/v1/status/leader')).status).toBe(200);
    expect((await agent.get('/v1/health/service/web')).json()).toHaveLength(1);
  });

  const port = () => agent.ports.http;
  const refused = [...Array.from({ length: 100 }, (_, n) => 400 + n), 501, 505];

  test.for(Object.entries(MALFORMED))('%s is refused with a reason', async ([, bytes]) => {
    const answer = await sendRaw(port(), bytes);
    if (answer.status === 0)
      expect(answer.text).not.toContain('HTTP/1.1 2'); // Closed without a word is an answer too.
    else expect(refused).toContain(answer.status);
    if (answer.status >= 400 && answer.status < 500) {
      expect(answer.text.split('\r\n')[0]).toMatch(/^HTTP\/1\.1 4\d\d [A-Z]/);
    }
  });

  test.for(Object.entries(BROKEN_BODIES))('%s stores nothing', async ([, body]) => {
    const answer = await sendRaw(port(), head('PUT /v1/kv/broken HTTP/1.1', HOST, 'Transfer-Encoding: chunked') + body);
    expect(answer.status === 0 || answer.status >= 400).toBe(true);
    expect((await agent.get('/v1/kv/broken')).status).toBe(404);
  });

  test('a body shorter than its length stores nothing', async () => {
    await sendRaw(port(), `${head('PUT /v1/kv/short HTTP/1.1', HOST, 'Content-Length: 10')}abc`);
    expect((await agent.get('/v1/kv/short')).status).toBe(404);
  });

  test('one answer for one request: a length beside chunks smuggles nothing', async () => {
    const inner = head('PUT /v1/kv/smuggled HTTP/1.1', HOST, 'Content-Length: 1');
    const both = head('PUT /v1/kv/outer HTTP/1.1', HOST, 'Content-Length: 4', 'Transfer-Encoding: chunked');
    const answer = await sendRaw(port(), `${both}${(inner.length + 1).toString(16)}\r\n${inner}x\r\n0\r\n\r\n`);
    expect(answer.text.match(/^HTTP\/1\.1 /gm) ?? []).toHaveLength(1);
    expect((await agent.get('/v1/kv/smuggled')).status).toBe(404);
  });

  test('pipelined requests are answered in their order', async () => {
    const texts = Array.from({ length: 50 }, (_, n) => `value-${n}`);
    await Promise.all(texts.map((text, n) => agent.mustPut(`/v1/kv/pipe/${n}`, text)));
    const gets = texts.map((_, n) =>
      head(`GET /v1/kv/pipe/${n}?raw HTTP/1.1`, HOST, ...(n === 49 ? ['Connection: close'] : [])),
    );
    const answer = await sendRaw(port(), gets.join(''));
    expect([...answer.text.matchAll(/value-\d+/g)].map(String)).toEqual(texts);
  });

  test.for(JSON_ENDPOINTS)('%s refuses broken JSON with 400 and a reason', async (path) => {
    for (const [name, body] of Object.entries(BROKEN_JSON)) {
      const reply = await agent.put(path, body);
      expect([reply.status, name]).toEqual([400, name]);
      expect(reply.text.length).toBeGreaterThan(10);
    }
  });

  test('filters that are none are refused with a reason', async () => {
    for (const filter of BAD_FILTERS) {
      const reply = await agent.get(`/v1/health/service/web?filter=${encodeURIComponent(filter)}`);
      expect([400, 500]).toContain(reply.status); // The reference says 500 where it evaluates in its streaming backend.
      expect([filter, reply.text]).not.toEqual([filter, '']);
      expect(reply.text).toMatch(/boolean expression|[Ss]elector|regexp|parsing|filter/);
    }
  });

  test.for(BAD_QUERIES)('%s is refused', async (path) => {
    const reply = await agent.get(path);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThan(500);
  });

  test('too large a value is refused with 413', async () => {
    const large = 'v'.repeat(600_000);
    expect((await agent.put('/v1/kv/large', large)).status).toBe(413);
    expect((await agent.get('/v1/kv/large')).status).toBe(404);
  });

  test(`${COUNT} injured requests: a well-formed answer or a closed connection, never a crash`, {
    timeout: 120_000,
  }, async () => {
    const bodies = [
      '{"Name":"noise","ID":"noise","Port":80,"Check":{"TTL":"10s"}}',
      '[{"KV":{"Verb":"set","Key":"noise","Value":"YQ=="}}]',
    ];
    const sound = [
      head('GET /v1/kv/noise?raw HTTP/1.1', HOST, 'Accept-Encoding: gzip'),
      head('GET /v1/health/service/web?passing&filter=Service.ID%20!%3D%20%22a%22 HTTP/1.1', HOST, 'X-Consul-Token: t'),
      `${head('PUT /v1/kv/noise HTTP/1.1', HOST, 'Content-Length: 5')}hello`,
      `${head('PUT /v1/kv/noise HTTP/1.1', HOST, 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      `${head('PUT /v1/agent/service/register HTTP/1.1', HOST, `Content-Length: ${bodies[0]?.length}`)}${bodies[0]}`,
      `${head('PUT /v1/txn HTTP/1.1', HOST, `Content-Length: ${bodies[1]?.length}`)}${bodies[1]}`,
      head('DELETE /v1/kv/noise HTTP/1.1', HOST),
    ].map((text) => Buffer.from(text));
    const jobs = Array.from({ length: COUNT }, (_, n) => injure(sound[n % sound.length] as Buffer, random));
    await inParallel(16, jobs, async (bytes) => {
      const { text } = await sendRaw(port(), bytes);
      if (text !== '') expect(text).toMatch(/^HTTP\/1\.1 [1-5]\d\d/);
    });
  });

  test(`${COUNT} injured bodies: refused or taken, never a 5xx that hides a crash`, { timeout: 120_000 }, async () => {
    const sound: readonly (readonly [string, object])[] = [
      ['/v1/agent/service/register', { Name: 'noise', Tags: ['a'], Meta: { a: 'b' }, Check: { TTL: '10s' } }],
      ['/v1/agent/check/register', { Name: 'noise', TTL: '10s', Notes: 'n' }],
      ['/v1/catalog/register', { Node: 'n', Address: '10.0.0.1', Service: { Service: 's', Port: 1 } }],
      ['/v1/session/create', { Name: 's', TTL: '10s', Behavior: 'delete' }],
      ['/v1/txn', [{ KV: { Verb: 'set', Key: 'noise', Value: 'YQ==' } }, { KV: { Verb: 'get', Key: 'noise' } }]],
    ];
    const jobs = Array.from({ length: COUNT }, (_, n) => {
      const [path, body] = sound[n % sound.length] as (typeof sound)[number];
      return { path, body: new Uint8Array(injure(Buffer.from(JSON.stringify(body)), random)) };
    });
    await inParallel(16, jobs, async ({ path, body }) => {
      const reply = await agent.put(path, body);
      if (reply.status !== 200) expect(reply.text).not.toBe('');
      expect([200, 400, 403, 409, 413, 429, 500]).toContain(reply.status);
    });
  });

  test('connections that are dropped in the middle of a request leave nothing behind', async () => {
    const request = head('PUT /v1/kv/dropped HTTP/1.1', HOST, 'Content-Length: 1000');
    await inParallel(
      16,
      Array.from({ length: 400 }, (_, n) => n),
      (n) =>
        new Promise<void>((resolve) => {
          const socket = connect(port(), '127.0.0.1', () => {
            socket.write(request.slice(0, 1 + (n % request.length)), () => socket.resetAndDestroy());
          });
          socket.on('error', () => {});
          socket.on('close', () => resolve());
        }),
    );
    expect((await agent.get('/v1/kv/dropped')).status).toBe(404);
  });

  test(`${COUNT} injured DNS packets by UDP, and some by TCP: the next question is answered`, async () => {
    const socket = createSocket('udp4');
    const answers = new Set<number>();
    socket.on('message', (message) => answers.add(message.readUInt16BE(0)));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const question = (id: number) =>
      Buffer.concat([
        Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        Buffer.from('\x02r1\x04node\x06consul\x00', 'latin1'),
        Buffer.from([0, 1, 0, 1]),
      ]);
    try {
      for (let n = 0; n < COUNT; n++) {
        const packet = injure(question(n % 1000), random);
        await new Promise((resolve) => socket.send(packet, agent.ports.dns, '127.0.0.1', resolve));
        if (n % 100 !== 0) continue;
        const id = 40_000 + n / 100;
        await eventually(async () => {
          socket.send(question(id), agent.ports.dns, '127.0.0.1');
          return answers.has(id);
        });
      }
    } finally {
      socket.close();
    }
    const framed = (n: number) => {
      const packet = question(n);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(packet.length);
      return Buffer.concat([length, packet]);
    };
    const packets = Array.from({ length: 100 }, (_, n) => injure(framed(n), random));
    await inParallel(8, packets, async (packet) => void (await sendRaw(agent.ports.dns, packet)));
    expect((await sendRaw(agent.ports.dns, framed(7))).text).toContain('\x7f\x00\x00\x01'); // 127.0.0.1
  });

  test('all of it leaves the process alive and no larger than bounded', () => {
    expect(agent.log).not.toMatch(/panic|unhandled|uncaught|TypeError|RangeError/i);
    expect(agent.rssBytes() - before).toBeLessThan(GROWTH_BYTES_MAX);
  });
});
