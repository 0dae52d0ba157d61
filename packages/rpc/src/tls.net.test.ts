import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { fromUtf8, type Stream, utf8 } from '@proconsul/base';
import { nodeNetwork, nodeTlsLayer, systemClock, type TlsLayerOptions } from '@proconsul/io-node';
import { decodeAny, encodeAny } from '@proconsul/msgpack';
import { recordingLog } from '@proconsul/yamux/testing';
import { afterEach, expect, test } from 'vitest';
import { dialServer } from './dialer.ts';
import { insecureCall } from './insecure-call.ts';
import { RpcListener, type RpcListenerOptions } from './listener.ts';
import type { RpcPeer } from './peer.ts';
import { RpcPool, type RpcPoolOptions } from './pool.ts';

const pem = (name: string): string =>
  readFileSync(new URL(`../../io-node/testdata/${name}.pem`, import.meta.url), 'utf8');
const ca = pem('ca');
const SERVER: TlsLayerOptions = { key: pem('server-key'), cert: pem('server'), ca, verifyOutgoing: true };
const CLIENT: TlsLayerOptions = { key: pem('client-key'), cert: pem('client'), ca, verifyOutgoing: true };
const STRICT: Partial<RpcListenerOptions> = { verifyIncoming: true, raftServerName: 'server.dc1.consul' };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function serve(options: Partial<RpcListenerOptions>) {
  const { log, lines } = recordingLog();
  const raft: Stream[] = [];
  const listener = new RpcListener(options, {
    network: nodeNetwork,
    clock: systemClock,
    log,
    tls: nodeTlsLayer(SERVER),
    handlers: {
      call: async (_method, body) => body,
      insecureCall: async (method) => {
        if (method === 'Fail') throw new Error('refused');
        return encodeAny(`insecure ${method}`, 'rpc');
      },
      raft: (stream) => {
        raft.push(stream);
        stream.onData((bytes) => stream.write(bytes));
      },
      snapshot: (stream) => {
        stream.onData((bytes) => stream.write(bytes));
        stream.onEnd(() => stream.end());
      },
    },
  });
  const { local } = await listener.listen({ host: '127.0.0.1', port: 0 });
  cleanups.push(() => listener.close());
  const peer: RpcPeer = { name: 's1', datacenter: 'dc1', address: local, useTls: true };
  const reasons = () => lines.filter((l) => l.level === 'warn').map((l) => String(l.fields['reason']));
  return { listener, peer, raft, reasons };
}

function client(certificates: TlsLayerOptions | undefined, rules: Partial<RpcPoolOptions> = {}): RpcPool {
  const tls = certificates === undefined ? {} : { tls: nodeTlsLayer(certificates) };
  const pool = new RpcPool(rules, { network: nodeNetwork, clock: systemClock, log: recordingLog().log, ...tls });
  cleanups.push(() => pool.close());
  return pool;
}

const echo = async (pool: RpcPool, peer: RpcPeer) =>
  decodeAny(await pool.call(peer, 'Test.Echo', encodeAny('hello', 'rpc'), { timeoutMs: 2_000 }));

/** Writes and waits for what comes back, or for the end. */
function exchange(stream: Stream, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    stream.onData((answer) => resolve(fromUtf8(answer)));
    stream.onClose(() => resolve('closed'));
    stream.write(bytes);
  });
}

test('calls are made over TLS after byte 3, verified in both directions', async () => {
  const { peer, listener } = await serve(STRICT);
  const pool = client(CLIENT, { verifyOutgoing: true, verifyServerHostname: true });
  expect(await echo(pool, peer)).toBe('hello');
  expect(listener.connectionCount).toBe(1);
});

test('with hostnames verified a server of another datacenter is refused', async () => {
  const { peer } = await serve(STRICT);
  const pool = client(CLIENT, { verifyOutgoing: true, verifyServerHostname: true });
  await expect(echo(pool, { ...peer, datacenter: 'dc2' })).rejects.toMatchObject({
    code: 'RPC_DIAL',
    message: expect.stringContaining('certificate is valid for'),
  });
  const lax = client(CLIENT, { verifyOutgoing: true });
  expect(await echo(lax, { ...peer, datacenter: 'dc2' })).toBe('hello');
});

test('with verifyIncoming nobody gets in without a certificate', async () => {
  const { peer, reasons } = await serve(STRICT);
  await expect(echo(client(undefined), peer)).rejects.toMatchObject({ name: 'RpcError' });
  await expect(echo(client({ ca, verifyOutgoing: true }), peer)).rejects.toMatchObject({ name: 'RpcError' });
  expect(reasons()).toEqual([
    'non-TLS connection attempted with VerifyIncoming set',
    expect.stringMatching(/^tls: .*certificate/),
  ]);
});

test('a listener with certificates and without verifyIncoming takes both kinds', async () => {
  const { peer } = await serve({});
  expect(await echo(client(undefined), peer)).toBe('hello');
  expect(await echo(client({ ca, verifyOutgoing: true }), peer)).toBe('hello');
});

test('raft is spoken only with a server of the datacenter when names are verified', async () => {
  const { peer, raft, reasons } = await serve(STRICT);
  const asClient = await client(CLIENT).dial(peer, 'raft', { timeoutMs: 2_000 });
  expect(await exchange(asClient, utf8('vote'))).toBe('closed');
  expect(reasons()).toEqual(['raft without a certificate for server.dc1.consul']);
  const asServer = await client(SERVER).dial(peer, 'raft', { timeoutMs: 2_000 });
  expect(await exchange(asServer, utf8('vote'))).toBe('vote');
  expect(raft).toHaveLength(1);
});

test('raft takes any certificate of the authority when names are not verified', async () => {
  const { peer } = await serve({ verifyIncoming: true });
  const stream = await client(CLIENT).dial(peer, 'raft', { timeoutMs: 2_000 });
  expect(await exchange(stream, utf8('vote'))).toBe('vote');
});

test('behind byte 7 there are only the methods for those without a certificate', async () => {
  const { peer } = await serve(STRICT);
  const plain = await nodeNetwork.dial({ ...peer.address, timeoutMs: 2_000 });
  plain.write(Uint8Array.of(7));
  const { stream } = await nodeTlsLayer({ ca, verifyOutgoing: true }).connect(plain, { timeoutMs: 2_000 });
  const request = encodeAny({ Seq: 1, ServiceMethod: 'AutoEncrypt.Sign' }, 'rpc');
  stream.write(request);
  expect(await exchange(stream, Uint8Array.of(0x80))).toContain('insecure AutoEncrypt.Sign');
  stream.destroy();
});

test('a call behind byte 7 needs no certificate, checks that of the server, and names its failures', async () => {
  const { peer } = await serve(STRICT);
  const rules = { verifyOutgoing: true, verifyServerHostname: true, domain: 'consul' };
  const common = { network: nodeNetwork, clock: systemClock, rules, timeoutMs: 5_000 };
  const none = nodeTlsLayer({ ca, verifyOutgoing: true });
  const call = (to: RpcPeer, method: string, tls = none) =>
    insecureCall(to, method, Uint8Array.of(0x80), { ...common, tls });
  expect(decodeAny(await call(peer, 'AutoEncrypt.Sign'))).toBe('insecure AutoEncrypt.Sign');
  await expect(call(peer, 'Fail')).rejects.toThrow(/^rpcinsecure: error making call: refused$/);
  const stranger = nodeTlsLayer({ ca: pem('other'), verifyOutgoing: true });
  for (const failing of [
    () => call({ ...peer, datacenter: 'dc2' }, 'AutoEncrypt.Sign'),
    () => call(peer, 'AutoEncrypt.Sign', stranger),
    () => insecureCall(peer, 'AutoEncrypt.Sign', Uint8Array.of(0x80), common),
    () => call({ ...peer, address: { host: '127.0.0.1', port: 1 } }, 'AutoEncrypt.Sign'),
  ]) {
    await expect(failing()).rejects.toThrow(/^rpcinsecure: error establishing connection: /);
  }
});

test('TLS inside TLS is refused', async () => {
  const { peer, reasons } = await serve({});
  const tlsLayer = nodeTlsLayer(CLIENT);
  const dependencies = { network: nodeNetwork, clock: systemClock, tls: tlsLayer };
  const rules = { verifyOutgoing: true, verifyServerHostname: false, domain: 'consul' };
  const stream = await dialServer(peer, 'single', rules, dependencies);
  stream.destroy();
  const plain = await nodeNetwork.dial({ ...peer.address, timeoutMs: 2_000 });
  plain.write(Uint8Array.of(3));
  const { stream: inner } = await tlsLayer.connect(plain, { timeoutMs: 2_000 });
  expect(await exchange(inner, Uint8Array.of(3))).toBe('closed');
  expect(reasons()).toEqual(['TLS inside TLS']);
});

/** A connection that is TLS from its first byte. */
function native(port: number, alpn: string | undefined): Promise<tls.TLSSocket | string> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      ca,
      key: CLIENT.key!,
      cert: CLIENT.cert!,
      ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
    });
    socket.on('secureConnect', () => resolve(socket));
    socket.on('error', (error) => resolve(error.message));
  });
}

test('native TLS says by ALPN what it is, and has no first byte', async () => {
  const { peer, reasons } = await serve({ verifyIncoming: true });
  const socket = (await native(peer.address.port, 'consul/rpc-snapshot')) as tls.TLSSocket;
  socket.end('snapshot please');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  expect(text).toBe('snapshot please');
  expect(await native(peer.address.port, 'consul/unknown')).toContain('no application protocol');
  const unnamed = (await native(peer.address.port, undefined)) as tls.TLSSocket;
  await new Promise((resolve) => unnamed.on('close', resolve).resume());
  expect(reasons()).toEqual([expect.stringMatching(/^tls: [\w ]+$/), 'TLS without a protocol']);
});

test('a TLS layer of the dialler is not used for servers that do not offer it, unless it must', async () => {
  const { peer } = await serve({});
  const plainPeer = { ...peer, useTls: false };
  expect(await echo(client({ ca: pem('other'), verifyOutgoing: true }), plainPeer)).toBe('hello');
  await expect(
    echo(client({ ca: pem('other'), verifyOutgoing: true }, { verifyOutgoing: true }), plainPeer),
  ).rejects.toThrow('rpc error getting client: failed to get conn: tls:');
  await expect(echo(client(undefined, { verifyOutgoing: true }), plainPeer)).rejects.toThrow('there is no TLS');
});
