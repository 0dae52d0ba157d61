import { type Log, noMetrics, sleep, utf8 } from '@proconsul/base';
import { nodeAesGcm, nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { afterEach, expect, test } from 'vitest';
import { KeyList } from './key-list.ts';
import { Memberlist } from './memberlist.ts';
import { MEMBERLIST_DEFAULTS, type MemberlistOptions } from './options.ts';
import { QuietDelegate } from './testing/quiet-delegate.ts';

const QUICK = { gossipIntervalMs: 20, probeIntervalMs: 200, probeTimeoutMs: 80, pushPullIntervalMs: 0 };

interface Started {
  readonly pool: Memberlist;
  readonly delegate: QuietDelegate;
  readonly lines: string[];
}

const running: Memberlist[] = [];
afterEach(async () => {
  for (const pool of running.splice(0)) await pool.stop();
});

async function start(
  name: string,
  options: Partial<MemberlistOptions> = {},
  keys: Uint8Array[] = [],
): Promise<Started> {
  const delegate = new QuietDelegate();
  delegate.ownMeta = utf8(`meta of ${name}`);
  delegate.ownState = utf8(name);
  const lines: string[] = [];
  const put = (message: string): void => void lines.push(message);
  const log: Log = { trace: put, debug: put, info: put, warn: put, error: put, named: () => log };
  const pool = new Memberlist(
    { ...MEMBERLIST_DEFAULTS, ...QUICK, name, bind: { host: '127.0.0.1', port: 0 }, ...options },
    {
      clock: systemClock,
      rng: systemRng,
      network: nodeNetwork,
      log,
      metrics: noMetrics,
      delegate,
      aesGcm: nodeAesGcm,
      keyring: new KeyList(keys),
    },
  );
  await pool.start();
  running.push(pool);
  return { pool, delegate, lines };
}

const at = ({ pool }: Started) => ({ host: pool.self.address, port: pool.self.port });

async function until(fact: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const end = systemClock.now() + timeoutMs;
  while (!fact()) {
    if (systemClock.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(systemClock, 5);
  }
}

const KEY = utf8('0123456789abcdef');

test.for([
  { what: 'in the clear', options: {}, keys: [] },
  { what: 'encrypted', options: {}, keys: [KEY] },
  {
    what: 'encrypted, version 0, with a label',
    options: { encryptionVersion: 0 as const, label: 'blue' },
    keys: [KEY],
  },
  { what: 'without compression', options: { compress: false }, keys: [] },
])('three members find each other, talk and part: $what', async ({ options, keys }) => {
  const a = await start('a', options, keys);
  const b = await start('b', options, keys);
  const c = await start('c', options, keys);
  expect(await b.pool.join([at(a)])).toEqual({ joined: 1, errors: [] });
  expect(a.delegate.events).toContain('state b true');
  expect(b.delegate.events).toContain('state a true');
  expect((await c.pool.join([at(b)])).joined).toBe(1);
  await until(() => [a, b, c].every((m) => m.pool.aliveCount() === 3), 'all know all');
  expect(a.pool.node('c')!.meta).toEqual(utf8('meta of c'));

  await until(() => a.delegate.pings.length > 1, 'probes are answered');
  expect(a.delegate.pings[0]).toMatch(/^[bc] true 1\.2\.3$/);
  a.pool.sendPacket(c.pool.self, utf8('by packet'));
  await a.pool.sendReliable(c.pool.self, utf8('by stream'));
  b.delegate.toSpread.push(utf8('by gossip'));
  await until(() => c.delegate.messages.length >= 2, 'messages arrive');
  expect(c.delegate.messages).toEqual(expect.arrayContaining(['by packet', 'by stream']));
  await until(() => [...a.delegate.messages, ...c.delegate.messages].includes('by gossip'), 'gossip arrives');

  a.delegate.ownMeta = utf8('changed');
  a.pool.updateMeta();
  await until(() => c.delegate.events.includes('update a'), 'the change spreads');

  await b.pool.leave(5_000);
  await until(() => [a, c].every((m) => m.delegate.events.includes('left b')), 'the leave spreads');
  await b.pool.stop();
  await c.pool.stop();
  await until(() => a.delegate.events.includes('failed c'), 'the failure is found');
  expect(a.pool.aliveCount()).toBe(1);
  expect(a.lines.join('\n')).toContain('memberlist: Suspect c has failed, no acks received');
  expect(a.lines.join('\n')).toContain(
    'memberlist: Marking c as failed, suspect timeout reached (0 peer confirmations)',
  );
});

test('a join that cannot be tells why', async () => {
  const plain = await start('plain');
  const sealed = await start('sealed', {}, [KEY]);
  const other = await start('other', {}, [utf8('fedcba9876543210')]);
  const picky = await start('picky');
  picky.delegate.refusal = ({ name }) => (name === 'plain' ? 'we do not like it' : undefined);
  const reasonAt = async (from: Started, to: ReturnType<typeof at>): Promise<string | undefined> =>
    (await from.pool.join([to])).errors[0]?.message.replace(/^Failed to join 127.0.0.1:\d+: /, '');
  const reason = (from: Started, to: Started) => reasonAt(from, at(to));

  // As the reference agent puts it: the refusal comes back encrypted, or not, as everything from the other side.
  expect(await reason(plain, sealed)).toBe('Remote state is encrypted and encryption is not configured');
  expect(await reason(sealed, plain)).toBe('Encryption is configured but remote state is not encrypted');
  expect(await reason(other, sealed)).toBe('No installed keys could decrypt the message');
  expect(await reason(picky, plain)).toBe('we do not like it');
  await picky.pool.stop();
  // Not the port of before, which another process may have been given.
  expect(await reasonAt(plain, { ...at(picky), port: 1 })).toMatch(/connection refused/);
  expect([picky, sealed, other].map((m) => m.pool.aliveCount())).toEqual([1, 1, 1]);
});
