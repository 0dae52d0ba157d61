import * as http from 'node:http';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { type HardCase, hardCases } from './hard-cases.ts';

/** Turns of the event loop in which Node's server, on a stream in memory, says what it has to say. */
const TURNS = 20;

const server = http.createServer((request, response) => {
  request.on('error', () => undefined);
  request.resume();
  request.on('end', () => response.end('fine'));
});
server.on('connect', (_request, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));

/** Whether Node answered any of it with an error. */
async function nodeRefuses({ bytes }: HardCase): Promise<boolean> {
  let answer = '';
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      answer += chunk.toString('latin1');
      done();
    },
  });
  socket.on('error', () => undefined);
  server.emit('connection', socket);
  socket.push(Buffer.from(bytes, 'latin1'));
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  return /^HTTP\/1\.1 [45]/m.test(answer);
}

test("whatever Node's own parser refuses, ours refuses", async () => {
  const refused: boolean[] = [];
  for (const hardCase of hardCases) refused.push(await nodeRefuses(hardCase));
  const ours = (hardCase: HardCase) => hardCase.expect.at(-1) !== 'more';
  expect(hardCases.filter((hardCase, index) => refused[index] && !ours(hardCase)).map(({ name }) => name)).toEqual([]);
  // The comparison means something only if Node refuses much of the corpus.
  expect(refused.filter(Boolean).length).toBeGreaterThan(60);
});
