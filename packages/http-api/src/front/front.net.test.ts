import * as http from 'node:http';
import * as net from 'node:net';
import { gunzipSync } from 'node:zlib';
import { silentLog } from '@proconsul/base';
import { nodeGzip, nodeNetwork, systemClock } from '@proconsul/io-node';
import { afterEach, expect, test } from 'vitest';
import { type FrontHandler, HttpFront } from './http-front.ts';
import type { FrontOptions } from './options.ts';
import { SharedAnswer } from './shared-answer.ts';

const fronts: HttpFront[] = [];
afterEach(async () => {
  await Promise.all(fronts.splice(0).map((front) => front.close(0)));
});

async function serve(handler: FrontHandler, options: Partial<FrontOptions> = {}): Promise<number> {
  const front = new HttpFront(options, { clock: systemClock, log: silentLog, gzip: nodeGzip }, handler);
  fronts.push(front);
  const listener = await front.listen(nodeNetwork, { host: '127.0.0.1', port: 0 });
  return listener.local.port;
}

/** Sends the text and returns all that comes until the server closes. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(Buffer.from(text, 'latin1')));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

test("Node's own client keeps one connection for many requests with and without bodies", async () => {
  const port = await serve((req, res) =>
    req.readBody(1e6, (_, body) => res.send(200, [], `${req.target} ${body.length}`)),
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path: string, body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = http.request({ port, host: '127.0.0.1', path, agent, method: 'PUT' }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve(`${text} ${request.reusedSocket}`));
      });
      request.on('error', reject);
      if (body.length > 10) request.write(body.slice(0, 5));
      request.end(body.length > 10 ? body.slice(5) : body);
    });
  expect(await ask('/a', '')).toBe('/a 0 false');
  expect(await ask('/b', 'short')).toBe('/b 5 true');
  expect(await ask('/c', 'x'.repeat(500_000))).toBe('/c 500000 true');
  agent.destroy();
});

test('pipelined requests are all answered, in order, and the connection closes when asked', async () => {
  const port = await serve((req, res) => {
    if (req.target.endsWith('0')) setTimeout(() => res.send(200, [], `[${req.target}]`), 1);
    else res.send(200, [], `[${req.target}]`);
  });
  let text = '';
  for (let i = 1; i < 200; i++) text += `GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`;
  const answer = await exchange(port, `${text}GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  const order = [...answer.matchAll(/\[\/(\w+)\]/g)].map(([, name]) => name);
  expect(order).toEqual([...Array.from({ length: 199 }, (_, i) => String(i + 1)), 'end']);
});

test('a large last answer reaches a slow reader whole', async () => {
  const body = Buffer.alloc(6_000_000, 'x');
  const port = await serve((_req, res) => res.send(200, [], body));
  const socket = net.connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  let got = 0;
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      got += chunk.length;
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    socket.on('close', () => resolve());
  });
  expect(got).toBeGreaterThan(body.length);
});

test('a refusal is read even by a client that goes on sending', async () => {
  const port = await serve((req, res) => req.readBody(10, (error) => res.send(413, [], error ?? '')));
  const answer = await exchange(
    port,
    `PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n${'x'.repeat(3_000_000)}`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 413 Request Entity Too Large\r\n[\s\S]*too large$/);
});

test('a body that is streamed arrives whole', async () => {
  const port = await serve((req, res) => {
    void (async () => {
      let size = 0;
      for await (const chunk of req.bodyStream()) {
        size += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      res.send(200, [], String(size));
    })();
  });
  const head = 'PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4000000\r\n\r\n';
  expect(await exchange(port, head + 'x'.repeat(4_000_000))).toMatch(/4000000$/);
});

test('a shared answer is compressed for those who take it', async () => {
  const body = Buffer.from('{"Node":"a"}'.repeat(5000));
  const shared = new SharedAnswer(200, [['Content-Type', 'application/json']], body);
  const port = await serve((_req, res) => res.sendShared(shared));
  const close = 'Connection: close\r\n\r\n';
  const [plain, first, second] = await Promise.all([
    exchange(port, `GET / HTTP/1.1\r\nHost: h\r\n${close}`),
    exchange(port, `GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n${close}`),
    exchange(port, `GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n${close}`),
  ]);
  expect(plain.split('\r\n\r\n')[1]).toBe(body.toString());
  expect(first.split(/Date.*\r\n/)).toEqual(second.split(/Date.*\r\n/));
  const packed = Buffer.from(first.slice(first.indexOf('\r\n\r\n') + 4), 'latin1');
  expect(gunzipSync(packed).equals(body)).toBe(true);
});

test('rubbish on many connections harms nobody', async () => {
  const port = await serve((req, res) => res.send(200, [], req.target), { maxConnsPerClient: 0 });
  const rubbish = Array.from({ length: 100 }, (_, i) => Buffer.alloc(1 + i * 7, i * 31).toString('latin1'));
  const answers = await Promise.all(rubbish.map((text) => exchange(port, `${text}\r\n\r\n`)));
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 4\d\d /);
  expect(await exchange(port, 'GET /fine HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')).toMatch(/\/fine$/);
});
