import * as http from 'node:http';
import * as net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HardCase, hardCases } from './hard-cases.ts';

/** Node waits for the rest of a request it has not refused; this long without an answer means that it waits. */
const QUIET_MS = 150;

let server: http.Server;
let port = 0;

beforeAll(async () => {
  server = http.createServer((request, response) => {
    request.on('error', () => undefined);
    request.resume();
    request.on('end', () => response.end('fine'));
  });
  server.on('connect', (_request, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as net.AddressInfo).port;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Whether Node answered any of it with an error. */
function nodeRefuses({ bytes }: HardCase): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')));
    let answer = '';
    const finish = () => {
      socket.destroy();
      resolve(/^HTTP\/1\.1 [45]/m.test(answer));
    };
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', finish);
    socket.on('close', finish);
    socket.setTimeout(QUIET_MS, finish);
  });
}

test("whatever Node's own parser refuses, ours refuses", async () => {
  const refused = await Promise.all(hardCases.map(nodeRefuses));
  const ours = (hardCase: HardCase) => hardCase.expect.at(-1) !== 'more';
  expect(hardCases.filter((hardCase, index) => refused[index] && !ours(hardCase)).map(({ name }) => name)).toEqual([]);
  // The comparison means something only if Node refuses much of the corpus.
  expect(refused.filter(Boolean).length).toBeGreaterThan(50);
});
