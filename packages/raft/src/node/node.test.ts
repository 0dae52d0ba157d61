import { fromUtf8, MemoryDisk, noMetrics, seededRng, silentLog, utf8 } from '@proconsul/base';
import { EventQueue, SimClock } from '@proconsul/sim';
import { expect, test } from 'vitest';
import type { Configuration } from '../configuration.ts';
import { msgpackConfiguration } from '../configuration-codec.ts';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import type { Entry } from '../entry.ts';
import { RaftNode } from './node.ts';
import { RAFT_DEFAULTS, type RaftOptions } from './options.ts';
import type { StateMachine } from './state-machine.ts';
import type { RequestHandler, SnapshotState, Transport } from './transport.ts';

/** Remembers every command; answers with how many there were. */
class Journal implements StateMachine {
  lines: string[] = [];
  apply(entries: readonly Entry[]): unknown[] {
    return entries.map((entry) => this.lines.push(fromUtf8(entry.data)));
  }
  snapshot() {
    const bytes = utf8(JSON.stringify(this.lines));
    return { chunks: () => [bytes] };
  }
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const chunk of chunks) text += fromUtf8(chunk);
    this.lines = JSON.parse(text);
  }
}

/** Nodes of one process on virtual time; messages between them arrive at once, unless they are cut off. */
class Net {
  readonly events = new EventQueue();
  readonly requests: { readonly to: string; readonly request: RaftRequest }[] = [];
  readonly cutOff = new Set<string>();
  readonly #handlers = new Map<string, RequestHandler>();

  node(id: string, disk = new MemoryDisk(), options: Partial<RaftOptions> = {}) {
    const machine = new Journal();
    const node = new RaftNode(
      { ...RAFT_DEFAULTS, id, address: `${id}:1`, ...options },
      {
        clock: new SimClock(this.events),
        rng: seededRng(id),
        disk,
        log: silentLog,
        metrics: noMetrics,
        transport: this.#transport(id),
        codec: msgpackConfiguration,
        machine,
      },
    );
    return { id, node, machine, disk };
  }

  #transport(from: string): Transport {
    return {
      send: (to, request, state) => this.#send(from, to.id, request, state),
      onRequest: (handler) => {
        if (handler) this.#handlers.set(from, handler);
        else this.#handlers.delete(from);
      },
    };
  }

  async #send(from: string, to: string, request: RaftRequest, state?: SnapshotState): Promise<RaftResponse> {
    this.requests.push({ to, request });
    const handler = this.#handlers.get(to);
    if (!handler || this.cutOff.has(from) || this.cutOff.has(to)) throw new Error('unreachable');
    return new Promise((resolve) => handler(request, resolve, state));
  }

  /** Lets promises settle, then the next timer fire, until `holds`. */
  async until(holds: () => boolean): Promise<void> {
    for (let turn = 0; turn < 5000; turn++) {
      for (let i = 0; i < 200; i++) await Promise.resolve();
      if (holds()) return;
      if (!this.events.step()) break;
    }
    throw new Error('it never came true');
  }
}

const clusterOf = (...ids: string[]): Configuration => ({
  servers: ids.map((id) => ({ id, address: `${id}:1`, suffrage: 'voter' })),
});

async function single(net: Net, disk = new MemoryDisk(), options: Partial<RaftOptions> = {}) {
  const server = net.node('a', disk, options);
  await server.node.open();
  if (server.node.core.isFresh) await server.node.bootstrap(clusterOf('a'));
  await server.node.start();
  return server;
}

async function cluster(net: Net, ids: readonly string[], options: Partial<RaftOptions> = {}) {
  const servers = ids.map((id) => net.node(id, new MemoryDisk(), options));
  for (const { node } of servers) {
    await node.open();
    await node.bootstrap(clusterOf(...ids));
    await node.start();
  }
  await net.until(() => servers.some(({ node }) => node.role === 'leader'));
  const leader = servers.find(({ node }) => node.role === 'leader')!;
  return { leader, others: servers.filter((s) => s !== leader) };
}

test('a single server leads at once and answers what its state machine made of each proposal', async () => {
  const { node, machine } = await single(new Net());
  expect(node.role).toBe('leader');
  expect(node.hasLease()).toBe(true);
  const results = await Promise.all(['x', 'y', 'z'].map((text) => node.propose(utf8(text))));
  expect(results).toEqual([1, 2, 3]);
  expect(machine.lines).toEqual(['x', 'y', 'z']);
  await node.barrier();
  await node.verifyLeader();
  expect(node.appliedIndex).toBe(node.lastIndex);
  await node.stop();
});

test('after a restart everything is there, in a later term', async () => {
  const net = new Net();
  const first = await single(net);
  await first.node.propose(utf8('kept'));
  const term = first.node.core.term;
  await first.node.stop();
  const second = await single(net, first.disk);
  await second.node.barrier();
  expect(second.machine.lines).toEqual(['kept']);
  expect(second.node.core.term).toBe(term + 1);
  await expect(second.node.bootstrap(clusterOf('a'))).rejects.toMatchObject({ code: 'CANNOT_BOOTSTRAP' });
  await second.node.stop();
});

test('a snapshot takes the place of the entries before it, and a restart begins with it', async () => {
  const net = new Net();
  const first = await single(net, new MemoryDisk(), { trailingLogs: 2 });
  for (let i = 0; i < 20; i++) await first.node.propose(utf8(`${i}`));
  const meta = await first.node.snapshot();
  expect(meta.index).toBe(first.node.appliedIndex);
  await expect(first.node.snapshot()).rejects.toMatchObject({ code: 'NOTHING_TO_SNAPSHOT' });
  await first.node.propose(utf8('after'));
  await first.node.stop();
  const second = await single(net, first.disk);
  await second.node.barrier();
  expect(second.machine.lines).toEqual([...Array.from({ length: 20 }, (_, i) => `${i}`), 'after']);
  await second.node.stop();
});

test('state from outside replaces everything and is there after a restart', async () => {
  const net = new Net();
  const first = await single(net);
  await first.node.propose(utf8('before'));
  await first.node.restoreUserSnapshot([utf8('["restored"]')], 500);
  expect(first.machine.lines).toEqual(['restored']);
  expect(await first.node.propose(utf8('next'))).toBe(2);
  expect(first.node.lastIndex).toBeGreaterThan(500);
  await first.node.stop();
  const second = await single(net, first.disk);
  await second.node.barrier();
  expect(second.machine.lines).toEqual(['restored', 'next']);
  await second.node.stop();
});

test('proposals beyond the bounds, before the start, and after the stop are refused', async () => {
  const net = new Net();
  const early = net.node('a');
  await early.node.open();
  await expect(early.node.propose(utf8('x'))).rejects.toMatchObject({ code: 'NOT_LEADER' });
  const { node } = await single(net, new MemoryDisk(), { pendingMax: 2 });
  await node.barrier();
  const outcomes = await Promise.allSettled(['1', '2', '3'].map((text) => node.propose(utf8(text))));
  expect(outcomes.map((o) => (o.status === 'rejected' ? o.reason.code : o.status))).toEqual([
    'fulfilled',
    'fulfilled',
    'QUEUE_FULL',
  ]);
  await node.stop();
  await expect(node.propose(utf8('x'))).rejects.toMatchObject({ code: 'STOPPED' });
  await expect(node.verifyLeader()).rejects.toMatchObject({ code: 'STOPPED' });
});

test('three servers elect a leader and apply the same entries', async () => {
  const net = new Net();
  const { leader, others } = await cluster(net, ['a', 'b', 'c']);
  const results = await Promise.all(['x', 'y'].map((text) => leader.node.propose(utf8(text))));
  expect(results).toEqual([1, 2]);
  await net.until(() => others.every(({ machine }) => machine.lines.length === 2));
  for (const { node, machine } of others) {
    expect(machine.lines).toEqual(['x', 'y']);
    expect(node.leader()).toMatchObject({ id: leader.id });
    await expect(node.propose(utf8('z'))).rejects.toMatchObject({ code: 'NOT_LEADER' });
  }
  await leader.node.verifyLeader();
});

test('entries larger than one request are counted only where they have arrived', async () => {
  const net = new Net();
  const { leader, others } = await cluster(net, ['a', 'b', 'c']);
  const lagging = others[0]!;
  net.cutOff.add(lagging.id);
  const large = 'v'.repeat(600_000);
  for (let i = 0; i < 8; i++) await leader.node.propose(utf8(`${i}${large}`));
  const from = net.requests.length;
  net.cutOff.delete(lagging.id);
  await net.until(() => lagging.node.appliedIndex === leader.node.appliedIndex);
  expect(lagging.machine.lines.map((line) => line.length)).toEqual(Array(8).fill(600_001));
  const carried = net.requests.slice(from).filter(({ to, request }) => {
    return to === lagging.id && request.kind === 'append-entries' && (request.entries?.length ?? 0) > 0;
  });
  expect(carried.length).toBeGreaterThan(3);
});

test('a server that lags behind the log gets the snapshot once and then the rest', async () => {
  const net = new Net();
  const { leader, others } = await cluster(net, ['a', 'b'], { trailingLogs: 0 });
  const newcomer = net.node('c', new MemoryDisk());
  await newcomer.node.open();
  await newcomer.node.start();
  for (let i = 0; i < 5; i++) await leader.node.propose(utf8(`${i}`));
  await leader.node.snapshot();
  const added = leader.node.addVoter('c', 'c:1');
  await net.until(() => newcomer.machine.lines.length === 5);
  await added;
  await leader.node.propose(utf8('last'));
  await net.until(() => [newcomer, ...others].every(({ machine }) => machine.lines.length === 6));
  const installs = net.requests.filter(({ request }) => request.kind === 'install-snapshot');
  expect(installs.map(({ to }) => to)).toEqual(['c']);
});

test('the leadership goes to the server that is named, and proposals there succeed', async () => {
  const net = new Net();
  const { leader, others } = await cluster(net, ['a', 'b', 'c']);
  const target = others[1]!;
  await leader.node.propose(utf8('x'));
  const done = leader.node.transferLeadership(target.id);
  await net.until(() => target.node.role === 'leader');
  await done;
  expect(await target.node.propose(utf8('y'))).toBe(2);
  expect(leader.node.role).toBe('follower');
});

test('a leader that is cut off loses its lease and its post, and what it was asked fails', async () => {
  const net = new Net();
  const { leader } = await cluster(net, ['a', 'b', 'c']);
  await leader.node.propose(utf8('x'));
  net.cutOff.add(leader.id);
  const outcome = leader.node.propose(utf8('y')).catch((error: unknown) => error);
  await net.until(() => leader.node.role !== 'leader');
  expect(leader.node.hasLease()).toBe(false);
  expect(await outcome).toMatchObject({ code: 'LEADERSHIP_LOST' });
});
