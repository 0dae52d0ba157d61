import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConnectionError, Http } from '@proconsul/client';
import { nodeTransport } from '@proconsul/client/node';
import { expect, test } from 'vitest';
import { realClock } from '../runners/testing/real-clock.ts';
import { keptLog } from '../testing/kept-log.ts';
import { parseWatch, type WatchHandler } from './definition.ts';
import { handlerRunner } from './handler.ts';
import { readByHttp } from './read-agent.ts';

async function run(handler: WatchHandler, json = '[]', index = '7'): Promise<string[]> {
  const lines: string[] = [];
  await handlerRunner({ clock: realClock, log: keptLog(lines) })(handler, json, index);
  return lines;
}

const shell = (command: string): WatchHandler => ({ kind: 'args', args: ['/bin/sh', '-c', command] });
const outputOf = (line: string | undefined): string => JSON.parse(line!.slice(line!.indexOf('{'))).output;

test('a program gets the result on standard input and the index in its environment; its output is logged', async () => {
  const lines = await run(shell('echo $CONSUL_INDEX; cat; echo oops >&2'), '{"a":1}', '42');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^DEBUG watch handler output \{"watch_handler":\["\/bin\/sh","-c",/);
  expect(outputOf(lines[0]).split('\n').sort()).toEqual(['', '42', 'oops', '{"a":1}']);
});

test('the end of long output is kept', async () => {
  const [line] = await run(shell('head -c 5000 /dev/zero | tr "\\0" x'));
  expect(outputOf(line)).toBe(`Captured 4096 of 5000 bytes\n...\n${'x'.repeat(4096)}`);
});

test('a command in one string is read by a shell', async () => {
  const [line] = await run({ kind: 'shell', command: 'echo a; echo b' });
  expect(line).toBe('DEBUG watch handler output {"watch_handler":"echo a; echo b","output":"a\\nb\\n"}');
});

const FAILURES: readonly [readonly string[], string][] = [
  [['/nonexistent'], 'fork/exec /nonexistent: no such file or directory'],
  [['no-such-program'], 'exec: "no-such-program": executable file not found in $PATH'],
  [['/bin/sh', '-c', 'exit 3'], 'exit status 3'],
  [['/bin/sh', '-c', 'kill -9 $$'], 'signal: killed'],
];
test.for(FAILURES)('%j fails with %s', async ([args, error]) => {
  const lines = await run({ kind: 'args', args });
  expect(lines[0]).toBe(`ERROR Failed to run watch handler ${JSON.stringify({ watch_handler: args, error })}`);
});

test('a program that does not read its input is no problem', async () => {
  const lines = await run(shell('exec 0<&-; sleep 0.05'), `"${'x'.repeat(1 << 20)}"`);
  expect(lines).toHaveLength(1);
});

async function serve(status: number, answer: string) {
  const seen: { request: IncomingMessage; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ request, body });
    response.setHeader('X-Consul-Index', '9').setHeader('X-Consul-ContentHash', 'abc');
    response.writeHead(status).end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { seen, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

function http(url: string): WatchHandler {
  const http_handler_config = { path: url, method: 'PUT', header: { 'X-A': ['1', '2'] }, timeout: '2s' };
  return parseWatch({ type: 'key', key: 'a', handler_type: 'http', http_handler_config }).handler;
}

test('an HTTP handler is called with the result, the index and its own headers', async () => {
  const server = await serve(200, 'thanks');
  expect(await run(http(`${server.base}/hook?a=b`), '{"a":1}', '42')).toEqual([
    `TRACE http watch handler output {"watch":"${server.base}/hook?a=b","output":"thanks"}`,
  ]);
  const { request, body } = server.seen[0]!;
  expect([request.method, request.url, body]).toEqual(['PUT', '/hook?a=b', '{"a":1}\n']);
  expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'x-consul-index': '42', 'x-a': '1, 2' });
  server.close();
});

test('an HTTP handler that refuses, or is not there, is logged', async () => {
  const server = await serve(500, 'no good');
  expect(await run(http(`${server.base}/hook`))).toEqual([
    `ERROR http watch handler failed with output {"watch":"${server.base}/hook","status":"500 Internal Server Error","output":"no good"}`,
  ]);
  server.close();
  expect(await run(http('http://127.0.0.1:1/hook'))).toEqual([
    'ERROR Failed to invoke http watch handler ' +
      '{"watch":"http://127.0.0.1:1/hook","error":"Put \\"http://127.0.0.1:1/hook\\": dial tcp 127.0.0.1:1: connect: connection refused"}',
  ]);
});

const reader = (base: string) => readByHttp(new Http({}, nodeTransport(base)), () => 'own-token');
const signal = new AbortController().signal;
const plan = (definition: Readonly<Record<string, unknown>>) => parseWatch({ ...definition, args: ['x'] });

test('a read names the index and the token, and a key that is missing is null', async () => {
  const server = await serve(404, '');
  const read = reader(server.base);
  expect(await read(plan({ type: 'key', key: 'a/b', datacenter: 'dc2' }), '5', signal)).toEqual({
    value: null,
    token: '9',
  });
  expect(server.seen[0]!.request.url).toBe('/v1/kv/a/b?dc=dc2&index=5');
  expect(server.seen[0]!.request.headers['x-consul-token']).toBe('own-token');
  await expect(read(plan({ type: 'nodes', token: 't' }), '', signal)).rejects.toThrow(
    'Unexpected response code: 404 ()',
  );
  expect(server.seen[1]!.request.url).toBe('/v1/catalog/nodes');
  expect(server.seen[1]!.request.headers['x-consul-token']).toBe('t');
  server.close();
});

test('a service of the agent is blocked on by the hash of its content', async () => {
  const server = await serve(200, '{"ID":"web"}');
  const read = reader(server.base);
  expect(await read(plan({ type: 'agent_service', service_id: 'web' }), 'old', signal)).toEqual({
    value: { ID: 'web' },
    token: 'abc',
  });
  expect(server.seen[0]!.request.url).toBe('/v1/agent/service/web?hash=old');
  server.close();
  await expect(read(plan({ type: 'nodes' }), '', signal)).rejects.toThrow(ConnectionError);
});
