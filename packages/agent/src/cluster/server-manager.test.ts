import { seededRng, silentLog } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import type { RpcPeer } from '@proconsul/rpc';
import { describe, expect, test } from 'vitest';
import { REBALANCE_MIN_MS, REBALANCE_SPREAD_MS, ServerManager } from './server-manager.ts';

const peer = (name: string, port = 8300): RpcPeer => ({
  name,
  datacenter: 'dc1',
  address: { host: '10.0.0.1', port },
  useTls: false,
});

function world(options: { up?: readonly string[]; clusterSize?: number } = {}) {
  const clock = new ManualClock();
  const pinged: string[] = [];
  const manager = new ServerManager({
    clock,
    rng: seededRng('servers'),
    log: silentLog,
    clusterSize: () => options.clusterSize ?? 5,
    ping: async ({ name }) => {
      pinged.push(name);
      return options.up?.includes(name) ?? true;
    },
  });
  const order = () => {
    const names: string[] = [];
    for (let i = 0; i < manager.count; i++) {
      const first = manager.pick('dc1') as RpcPeer;
      names.push(first.name);
      manager.failed(first);
    }
    return names;
  };
  return { clock, manager, pinged, order };
}

describe('the servers of a client', () => {
  test('are called one at a time: the first until it fails, then the next', () => {
    const { manager, order } = world();
    expect(manager.pick('dc1')).toBeUndefined();
    expect(['a', 'b', 'c'].map((n) => manager.put(peer(n)))).toEqual([true, false, false]);
    const [first, second] = order();
    expect(manager.pick('dc1')?.name).toBe(first);
    expect(manager.pick('dc2')?.name).toBe(first);
    manager.failed(peer(second as string)); // It is not the one in use.
    expect(manager.pick('dc1')?.name).toBe(first);
    manager.failed(peer(first as string));
    expect(manager.pick('dc1')?.name).toBe(second);
    expect(order().sort()).toEqual(['a', 'b', 'c']);
  });

  test('are taken over with a new address, and forgotten', () => {
    const { manager } = world();
    manager.put(peer('a'));
    expect(manager.put(peer('a', 9300))).toBe(false);
    expect([manager.count, manager.pick('dc1')?.address.port]).toEqual([1, 9300]);
    manager.remove('a');
    expect(manager.count).toBe(0);
  });

  test('are put into a new order from time to time, one that answers in front', async () => {
    const w = world({ up: ['c'] });
    for (const name of ['a', 'b', 'c', 'd']) w.manager.put(peer(name));
    w.manager.start();
    await w.clock.advance(REBALANCE_MIN_MS - 1);
    expect(w.pinged).toEqual([]);
    await w.clock.advance(REBALANCE_SPREAD_MS + 1);
    expect(w.manager.pick('dc1')?.name).toBe('c');
    expect(w.order().sort()).toEqual(['a', 'b', 'c', 'd']);
    w.manager.stop();
    expect(w.clock.waiting).toBe(0);
  });

  test('keep their order while none answers', async () => {
    const w = world({ up: [] });
    for (const name of ['a', 'b', 'c']) w.manager.put(peer(name));
    const before = w.order();
    await w.manager.rebalance();
    expect(w.order()).toEqual(before);
    expect(w.pinged).toHaveLength(3);
  });
});
