import { hex, seededRng, unhex, utf8 } from '@proconsul/base';
import {
  ConfigEntryMethods,
  EndpointError,
  KVS,
  Operator,
  PreparedQueryMethods,
  READ_NOW,
  type ReadMeta,
  type ReadOptions,
  type View,
} from '@proconsul/endpoints';
import { DirEntry, KeyRequest, KVSRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { RemoteError, RpcError } from '../errors.ts';
import { GrpcCode, GrpcError } from '../grpc/status.ts';
import type { RpcPeer } from '../peer.ts';
import { FakeCaller, view } from '../testing/fake-caller.ts';
import { HurriedClock } from '../testing/hurried-clock.ts';
import { LoopClient, PEER } from '../testing/loop-client.ts';
import { RemoteCaller, type RemoteCallerDependencies } from './remote-caller.ts';
import { serveCalls } from './serve-calls.ts';
import { oneServer, type ServerChoice } from './server-choice.ts';

const HOLD_MS = 7000;
const who = { Datacenter: '', Token: '' };
const get = { ...who, Key: 'a' };
const entry = DirEntry.make({ Key: 'a', Value: utf8('v'), ModifyIndex: 5 });
const put = KVSRequest.make({ Op: 'set', DirEnt: entry });

class Servers implements ServerChoice {
  list: RpcPeer[] = ['s1', 's2', 's3'].map((name) => ({ ...PEER, name }));
  pick = () => this.list[0];
  failed = (peer: RpcPeer) => {
    this.list = [...this.list.filter((s) => s !== peer), peer];
  };
}

function world(more: Partial<RemoteCallerDependencies> = {}) {
  const caller = new FakeCaller();
  caller.views.set('KVS.Get', view(5, entry));
  caller.written.set('KVS.Apply', true);
  const bodies: Uint8Array[] = [];
  const serve = serveCalls(caller);
  const client = new LoopClient((method, body, from, signal) => {
    bodies.push(body);
    return serve(method, body, from, signal);
  });
  const clock = new HurriedClock();
  const servers = new Servers();
  const rng = seededRng('calls');
  const remote = new RemoteCaller({
    ...{ client, servers, clock, rng, holdTimeoutMs: HOLD_MS, callTimeoutMs: 60_000 },
    ...more,
  });
  const read = (options: ReadOptions = READ_NOW) =>
    new Promise<View<DirEntry | null>>((resolve, reject) => {
      remote.read(KVS.Get, get, options, (error, found) => {
        if (found === null) reject(error);
        else resolve(found);
      });
    });
  const askedPeers = () => client.calls.map((c) => c.peer);
  return { caller, client, clock, servers, remote, read, bodies, askedPeers };
}

const refused = (text: string) => new RemoteError(text);
const unsent = () => new RpcError('RPC_DIAL', 'dial tcp 127.0.0.1:8300: connection refused', false);
const broken = () => new RpcError('RPC_CLOSED', 'EOF', true);

describe('a remote read', () => {
  test('answers a view that is right for its moment and no longer', async () => {
    const found = await world().read();
    expect(found).toMatchObject({ index: 5, value: { Key: 'a' }, valid: false });
    expect(found.memo).toBe(found.memo);
  });

  test('is never to be had without waiting', () => {
    const { remote } = world();
    expect([remote.peek(KVS.Get, get), remote.leads()]).toEqual([undefined, false]);
  });

  test('tells what the server knows of its freshness', async () => {
    const w = world();
    w.caller.meta = { knownLeader: true, lastContactMs: 12.5 };
    const told = await new Promise<ReadMeta>((resolve) =>
      w.remote.read(KVS.Get, get, READ_NOW, (_e, _v, m) => resolve(m)),
    );
    expect(told).toMatchObject({ knownLeader: true, lastContactMs: 12.5 });
  });

  test.for([
    [{ consistency: 'default', minIndex: 0, waitMs: 0 }, 60_000],
    [{ consistency: 'default', minIndex: 0, waitMs: 10_000 }, 60_000],
    [{ consistency: 'default', minIndex: 4, waitMs: 16_000 }, 16_000 + 1000 + HOLD_MS],
    [{ consistency: 'default', minIndex: 4, waitMs: 0 }, 300_000 + 300_000 / 16 + HOLD_MS],
    [{ consistency: 'default', minIndex: 4, waitMs: 9e9 }, 600_000 + 600_000 / 16 + HOLD_MS],
  ] as [ReadOptions, number][])('%o has %d ms', async ([options, timeoutMs]) => {
    const w = world();
    await w.read(options);
    expect(w.client.calls).toEqual([{ peer: 's1', method: 'KVS.Get', timeoutMs }]);
  });

  test('that was cancelled is given up on the server and never answered', async () => {
    const w = world();
    w.caller.views.clear();
    let told = 0;
    const cancel = w.remote.read(KVS.Get, get, { ...READ_NOW, minIndex: 9 }, () => told++);
    await Promise.resolve();
    expect(w.caller.waiting.size).toBe(1);
    cancel();
    expect(w.caller.waiting.size).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toBe(0);
  });
});

test('a read that was cancelled is not made again', async () => {
  const w = world();
  w.client.faults.push(...Array.from({ length: 10 }, () => refused('No cluster leader')));
  w.remote.read(KVS.Get, get, READ_NOW, () => {})();
  await new Promise((resolve) => setImmediate(resolve));
  expect(w.client.calls).toHaveLength(1);
});

describe('a call that failed', () => {
  test('for want of a leader is made again for the hold time, with pauses that grow', async () => {
    const w = world();
    w.client.faults.push(...Array.from({ length: 1000 }, () => refused('No cluster leader')));
    await expect(w.read()).rejects.toMatchObject({
      message: 'rpc error making call: No cluster leader',
      code: 'NO_LEADER',
    });
    expect(w.clock.now()).toBeCloseTo(HOLD_MS, 6);
    expect(w.clock.pauses[0]).toBeLessThanOrEqual(HOLD_MS / 256);
    expect(Math.max(...w.clock.pauses)).toBeLessThanOrEqual(HOLD_MS / 16);
    expect(w.client.calls.length).toBeLessThan(60);
  });

  test('for want of a leader ends, also when servers hold it for as long as we would', async () => {
    const clock = new HurriedClock();
    let calls = 0;
    const call = () =>
      new Promise<Uint8Array>((_, reject) => {
        calls++;
        clock.after(HOLD_MS + 100, () => reject(refused('No cluster leader')));
      });
    const w = world({ clock, client: { call, dial: () => Promise.reject(unsent()) } });
    await expect(w.read()).rejects.toMatchObject({ code: 'NO_LEADER' });
    expect(calls).toBe(2);
  });

  test('for want of a leader succeeds when one is there', async () => {
    const w = world();
    w.client.faults.push(refused('No cluster leader'), refused('rpc error making call: No cluster leader'));
    expect(await w.remote.write(KVS.Apply, put)).toBe(true);
    // One without a leader may be alone in that.
    expect(w.askedPeers()).toEqual(['s1', 's2', 's3']);
  });

  test('at an unreachable server goes to the next, reads and changes alike', async () => {
    const w = world();
    w.client.faults.push(unsent());
    expect(await w.remote.write(KVS.Apply, put)).toBe(true);
    w.client.faults.push(unsent());
    await w.read();
    expect(w.askedPeers()).toEqual(['s1', 's2', 's2', 's3']);
  });

  test('on a broken connection: a read is made again, a change is not, since it may have happened', async () => {
    const w = world();
    w.client.faults.push(broken());
    await w.read();
    w.client.faults.push(broken());
    await expect(w.remote.write(KVS.Apply, put)).rejects.toThrow('rpc error making call: EOF');
    expect(w.askedPeers()).toEqual(['s1', 's2', 's2']);
    w.client.faults.push(refused('rpc error making call: EOF'));
    await expect(w.remote.write(KVS.Apply, put)).rejects.toThrow('rpc error making call: rpc error making call: EOF');
  });

  test('without an answer in time is not made again', async () => {
    const w = world();
    w.client.faults.push(new RpcError('RPC_TIMEOUT', 'i/o deadline reached', true));
    await expect(w.read()).rejects.toThrow('rpc error making call: i/o deadline reached');
    expect(w.askedPeers()).toEqual(['s1']);
    expect(w.servers.pick()?.name).toBe('s2');
  });

  test('because the server is busy goes to another one', async () => {
    const w = world();
    w.client.faults.push(refused('rate limit exceeded, try again later or against a different server'));
    await w.read();
    expect(w.askedPeers()).toEqual(['s1', 's2']);
  });

  test('at the only server there is to ask is told at once', async () => {
    const w = world({ servers: oneServer(PEER) });
    w.client.faults.push(refused('No cluster leader'));
    await expect(w.read()).rejects.toThrow('No cluster leader');
    expect(w.client.calls).toHaveLength(1);
  });

  test('without any server says so', async () => {
    const w = world();
    w.servers.list = [];
    await expect(w.read()).rejects.toMatchObject({ message: 'No known Consul servers' });
    await expect(w.remote.write(KVS.Apply, put)).rejects.toMatchObject({ code: 'NO_SERVERS' });
  });

  test('with an answer that cannot be read is an error of the hop', async () => {
    const w = world({ client: { call: async () => new Uint8Array([0x01]), dial: () => Promise.reject() } });
    await expect(w.read()).rejects.toThrow(/^rpc error making call: msgpack/);
  });

  test('in a wait begins again with the rest of it', async () => {
    const w = world();
    w.client.faults.push(broken(), broken());
    await w.read({ consistency: 'default', minIndex: 4, waitMs: 16_000 });
    const { MaxQueryTime } = KeyRequest.decodeWire(w.bodies[0] as Uint8Array);
    expect(MaxQueryTime / 1e6).toBeLessThan(16_000);
    expect(MaxQueryTime / 1e6).toBeGreaterThan(15_800);
  });
});

describe('texts of servers', () => {
  test.for([
    ['ACL not found', 403],
    ["Permission denied: token with AccessorID 'x' lacks permission 'key:write' on \"k\"", 403],
    ['rpc error making call: ACL not found', 403],
    ['ACL support disabled', 401],
    ['Query not found', 404],
    ['Service not found: web', 404],
    ['rate limit exceeded for operation that can only be performed by the leader, try again later', 503],
    ['raft apply failed: whatever', 500],
    ['No path to datacenter', 500],
  ] as const)('%s is status %d', async ([text, status]) => {
    const w = world({ servers: oneServer(PEER) });
    w.client.faults.push(refused(text));
    const error = await w.remote.write(KVS.Apply, put).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EndpointError);
    expect(error).toMatchObject({ status, message: `rpc error making call: ${text}` });
  });

  test('an agent that calls more than it may is refused before anything is sent', async () => {
    const w = world({ admits: () => false });
    await expect(w.read()).rejects.toMatchObject({ message: 'RPC rate limit exceeded', status: 429 });
    expect(w.client.calls).toEqual([]);
  });
});

describe('names on the wire', () => {
  test('depend on what is asked', async () => {
    const w = world();
    for (const name of ['ConfigEntry.Apply', 'Operator.RaftRemovePeerByID']) w.caller.written.set(name, true);
    w.caller.views.set('ConfigEntry.List', view(3, []));
    const apply = (Op: string) =>
      w.remote.write(ConfigEntryMethods.Apply, {
        ...who,
        Op,
        Entry: { Kind: 'service-defaults', Name: 'web', CreateIndex: 0, ModifyIndex: 0 },
      });
    for (const op of ['upsert', 'delete', 'delete-cas']) await apply(op);
    for (const [ID, Address] of [
      ['x', ''],
      ['', '10.0.0.1:8300'],
    ] as const) {
      await w.remote.write(Operator.RaftRemovePeer, { ...who, ID, Address });
    }
    for (const Kind of ['mesh', '']) {
      await new Promise<void>((resolve) =>
        w.remote.read(ConfigEntryMethods.List, { ...who, Kind, Filter: '' }, READ_NOW, () => resolve()),
      );
    }
    expect(w.client.calls.map((c) => c.method)).toEqual([
      'ConfigEntry.Apply',
      'ConfigEntry.Delete',
      'ConfigEntry.Delete',
      'Operator.RaftRemovePeerByID',
      'Operator.RaftRemovePeerByAddress',
      'ConfigEntry.List',
      'ConfigEntry.ListAll',
    ]);
    const ops = w.caller.asked.flatMap(({ args }) => (args as { Op?: string }).Op ?? []);
    expect(ops).toEqual(['upsert', 'delete', 'delete-cas']);
  });

  test('servers that take leadership transfers by gRPC alone are asked so', async () => {
    const asked: unknown[] = [];
    let fault: Error | undefined;
    const w = world({
      grpc: async (_peer, path, message) => {
        asked.push(path, hex(message));
        if (fault !== undefined) throw fault;
        return unhex('0801');
      },
    });
    const transfer = (ID: string) => {
      w.client.faults.push(refused("rpc: can't find method Operator.TransferLeader"));
      return w.remote.write(Operator.TransferLeader, { ...who, ID });
    };
    w.client.faults.push(refused('rpc error making call: cannot find peer'));
    // Where gRPC is not needed, the text comes bare as well.
    const bare = w.remote.write(Operator.TransferLeader, { ...who, ID: '' });
    await expect(bare).rejects.toMatchObject({ message: 'cannot find peer' });
    expect(await transfer('ab')).toBe(true);
    expect(asked).toEqual(['/hashicorp.consul.internal.operator.OperatorService/TransferLeader', '0a026162']);
    fault = new GrpcError(GrpcCode.unknown, 'cannot find peer');
    await expect(transfer('')).rejects.toMatchObject({ name: 'EndpointError', message: 'cannot find peer' });
  });

  test('writes name the datacenter of the server: state machines keep it with nodes', async () => {
    const w = world();
    await w.remote.write(KVS.Apply, put);
    await w.remote.write(KVS.Apply, { ...put, Datacenter: 'dc7' });
    expect(w.bodies.map((body) => KVSRequest.decodeWire(body).Datacenter)).toEqual([PEER.datacenter, 'dc7']);
  });

  test('a query near to the asking agent names its node', async () => {
    const w = world();
    w.client.faults.push(refused('Query not found'));
    const args = {
      ...{ ...who, QueryIDOrName: 'q', Limit: 0, Connect: false },
      Agent: { Node: 'n7', Segment: '' },
      Source: { Node: '_agent', Ip: '' },
    };
    const ask = () =>
      new Promise<Error | null>((resolve) => w.remote.read(PreparedQueryMethods.Execute, args, READ_NOW, resolve));
    expect(await ask()).toMatchObject({ status: 404 });
    void ask();
    await Promise.resolve();
    expect(w.caller.asked[0]?.args).toMatchObject({ Source: { Node: 'n7' } });
  });

  test('a config entry of a kind that nobody knows is refused before it is sent', async () => {
    const w = world();
    const Entry = { Kind: 'nonsense', Name: 'x', CreateIndex: 0, ModifyIndex: 0 };
    const answer = w.remote.write(ConfigEntryMethods.Apply, { ...who, Op: 'upsert', Entry });
    await expect(answer).rejects.toMatchObject({ message: 'invalid config entry kind: nonsense' });
    expect(w.client.calls).toEqual([]);
  });
});
