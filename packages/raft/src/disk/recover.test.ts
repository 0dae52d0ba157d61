import { fromUtf8, MemoryDisk, noMetrics, seededRng, silentLog, utf8 } from '@proconsul/base';
import { EventQueue, SimClock } from '@proconsul/sim';
import { describe, expect, test } from 'vitest';
import type { Configuration } from '../configuration.ts';
import { msgpackConfiguration } from '../configuration-codec.ts';
import type { Entry } from '../entry.ts';
import { RaftNode } from '../node/node.ts';
import { RAFT_DEFAULTS } from '../node/options.ts';
import { noTransport } from '../node/transport.ts';
import { decodePeersJson, keepOnly, recoverConfiguration, summariseRaft } from './recover.ts';

function machine() {
  let lines: string[] = [];
  return {
    lines: () => lines,
    apply: (entries: readonly Entry[]): unknown[] => entries.map((e) => lines.push(fromUtf8(e.data))),
    snapshot: () => {
      const bytes = utf8(JSON.stringify(lines));
      return { chunks: () => [bytes] };
    },
    async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
      let text = '';
      for await (const chunk of chunks) text += fromUtf8(chunk);
      lines = JSON.parse(text);
    },
  };
}

class World {
  readonly disk = new MemoryDisk();
  readonly events = new EventQueue();
  readonly deps = {
    disk: this.disk,
    clock: new SimClock(this.events),
    rng: seededRng(1),
    log: silentLog,
    codec: msgpackConfiguration,
  };
  node() {
    const state = machine();
    const options = { ...RAFT_DEFAULTS, id: 'a', address: 'a:1' };
    const node = new RaftNode(options, { ...this.deps, metrics: noMetrics, transport: noTransport, machine: state });
    return { node, state };
  }
  /** Recovers while virtual time goes on. */
  async recover(configuration: Configuration) {
    const state = machine();
    let isDone = false;
    const done = recoverConfiguration(RAFT_DEFAULTS, { ...this.deps, machine: state }, configuration).finally(() => {
      isDone = true;
    });
    for (let i = 0; i < 2000 && !isDone; i++) {
      await Promise.resolve();
      if (i % 50 === 49) this.events.step();
    }
    return { meta: await done, state };
  }
}

const of = (...ids: string[]): Configuration => ({
  servers: ids.map((id) => ({ id, address: `${id}:1`, suffrage: 'voter' })),
});

async function written(world: World): Promise<void> {
  const { node } = world.node();
  await node.open();
  await node.bootstrap(of('a'));
  await node.start();
  for (const text of ['x', 'y', 'z']) await node.propose(utf8(text));
  await node.stop();
}

describe('recovery without a quorum', () => {
  test('the configuration is replaced and everything in the log is kept', async () => {
    const world = new World();
    await written(world);
    const before = await summariseRaft(RAFT_DEFAULTS, world.deps);
    expect(before.configuration).toEqual(of('a'));
    const { meta, state } = await world.recover(of('a', 'b', 'c'));
    expect(state.lines()).toEqual(['x', 'y', 'z']);
    expect(meta).toMatchObject({ index: before.lastIndex, term: before.lastTerm });
    const after = await summariseRaft(RAFT_DEFAULTS, world.deps);
    expect(after).toEqual({ ...before, snapshotIndex: before.lastIndex, configuration: of('a', 'b', 'c') });
    // Nothing of the old log is offered to others: they would never learn of the new configuration.
    const { node } = world.node();
    await node.open();
    expect(node.core.termOf(before.lastIndex - 1)).toBeUndefined();
    await node.start();
    expect(node.role).toBe('follower');
    await node.stop();
  });

  test('the one that is kept leads alone, with all that was written, and takes new writes', async () => {
    const world = new World();
    await written(world);
    await world.recover(of('a', 'b', 'c'));
    await world.recover(keepOnly((await summariseRaft(RAFT_DEFAULTS, world.deps)).configuration, ['a']));
    const { node, state } = world.node();
    await node.open();
    await node.start();
    expect(node.role).toBe('leader');
    await node.propose(utf8('w'));
    expect(state.lines()).toEqual(['x', 'y', 'z', 'w']);
    await node.stop();
  });

  test('repeating it changes nothing more', async () => {
    const world = new World();
    await written(world);
    await world.recover(of('a', 'b'));
    const once = await summariseRaft(RAFT_DEFAULTS, world.deps);
    await world.recover(of('a', 'b'));
    expect(await summariseRaft(RAFT_DEFAULTS, world.deps)).toEqual(once);
  });

  test('a server that holds nothing is refused, and so is a configuration without voters', async () => {
    const world = new World();
    await expect(world.recover(of('a'))).rejects.toThrow('refused to recover cluster with no initial state');
    await expect(world.recover({ servers: [] })).rejects.toThrow('need at least one voter');
  });
});

describe('peers.json', () => {
  test('names ids, addresses and who does not vote', () => {
    const text =
      '[{"id":"a","address":"a:1","non_voter":false},{"id":"b","address":"b:1","non_voter":true},{"id":"c","address":"c:1"}]';
    expect(decodePeersJson(text).servers.map((s) => `${s.id} ${s.address} ${s.suffrage}`)).toEqual([
      'a a:1 voter',
      'b b:1 nonvoter',
      'c c:1 voter',
    ]);
  });

  test.for([
    ['{', /JSON/],
    ['{}', /no array/],
    ['[1]', /needs an id/],
    ['[null]', /needs an id/],
    ['[{"id":"a","address":""}]', /empty address/],
    ['[{"id":"a","address":"x"},{"id":"a","address":"y"}]', /duplicate ID/],
    ['[{"id":"a","address":"x","non_voter":true}]', /at least one voter/],
  ] as const)('%s is refused', ([text, why]) => {
    expect(() => decodePeersJson(text)).toThrow(why);
  });

  test('keeping a server that is not there is refused', () => {
    expect(() => keepOnly(of('a'), ['z'])).toThrow('server z is not in the configuration');
  });
});
