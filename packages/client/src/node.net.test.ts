import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Consul } from './consul.ts';
import { ConnectionError } from './errors.ts';
import { consulFromEnv } from './node-env.ts';
import { parseAddress } from './node-transport.ts';
import { collect } from './transport.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(listener: RequestListener, path?: string): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => (path ? server.listen(path, done) : server.listen(0, '127.0.0.1', done)));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return path ?? `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'client-'));
  closers.push(() => rmSync(path, { recursive: true }));
  return path;
}

test('addresses are read with and without a scheme', () => {
  expect(parseAddress('127.0.0.1:8500')).toMatchObject({
    scheme: 'http',
    host: '127.0.0.1',
    port: 8500,
    base: 'http://127.0.0.1:8500',
  });
  expect(parseAddress(':8500')).toMatchObject({ host: '127.0.0.1', port: 8500 });
  expect(parseAddress('https://a.b')).toMatchObject({ scheme: 'https', host: 'a.b', port: 443 });
  expect(parseAddress('http://[::1]:1/pre')).toMatchObject({ host: '::1', port: 1, pathPrefix: '/pre' });
  expect(parseAddress('unix:///run/c.sock')).toMatchObject({ socketPath: '/run/c.sock', base: 'http://localhost' });
  for (const scheme of ['foo', 'HTTP', '']) {
    expect(() => parseAddress(`${scheme}://x`)).toThrow(`Unknown protocol scheme: ${scheme}`);
  }
  expect(parseAddress('http://a:1//')).toMatchObject({ pathPrefix: '', base: 'http://a:1' });
  expect(parseAddress('a b:1/pre')).toMatchObject({ base: 'http://a%20b:1%2Fpre' });
});

test('the environment chooses address, token and basic authentication', async () => {
  const address = await serve((request, response) => {
    response.end(JSON.stringify([request.url, request.headers['x-consul-token'], request.headers.authorization]));
  });
  const consul = consulFromEnv({
    CONSUL_HTTP_ADDR: address,
    CONSUL_HTTP_TOKEN: 't',
    CONSUL_HTTP_AUTH: 'u:p',
    CONSUL_NAMESPACE: 'n',
  });
  const { value } = await consul.catalog.nodes();
  expect(value).toEqual(['/v1/catalog/nodes?ns=n', 't', 'Basic dTpw']);
});

test('a token file wins over a token, its first line trimmed', async () => {
  const file = join(folder(), 'token');
  writeFileSync(file, ' secret \nmore');
  const address = await serve((request, response) => response.end(JSON.stringify(request.headers['x-consul-token'])));
  const consul = consulFromEnv({ CONSUL_HTTP_ADDR: address }, { token: 'other', tokenFile: file });
  expect(await consul.status.leader()).toBe('secret');
  expect(() => consulFromEnv({}, { tokenFile: '/nonexist' })).toThrow(
    'Error loading token file /nonexist : open /nonexist: no such file or directory',
  );
  const env = { CONSUL_HTTP_ADDR: address, CONSUL_HTTP_TOKEN_FILE: '/nonexist', CONSUL_HTTP_TOKEN: 'third' };
  expect(await consulFromEnv(env, { token: 'given' }).status.leader()).toBe('given');
  expect(() => consulFromEnv(env)).toThrow('Error loading token file /nonexist');
});

test('files without PEM are refused before anybody is asked', () => {
  const file = join(folder(), 'rubbish.pem');
  writeFileSync(file, 'rubbish');
  expect(() => consulFromEnv({}, { caFile: file })).toThrow(`Error loading CA File: Couldn't parse PEM in: ${file}`);
  expect(() => consulFromEnv({}, { clientCert: file, clientKey: file })).toThrow(
    'tls: failed to find any PEM data in certificate input',
  );
});

test('what only reads may prefer is not asked of a restore; flags are said in words', async () => {
  const asked: string[] = [];
  const address = await serve((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.end('[]'));
  });
  const consul = consulFromEnv({ CONSUL_HTTP_ADDR: address }, { stale: true });
  await consul.snapshots.restore(new Uint8Array(1));
  await consulFromEnv({ CONSUL_HTTP_ADDR: address }).operator.keyring({ localOnly: true });
  expect(asked).toEqual(['PUT /v1/snapshot', 'GET /v1/operator/keyring?local-only=true']);
});

test('a variable that is no boolean is told and ignored', async () => {
  const told: string[] = [];
  consulFromEnv({ CONSUL_HTTP_SSL: 'zz' }, {}, { warn: (name, text) => told.push(`${name}=${text}`) });
  expect(told).toEqual(['CONSUL_HTTP_SSL=zz']);
});

test('a unix socket is reached', async () => {
  const path = await serve((_request, response) => response.end('"leader"'), join(folder(), 'http.sock'));
  expect(await consulFromEnv({ CONSUL_HTTP_ADDR: `unix://${path}` }).status.leader()).toBe('leader');
});

test('bodies are streamed both ways', async () => {
  const address = await serve(async (request, response) => {
    const body = await collect(request);
    response.end(body);
  });
  const consul = consulFromEnv({ CONSUL_HTTP_ADDR: address });
  const chunk = new Uint8Array(100_000).fill(7);
  async function* body() {
    for (let i = 0; i < 20; i++) yield chunk;
  }
  const response = await consul.http.send({ method: 'PUT', path: '/v1/snapshot', body: body() });
  expect((await collect(response.body)).length).toBe(2_000_000);
});

test('fetch works as a transport too', async () => {
  const address = await serve((request, response) => response.end(JSON.stringify(request.url)));
  const consul = new Consul({ address: `http://${address}` });
  expect(await consul.status.leader()).toBe('/v1/status/leader');
});

test('an abort ends a blocking read', async () => {
  const address = await serve(() => {});
  const stop = new AbortController();
  const read = consulFromEnv({ CONSUL_HTTP_ADDR: address }).kv.get('a', { index: 1, signal: stop.signal });
  setTimeout(() => stop.abort(new Error('enough')), 20);
  await expect(read).rejects.toThrow('enough');
});

test('a refused connection is a ConnectionError with the cause', async () => {
  const error = await consulFromEnv({ CONSUL_HTTP_ADDR: '127.0.0.1:1' })
    .status.leader()
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ConnectionError);
  expect((error as ConnectionError).cause).toMatchObject({ code: 'ECONNREFUSED' });
});
