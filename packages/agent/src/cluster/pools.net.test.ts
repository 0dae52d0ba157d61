import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fromUtf8, MemoryDisk } from '@proconsul/base';
import type { Serf, SerfEvent } from '@proconsul/serf';
import { afterEach, describe, expect, test } from 'vitest';
import { type TestContext, testContext } from '../testing/context.ts';
import { lanRefusal } from './merge-rules.ts';
import { makePool } from './pools.ts';
import { LAN_WRAPPING, startPool } from './start-pool.ts';
import { clientTags } from './tags.ts';

const KEY1 = Buffer.alloc(32, 1).toString('base64');
const KEY2 = Buffer.alloc(32, 2).toString('base64');

const running: Serf[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((pool) => pool.stop()));
});

interface Member {
  readonly pool: Serf;
  readonly context: TestContext;
  readonly events: SerfEvent[];
  readonly at: { readonly host: string; readonly port: number };
}

/** A port that nobody listens on at this moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function member(name: string, hcl = '', disk = new MemoryDisk()): Promise<Member> {
  const port = await freePort();
  const fast = 'gossip_lan { gossip_interval = "20ms" probe_interval = "100ms" probe_timeout = "50ms" }';
  const context = testContext(`node_name = "${name}" ports { serf_lan = ${port} } ${fast} ${hcl}`, { disk });
  const { nodeId, config } = context;
  const { datacenter } = config();
  const events: SerfEvent[] = [];
  const pool = await makePool('lan', context, {
    tags: clientTags({ datacenter, nodeId, version: '1.21.0', reconnectTimeout: '' }),
    onEvent: (event) => events.push(event),
    refuse: (members) => lanRefusal(members, { nodeName: name, nodeId, datacenter }),
    onQuit: () => {},
  });
  await pool.start();
  running.push(pool);
  return { pool, context, events, at: { host: '127.0.0.1', port } };
}

const names = ({ pool }: Member) =>
  pool
    .members()
    .filter((m) => m.status === 'alive')
    .map((m) => m.name)
    .sort();

const join = (from: Member, to: Member) => from.pool.join([to.at], { ignoreOldEvents: true });

describe('agents on loopback', () => {
  test('find each other, and hear what is spread', async () => {
    const [a, b, c] = [await member('a'), await member('b'), await member('c')];
    expect((await join(b, a)).joined).toBe(1);
    expect((await join(c, a)).joined).toBe(1);
    for (const one of [a, b, c]) await expect.poll(() => names(one)).toEqual(['a', 'b', 'c']);
    b.pool.userEvent('consul:event:x', new Uint8Array([1]), false);
    for (const { events } of [a, b, c]) {
      await expect.poll(() => events.filter((e) => e.kind === 'user').length).toBe(1);
    }
  });

  test('of different datacenters do not come together, and the joining one is told why', async () => {
    const [a, b] = [await member('a'), await member('b', 'datacenter = "dc2"')];
    const { joined, errors } = await join(b, a);
    expect([joined, errors.map((e) => e.message)]).toEqual([
      0,
      [`Failed to join 127.0.0.1:${a.at.port}: Member 'a' part of wrong datacenter 'dc1'`],
    ]);
    expect([names(a), names(b)]).toEqual([['a'], ['b']]);
  });

  test('leave a file from which a restart joins again', async () => {
    const disk = new MemoryDisk();
    const [a, b] = [await member('a'), await member('b', '', disk)];
    await join(b, a);
    await expect.poll(() => names(a)).toEqual(['a', 'b']);
    await b.pool.stop();
    expect(fromUtf8(await disk.read('serf/local.snapshot'))).toContain(`alive: a 127.0.0.1:${a.at.port}\n`);
    const again = await member('b', '', disk);
    await expect.poll(() => names(again)).toEqual(['a', 'b']);
  });
});

test('a port that is taken is told in the words of the reference', async () => {
  const a = await member('a');
  const context = testContext(`node_name = "b" ports { serf_lan = ${a.at.port} }`);
  const handlers = { tags: {}, onEvent: () => {}, refuse: () => undefined, onQuit: () => {} };
  const pool = await makePool('lan', context, handlers);
  const { port } = a.at;
  await expect(startPool(pool, 'LAN Serf', context.config().serfBindAddrLan, LAN_WRAPPING)).rejects.toThrow(
    `Failed to start LAN Serf: Failed to create memberlist: Could not set up network transport: failed to obtain an address: Failed to start TCP listener on "127.0.0.1" port ${port}: listen tcp 127.0.0.1:${port}: bind: address already in use`,
  );
});

describe('the keys of a pool', () => {
  test('are kept in a file, changed on all members, and win over the configured one', async () => {
    const disk = new MemoryDisk();
    const [a, b] = [await member('a', `encrypt = "${KEY1}"`, disk), await member('b', `encrypt = "${KEY1}"`)];
    expect(fromUtf8(await disk.read('serf/local.keyring'))).toBe(`["${KEY1}"]`);
    await join(b, a);
    expect(await b.pool.installKey(KEY2, 0)).toMatchObject({ nodes: 2, responses: 2, failures: 0 });
    await b.pool.useKey(KEY2, 0);
    await b.pool.removeKey(KEY1, 0);
    expect((await a.pool.listKeys(0)).primaryKeys).toEqual({ [KEY2]: 2 });
    expect(fromUtf8(await disk.read('serf/local.keyring'))).toBe(`[\n  "${KEY2}"\n]`);
    await a.pool.stop();
    const again = await member('a', `encrypt = "${KEY1}"`, disk);
    expect(again.context.lines).toContain(
      `WARN  keyring doesn't include key provided with -encrypt, using keyring {"keyring":"LAN"}`,
    );
    expect((await join(again, b)).joined).toBe(1);
  });

  test('stay in memory when the configuration says so', async () => {
    const disk = new MemoryDisk();
    await member('a', `encrypt = "${KEY1}" disable_keyring_file = true`, disk);
    expect(await disk.list('serf')).toEqual(['local.snapshot']);
  });

  test('must have a length that AES has', async () => {
    const short = Buffer.alloc(20).toString('base64');
    await expect(member('a', `encrypt = "${short}"`)).rejects.toThrow(
      'Failed to configure keyring: Invalid key: key size must be 16, 24 or 32 bytes',
    );
  });

  test('keep those out that have others', async () => {
    const [a, b] = [await member('a', `encrypt = "${KEY1}"`), await member('b')];
    const refused = await Promise.all([join(b, a), join(a, b)]);
    expect(refused.map((r) => [r.joined, r.errors[0]?.message.replace(/127.*: /, '')])).toEqual([
      [0, 'Failed to join Remote state is encrypted and encryption is not configured'],
      [0, 'Failed to join Encryption is configured but remote state is not encrypted'],
    ]);
  });
});
