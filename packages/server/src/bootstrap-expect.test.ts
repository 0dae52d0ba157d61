import { ManualClock } from '@proconsul/base/testing';
import { describe, expect, test } from 'vitest';
import { BootstrapExpect, type FirstConfiguration } from './bootstrap-expect.ts';
import type { PoolMember } from './servers/member.ts';
import { TestCluster, tagsOf } from './testing/cluster.ts';

function member(name: string, given: Record<string, string> = {}, status: PoolMember['status'] = 'alive'): PoolMember {
  const address = `10.0.0.${name.slice(1)}`;
  return { name, address, port: 8301, status, tags: tagsOf(`id-${name}`, { expect: '3', ...given }) };
}

function waiting(members: PoolMember[], options: { peers?: () => Promise<readonly string[]>; fresh?: boolean } = {}) {
  const clock = new ManualClock();
  const logged: string[] = [];
  const done: FirstConfiguration[] = [];
  const write = (message: string, fields?: object) => logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log = { trace() {}, debug: write, info: write, warn: write, error: write, named: () => log };
  const b = new BootstrapExpect(
    { datacenter: 'dc1', nodeName: 's1', expect: 3 },
    {
      ...{ clock, log, members: () => members, peersOf: options.peers ?? (async () => []) },
      isFresh: () => options.fresh ?? true,
      bootstrap: async (configuration) => void done.push(configuration),
    },
  );
  return { b, clock, logged, done, members };
}

describe('a server that expects three', () => {
  test('waits for the third, and then writes the configuration of all in one order', async () => {
    const w = waiting([member('s2'), member('s1')]);
    w.b.check();
    await w.clock.advance(100);
    expect(w.done).toEqual([]);
    w.members.push(member('s3'));
    w.b.check();
    w.b.check();
    await w.clock.advance(0);
    expect(w.done).toEqual([
      {
        servers: ['s1', 's2', 's3'].map((name) => ({
          ...{ id: `id-${name}`, address: `10.0.0.${name.slice(1)}:8300`, suffrage: 'voter' },
        })),
      },
    ]);
    expect(w.b.isOver).toBe(true);
    expect(w.logged[0]).toContain('Found expected number of peers, attempting bootstrap');
  });

  test.for([
    ['failed', member('s3', {}, 'failed')],
    ['is of another datacenter', member('s3', { dc: 'dc2' })],
    ['is a client', member('s3', { role: 'node' })],
    ['only reads', member('s3', { read_replica: '1' })],
  ] as const)('does not count one that %s', async ([, third]) => {
    const w = waiting([member('s1'), member('s2'), third]);
    w.b.check();
    await w.clock.advance(100);
    expect([w.done, w.b.isOver]).toEqual([[], false]);
  });

  test('refuses to begin with one that expects another number', async () => {
    const w = waiting([member('s1'), member('s2'), member('s3', { expect: '5' })]);
    w.b.check();
    await w.clock.advance(100);
    expect(w.done).toEqual([]);
    expect(w.logged).toEqual([
      'Member has a conflicting expect value. All nodes should expect the same number. {"member":"s3"}',
    ]);
  });

  test('gives up for good when one of them has peers', async () => {
    const w = waiting([member('s1'), member('s2'), member('s3')], { peers: async () => ['10.0.0.9:8300'] });
    w.b.check();
    await w.clock.advance(0);
    expect([w.done, w.b.isOver]).toEqual([[], true]);
    expect(w.logged[0]).toBe('Existing Raft peers reported by server, disabling bootstrap mode {"server":"s2"}');
  });

  test('asks again one that does not answer, and goes on when it does', async () => {
    let failures = 8;
    const peers = async () => {
      if (failures-- > 0) throw new Error('connection refused');
      return [];
    };
    const w = waiting([member('s1'), member('s2'), member('s3')], { peers });
    w.b.check();
    await w.clock.advance(120_000);
    expect(w.done).toHaveLength(1);
  });

  test('does nothing where there is a log already', async () => {
    const w = waiting([member('s1'), member('s2'), member('s3')], { fresh: false });
    w.b.check();
    await w.clock.advance(0);
    expect([w.done, w.b.isOver]).toEqual([[], true]);
  });
});

test('three servers that expect three become one cluster', async () => {
  const c = new TestCluster({ seed: 3, size: 3, expect: 3 });
  await c.start();
  const configurations = c.ids.map((id) => JSON.stringify(c.life(id).node.configuration()));
  expect(new Set(configurations).size).toBe(1);
  expect(
    c
      .life('s1')
      .consensus.members()
      .map((m) => m.voter),
  ).toEqual([true, true, true]);
});
