import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { concatBytes, fromUtf8, hex, type Stream, silentLog, unhex, utf8 } from '@proconsul/base';
import { nodeNetwork, nodeTlsLayer, systemClock, type TlsLayerOptions } from '@proconsul/io-node';
import { decodeAny, encodeAny } from '@proconsul/msgpack';
import { RpcListener, type RpcPeer, RpcPool, type RpcPoolOptions } from '@proconsul/rpc';
import { YamuxSession } from '@proconsul/yamux';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, pause } from '../e2e/eventually.ts';
import { freePort } from '../e2e/ports.ts';

/*
 * Our side of port 8300 against a server of the reference, which CONSUL_BIN names: in the clear and over TLS.
 *     CONSUL_BIN=... npx vitest run tests/interop/rpc-connections.test.ts
 */

const REFERENCE = process.env['CONSUL_BIN'];

const testdata = new URL('../../packages/io-node/testdata/', import.meta.url);
const pem = (name: string): string => readFileSync(new URL(`${name}.pem`, testdata), 'utf8');
const path = (name: string): string => new URL(`${name}.pem`, testdata).pathname;
const CLIENT: TlsLayerOptions = { key: pem('client-key'), cert: pem('client'), ca: pem('ca'), verifyOutgoing: true };

interface ReferenceServer {
  readonly peer: RpcPeer;
  readonly child: ChildProcess;
  readonly dir: string;
}

async function startReference(useTls: boolean): Promise<ReferenceServer> {
  const names = ['server', 'serf_lan', 'serf_wan', 'http', 'dns', 'grpc'];
  const ports: number[] = [];
  for (const _ of names) ports.push(await freePort());
  const dir = mkdtempSync(join(tmpdir(), 'rpc-connections-'));
  const secrets = { ca_file: path('ca'), cert_file: path('server'), key_file: path('server-key') };
  const config = {
    ports: { ...Object.fromEntries(names.map((name, i) => [name, ports[i]])), grpc_tls: -1 },
    ...(useTls ? { tls: { internal_rpc: { ...secrets, verify_incoming: true, verify_server_hostname: true } } } : {}),
  };
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  const child = spawn(
    REFERENCE as string,
    ['agent', '-dev', '-node', 'reference', '-bind', '127.0.0.1', '-log-level', 'warn', '-config-dir', dir],
    { stdio: 'ignore' },
  );
  await eventually(async () => {
    const leader = await fetch(`http://127.0.0.1:${ports[3]}/v1/status/leader`).then((r) => r.json());
    return leader !== '';
  });
  const address = { host: '127.0.0.1', port: ports[0] as number };
  return { peer: { name: 'reference', datacenter: 'dc1', address, useTls }, child, dir };
}

async function stopReference({ child, dir }: ReferenceServer): Promise<void> {
  child.kill('SIGKILL');
  await pause(100);
  rmSync(dir, { recursive: true, force: true });
}

function newPool(certificates?: TlsLayerOptions, rules: Partial<RpcPoolOptions> = {}): RpcPool {
  const layer = certificates === undefined ? {} : { tls: nodeTlsLayer(certificates) };
  return new RpcPool(rules, { network: nodeNetwork, clock: systemClock, log: silentLog, ...layer });
}

interface Met {
  readonly bytes: Uint8Array;
  readonly isClosed: boolean;
}

/** Writes, and collects what comes until the other side closes, or for as long as it may take. */
function exchange(stream: Stream, bytes: Uint8Array, limitMs = 1_500): Promise<Met> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    const done = (isClosed: boolean) => {
      clearTimeout(timer);
      stream.destroy();
      resolve({ bytes: concatBytes(chunks), isClosed });
    };
    const timer = setTimeout(() => done(false), limitMs);
    stream.onData((b) => chunks.push(b));
    stream.onClose(() => done(true));
    stream.write(bytes);
  });
}

const dial = (peer: RpcPeer) => nodeNetwork.dial({ ...peer.address, timeoutMs: 5_000 });
const request = (method: string, body: unknown) =>
  concatBytes([encodeAny({ Seq: 1, ServiceMethod: method }, 'rpc'), encodeAny(body, 'rpc')]);

describe.skipIf(REFERENCE === undefined)('a server of the reference, in the clear', () => {
  let server: ReferenceServer;
  let pool: RpcPool;

  beforeAll(async () => {
    server = await startReference(false);
    pool = newPool();
  });

  afterAll(async () => {
    pool.close();
    await stopReference(server);
  });

  const call = async (method: string, body: unknown) =>
    decodeAny(await pool.call(server.peer, method, encodeAny(body, 'rpc'), { timeoutMs: 10_000 }));

  test('answers calls over one multiplexed connection', async () => {
    expect(await call('Status.Leader', {})).toBe(`127.0.0.1:${server.peer.address.port}`);
    expect(await call('KVS.Apply', { Op: 'set', DirEnt: { Key: 'a', Value: utf8('b') } })).toBe(false);
    expect(await call('KVS.Get', { Key: 'a' })).toMatchObject({ Entries: [{ Key: 'a' }], KnownLeader: true });
    expect(await call('Catalog.ListNodes', {})).toMatchObject({ Nodes: [{ Node: 'reference' }] });
    const many = await Promise.all(Array.from({ length: 300 }, () => call('Status.Peers', {})));
    expect(new Set(many.map((m) => JSON.stringify(m))).size).toBe(1);
    expect(pool.serverCount).toBe(1);
  });

  test('tells errors as bare texts', async () => {
    for (const [method, text] of [
      ['Nope.Get', "rpc: can't find service Nope.Get"],
      ['KVS.Nope', "rpc: can't find method KVS.Nope"],
      ['Nope', 'rpc: service/method request ill-formed: Nope'],
    ] as const) {
      await expect(call(method, {})).rejects.toMatchObject({ name: 'RemoteError', message: text });
    }
    await expect(call('KVS.Get', { Datacenter: 'none', Key: 'a' })).rejects.toThrow('No path to datacenter');
  });

  test('takes and gives values larger than a window', async () => {
    const value = new Uint8Array(500_000).map((_, i) => i % 251);
    await call('KVS.Apply', { Op: 'set', DirEnt: { Key: 'large/1', Value: value } });
    await call('KVS.Apply', { Op: 'set', DirEnt: { Key: 'large/2', Value: value } });
    const bytes = await pool.call(server.peer, 'KVS.List', encodeAny({ Key: 'large/' }, 'rpc'), { timeoutMs: 10_000 });
    expect(bytes.length).toBeGreaterThan(1_000_000);
    const found = Buffer.from(bytes).indexOf(Buffer.from(value));
    expect(found).toBeGreaterThan(0);
    expect(Buffer.from(bytes).indexOf(Buffer.from(value), found + 1)).toBeGreaterThan(found);
  });

  test('waits in a blocking query while other calls pass, and goes on when we give up', async () => {
    const { Index } = (await call('KVS.Get', { Key: 'a' })) as { Index: number };
    const abort = new AbortController();
    const body = encodeAny({ Key: 'a', MinQueryIndex: Index, MaxQueryTime: 60e9 }, 'rpc');
    const waiting = pool.call(server.peer, 'KVS.Get', body, { timeoutMs: 60_000, signal: abort.signal });
    const failed = expect(waiting).rejects.toMatchObject({ code: 'RPC_CANCELED' });
    expect(await call('Status.Ping', {})).toEqual({});
    abort.abort();
    await failed;
    expect(await call('Status.Ping', {})).toEqual({});
  });

  test('answers a single codec behind byte 0, pipelined calls too', async () => {
    const { bytes } = await exchange(
      await dial(server.peer),
      concatBytes([Uint8Array.of(0), request('Status.Ping', {}), request('Status.Ping', {})]),
    );
    const one = '83a54572726f72a0a353657101ad536572766963654d6574686f64ab5374617475732e50696e6780';
    expect(hex(bytes)).toBe(one + one);
  });

  test('gives a snapshot behind byte 5', async () => {
    const stream = await pool.dial(server.peer, 'snapshot', { timeoutMs: 5_000 });
    const answer = exchange(
      stream,
      encodeAny({ Datacenter: 'dc1', Op: 0, Token: '', AllowStale: false }, 'rpc'),
      10_000,
    );
    stream.end();
    const { bytes, isClosed } = await answer;
    expect(isClosed).toBe(true);
    const gzip = Buffer.from(bytes).indexOf(Buffer.from('1f8b08', 'hex'));
    expect(decodeAny(bytes.subarray(0, gzip))).toMatchObject({ Error: '', KnownLeader: true });
  });

  test('keeps a session alive with our pings, and answers them', async () => {
    const stream = await dial(server.peer);
    stream.write(Uint8Array.of(4));
    const times = { keepAliveMs: 50, pingTimeoutMs: 40 };
    const session = new YamuxSession(stream, { role: 'dialler', times }, { clock: systemClock, log: silentLog });
    await pause(600);
    expect(session.isOpen).toBe(true);
    const inner = session.open();
    inner.onData(() => inner.end());
    const ended = new Promise<void>((resolve) => inner.onClose(() => resolve()));
    inner.write(request('Status.Ping', {}));
    await ended;
    expect(session.streamCount).toBe(0);
    session.close();
  });

  /** A connection of ours that answers as a server without any method would. */
  async function meet(bytes: string): Promise<{ ours: Met; theirs: Met }> {
    const listener = new RpcListener(
      {},
      {
        network: nodeNetwork,
        clock: systemClock,
        log: silentLog,
        handlers: {
          call: async (method) => {
            throw new Error(`rpc: service/method request ill-formed: ${method}`);
          },
          raft: () => undefined,
          snapshot: () => undefined,
        },
      },
    );
    const { local } = await listener.listen({ host: '127.0.0.1', port: 0 });
    const theirs = await exchange(await dial(server.peer), unhex(bytes));
    const ours = await exchange(await dial({ ...server.peer, address: local }), unhex(bytes));
    await listener.close();
    return { ours, theirs };
  }

  test.for([
    ['byte 2', '02'],
    ['byte 6', '06ff'],
    ['byte 42', '2a00'],
    ['a byte that begins no value', '00c1'],
    ['a list where a header should be', '009301a16102'],
    ['a header that has not come whole', '0082a353657101'],
    ['a ping', '04000200010000000000000007'],
    ['an answer to a ping that nobody sent', '04000200020000000000000007'],
    ['frames of a stream that nobody opened', '040001000000000009000000010000000000000009000000027878'],
  ] as const)('meets %s as we do', async ([, bytes]) => {
    const { ours, theirs } = await meet(bytes);
    expect([ours.isClosed, hex(ours.bytes)]).toEqual([theirs.isClosed, hex(theirs.bytes)]);
  });

  // We say why before we close, which the reference does not always manage.
  test.for([
    ['an unknown version of yamux', '04ff00000000000000000000000000'],
    ['an unknown frame', '04000900000000000000000000'],
    ['a stream opened twice', '04000100010000000100000000000100010000000100000000'],
    ['a data frame larger than the window', '0400010001000000010000000000000000000000010fffffff'],
  ] as const)('closes on %s as we do', async ([, bytes]) => {
    const { ours, theirs } = await meet(bytes);
    expect([ours.isClosed, theirs.isClosed]).toEqual([true, true]);
  });
});

describe.skipIf(REFERENCE === undefined)('a server of the reference that verifies everybody', () => {
  let server: ReferenceServer;

  beforeAll(async () => {
    server = await startReference(true);
  });

  afterAll(() => stopReference(server));

  async function leader(pool: RpcPool, peer: RpcPeer = server.peer): Promise<unknown> {
    try {
      return decodeAny(await pool.call(peer, 'Status.Leader', unhex('80'), { timeoutMs: 5_000 }));
    } catch (error) {
      return (error as Error).message;
    } finally {
      pool.close();
    }
  }

  test('answers over TLS behind byte 3 when our certificate is right', async () => {
    const strict = { verifyOutgoing: true, verifyServerHostname: true };
    expect(await leader(newPool(CLIENT, strict))).toBe(`127.0.0.1:${server.peer.address.port}`);
    expect(await leader(newPool(CLIENT, strict), { ...server.peer, datacenter: 'dc2' })).toContain(
      'certificate is valid for server.dc1.consul, localhost, not server.dc2.consul',
    );
  });

  test('refuses us in the clear and without a certificate', async () => {
    expect(await leader(newPool())).toMatch(/^rpc error making call: .*(EOF|reset|shutdown|closed)/);
    expect(await leader(newPool({ ca: pem('ca'), verifyOutgoing: true }))).toMatch(/^rpc error/);
  });

  test('does not speak raft with a certificate that is no server', async () => {
    const pool = newPool(CLIENT);
    const stream = await pool.dial(server.peer, 'raft', { timeoutMs: 5_000 });
    expect((await exchange(stream, unhex('00'), 5_000)).isClosed).toBe(true);
  });

  test('takes native TLS with a protocol name, and no first byte', async () => {
    const { port } = server.peer.address;
    const { ca, key, cert } = CLIENT as Required<TlsLayerOptions>;
    const options = { host: '127.0.0.1', port, key, cert, ca: ca as string, ALPNProtocols: ['consul/rpc-single'] };
    const socket = tls.connect(options);
    socket.write(request('Status.Ping', {}));
    const [answer] = await new Promise<[Buffer]>((resolve, reject) => {
      socket.once('data', (b) => resolve([b]));
      socket.once('error', reject);
    });
    expect(fromUtf8(answer)).toContain('Status.Ping');
    socket.destroy();
  });
});
