import { seededRng } from '@proconsul/base';
import {
  type Caller,
  Catalog,
  type CommonArgs,
  ConfigEntryMethods,
  ConnectCA,
  CoordinateMethods,
  FederationState,
  Health,
  Internal,
  KVS,
  Operator,
  PreparedQueryMethods,
  READ_NOW,
  type ReadMeta,
  type ReadMethod,
  type ReadOptions,
  SessionMethods,
  Status,
  Txn,
  type View,
  type WriteMethod,
} from '@proconsul/endpoints';
import { oneServer as atPeer, RemoteCaller, serveCalls } from '@proconsul/rpc';
import {
  AutopilotConfig,
  Coord,
  DirEntry,
  HealthCheck,
  KVSRequest,
  NodeService,
  PreparedQuery,
  PreparedQueryRequest,
  RegisterRequest,
  Session,
  SessionRequest,
  TxnOp,
} from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { LoopClient, PEER } from '../packages/rpc/src/testing/loop-client.ts';
import { oneServer } from '../packages/server/src/testing/one-server.ts';

const who = { Datacenter: '', Token: '' };
const bytes = (text: string) => new TextEncoder().encode(text);

function world() {
  const w = oneServer();
  const client = new LoopClient(serveCalls(w.server));
  const remote = new RemoteCaller({
    client,
    servers: atPeer(PEER),
    clock: w.clock,
    rng: seededRng('loop'),
    holdTimeoutMs: 7000,
    callTimeoutMs: 60_000,
  });
  return { ...w, client, remote };
}

/** Rows of the tables look like the entries that they are. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const names = 'packed' in value ? DirEntry.fieldNames : Object.keys(value);
  return Object.fromEntries(names.map((name) => [name, plain((value as Record<string, unknown>)[name])]));
}

interface Told {
  readonly error: string;
  readonly value: unknown;
  readonly index: number;
  /** Null beside an error. */
  readonly meta: ReadMeta | null;
}

const asks =
  (caller: Caller) =>
  <A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A, options: ReadOptions = READ_NOW): Promise<Told> =>
    new Promise((resolve) => {
      caller.read(method, args, options, (error: Error | null, view: View<T> | null, meta: ReadMeta) => {
        const text = error?.message.replace(/^rpc error making call: /, '') ?? '';
        const { knownLeader, lastContactMs } = meta;
        const told = error === null ? { knownLeader, lastContactMs } : null;
        resolve({ error: text, value: plain(view?.value ?? null), index: view?.index ?? 0, meta: told });
      });
    });

/** Two servers that get the same changes, one of them from far away. */
async function filled() {
  const [near, far] = [world(), world()];
  const write = async <A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R> => {
    const outcome = async (caller: Caller) => {
      try {
        return { done: await caller.write(method, args) };
      } catch (error) {
        return { error: (error as Error).message.replace(/^rpc error making call: /, '') };
      }
    };
    const [direct, looped] = [await outcome(near.server), await outcome(far.remote)];
    expect(looped).toEqual(direct);
    return direct.done as R;
  };
  const Check = HealthCheck.make({ Node: 'n1', CheckID: 'c', Name: 'c', Status: 'warning', ServiceID: 'web1' });
  const Service = NodeService.make({
    ID: 'web1',
    Service: 'web',
    Tags: ['a', 'b'],
    Port: 80,
    Meta: { k: 'v' },
    Weights: { Passing: 3, Warning: 1 },
  });
  const proxy = NodeService.make({
    Kind: 'connect-proxy',
    ID: 'p1',
    Service: 'web-proxy',
    Port: 81,
    Proxy: { ...NodeService.zero().Proxy, DestinationServiceName: 'web', Config: { n: 1, f: 1.5, l: ['x', null] } },
  });
  const base = { Node: 'n1', Address: '10.0.0.1', NodeMeta: { rack: 'r1' } };
  await write(Catalog.Register, RegisterRequest.make({ ...base, Service, Check }));
  await write(Catalog.Register, RegisterRequest.make({ ...base, Service: proxy }));
  await write(Catalog.Register, RegisterRequest.make({ Node: 'n2', Address: '10.0.0.2' }));
  await write(Catalog.Register, RegisterRequest.make({ Address: '10.0.0.2' }));
  const kv = (Op: string, entry: Partial<DirEntry>) =>
    write(KVS.Apply, KVSRequest.make({ Op, DirEnt: DirEntry.make(entry) }));
  await kv('set', { Key: 'a/b', Value: bytes('1'), Flags: 42 });
  await kv('set', { Key: 'a/c/d', Value: new Uint8Array([0, 255, 128]), Flags: 2n ** 63n });
  await kv('cas', { Key: 'a/b', Value: bytes('2'), ModifyIndex: 1 });
  await kv('delete', { Key: 'nothing' });
  await kv('set', { Key: '' });
  await kv('no-such', { Key: 'x' });
  const id = await write(
    SessionMethods.Apply,
    SessionRequest.make({ Op: 'create', Session: Session.make({ Node: 'n1', TTL: '30s', NodeChecks: [] }) }),
  );
  await kv('lock', { Key: 'lock', Session: id });
  await kv('lock', { Key: 'lock', Session: id.replace(/^./, '0') });
  await write(SessionMethods.Renew, { ...who, SessionID: id });
  await write(SessionMethods.Renew, { ...who, SessionID: id.replace(/^./, '0') });
  const KV = { Verb: 'set', DirEnt: DirEntry.make({ Key: 't', Value: bytes('t') }) };
  await write(Txn.Apply, { ...who, Ops: [TxnOp.make({ KV })] });
  await write(Txn.Apply, { ...who, Ops: [TxnOp.make({ KV: { ...KV, Verb: 'check-not-exists' } })] });
  const coordinate = Coord.make({ Vec: [1, 2, 3, 4, 5, 6, 7, 8], Error: 1.5, Height: 1e-5 });
  await write(CoordinateMethods.Update, { ...who, Node: 'n1', Segment: '', Partition: '', Coord: coordinate });
  await write(CoordinateMethods.Update, { ...who, Node: 'n1', Segment: '', Partition: '', Coord: null });
  const Query = PreparedQuery.make({
    Name: 'q',
    Service: { ...PreparedQuery.zero().Service, Service: 'web', Near: '_agent' },
  });
  const queryId = await write(PreparedQueryMethods.Apply, PreparedQueryRequest.make({ Op: 'create', Query }));
  await write(PreparedQueryMethods.Apply, PreparedQueryRequest.make({ Op: 'update', Query }));
  const apply = (Op: string, Entry: Record<string, unknown>) =>
    write(ConfigEntryMethods.Apply, { ...who, Op, Entry: Entry as never });
  await apply('upsert', { Kind: 'service-defaults', Name: 'web', Protocol: 'http', Meta: { a: 'b' } });
  await apply('upsert', { Kind: 'service-defaults', Name: 'api', Protocol: 'http' });
  await apply('upsert', { Kind: 'proxy-defaults', Name: 'global', Config: { n: 1, s: 'x', o: { b: true } } });
  await apply('upsert-cas', { Kind: 'service-defaults', Name: 'api', Protocol: 'tcp', ModifyIndex: 1 });
  await apply('upsert', { Kind: 'mesh', TransparentProxy: { MeshDestinationsOnly: true } });
  await apply('delete', { Kind: 'service-defaults', Name: 'api' });
  await apply('delete-cas', { Kind: 'service-defaults', Name: 'web', ModifyIndex: 1 });
  await apply('upsert', {
    Kind: 'terminating-gateway',
    Name: 'gw',
    Services: [{ Name: 'web', SNI: 's' }, { Name: '*' }],
  });
  await apply('upsert', { Kind: 'service-splitter', Name: 'web', Splits: [{ Weight: 10 }, { Weight: 90 }] });
  const Config = AutopilotConfig.make({ LastContactThreshold: 3e8, MaxTrailingLogs: 500 });
  await write(Operator.AutopilotSetConfiguration, { ...who, CAS: false, Config });
  await write(Operator.AutopilotSetConfiguration, { ...who, CAS: true, Config });
  await write(Operator.RaftRemovePeer, { ...who, ID: 'nobody', Address: '' });
  await write(Operator.RaftRemovePeer, { ...who, ID: '', Address: '10.9.9.9:1' });
  await write(Operator.TransferLeader, { ...who, ID: '' });
  for (const w of [near, far]) await w.clock.advance(10_000);
  return { near, far, id, queryId };
}

const list = { ...who, NodeMetaFilters: null, Filter: '', Source: null };
const service = {
  ...list,
  ServiceName: 'web',
  ServiceTags: [] as string[],
  TagFilter: false,
  Connect: false,
  Ingress: false,
  PeerName: '',
  OnlyPassing: false,
  MergeCentralConfig: false,
};
const kinds = { ...list, ServiceKind: '', UseServiceKind: false, NodesOnly: false };

type Question = readonly [ReadMethod<never, unknown>, CommonArgs & Record<string, unknown>];

const questions = (id: string, queryId: string): readonly Question[] =>
  [
    [Catalog.ListNodes, list],
    [Catalog.ListNodes, { ...list, NodeMetaFilters: { rack: 'r1' }, Filter: 'Node == "n1"' }],
    [Catalog.ListNodes, { ...list, Filter: 'no == ' }],
    [Catalog.ListNodes, { ...list, Source: { Datacenter: 'dc1', Node: 'n2', Segment: '', Ip: '' } }],
    [Catalog.ListServices, list],
    [Catalog.ServiceNodes, service],
    [Catalog.ServiceNodes, { ...service, ServiceTags: ['A', 'b'], TagFilter: true }],
    [Catalog.ServiceNodes, { ...service, ServiceName: 'nobody' }],
    [Catalog.ServiceNodes, { ...service, Connect: true }],
    [Catalog.NodeServices, { ...who, Node: 'n1', Filter: '' }],
    [Catalog.NodeServices, { ...who, Node: 'nobody', Filter: '' }],
    [Catalog.NodeServiceList, { ...who, Node: 'n1', Filter: '', MergeCentralConfig: false }],
    [Catalog.NodeServiceList, { ...who, Node: 'nobody', Filter: '', MergeCentralConfig: false }],
    [Catalog.ListDatacenters, who],
    [Catalog.GatewayServices, { ...who, ServiceName: 'gw' }],
    [Health.NodeChecks, { ...who, Node: 'n1', Filter: '' }],
    [Health.ServiceChecks, service],
    [Health.ChecksInState, { ...list, State: 'any' }],
    [Health.ServiceNodes, service],
    [Health.ServiceNodes, { ...service, OnlyPassing: true }],
    [Health.ServiceNodes, { ...service, ExceptCritical: true }],
    [KVS.Get, { ...who, Key: 'a/b' }],
    [KVS.Get, { ...who, Key: 'a/c/d' }],
    [KVS.Get, { ...who, Key: 'nothing' }],
    [KVS.List, { ...who, Key: 'a/' }],
    [KVS.List, { ...who, Key: 'z/' }],
    [KVS.ListKeys, { ...who, Prefix: '', Seperator: '/' }],
    [KVS.ListKeys, { ...who, Prefix: 'z', Seperator: '' }],
    [SessionMethods.Get, { ...who, SessionID: id }],
    [SessionMethods.List, who],
    [SessionMethods.NodeSessions, { ...who, Node: 'n1' }],
    [Txn.Read, { ...who, Ops: [TxnOp.make({ KV: { Verb: 'get', DirEnt: DirEntry.make({ Key: 'a/b' }) } })] }],
    [Txn.Read, { ...who, Ops: [TxnOp.make({ KV: { Verb: 'get', DirEnt: DirEntry.make({ Key: 'no' }) } })] }],
    [CoordinateMethods.ListDatacenters, who],
    [CoordinateMethods.ListNodes, list],
    [CoordinateMethods.Node, { ...who, Node: 'n1' }],
    [Status.Leader, who],
    [Status.Peers, who],
    [Operator.RaftGetConfiguration, who],
    [Operator.AutopilotGetConfiguration, who],
    [Operator.ServerHealth, who],
    [Operator.AutopilotState, who],
    [Operator.Usage, { ...who, Global: false }],
    [Internal.NodeDump, list],
    [Internal.NodeInfo, { ...who, Node: 'n1', Filter: '' }],
    [Internal.ServiceDump, kinds],
    [Internal.ServiceDump, { ...kinds, ServiceKind: 'connect-proxy', UseServiceKind: true }],
    [Internal.CatalogOverview, who],
    [PreparedQueryMethods.List, who],
    [PreparedQueryMethods.Get, { ...who, QueryID: queryId }],
    [PreparedQueryMethods.Get, { ...who, QueryID: queryId.replace(/^./, '0') }],
    [
      PreparedQueryMethods.Execute,
      {
        ...who,
        QueryIDOrName: 'q',
        Limit: 0,
        Connect: false,
        Agent: { Node: 'n1', Segment: '' },
        Source: { Node: '', Ip: '' },
      },
    ],
    [
      PreparedQueryMethods.Explain,
      {
        ...who,
        QueryIDOrName: queryId,
        Limit: 0,
        Connect: false,
        Agent: { Node: 'n1', Segment: '' },
        Source: { Node: '_agent', Ip: '' },
      },
    ],
    [ConfigEntryMethods.Get, { ...who, Kind: 'service-defaults', Name: 'web' }],
    [ConfigEntryMethods.Get, { ...who, Kind: 'proxy-defaults', Name: 'global' }],
    [ConfigEntryMethods.Get, { ...who, Kind: 'mesh', Name: 'mesh' }],
    [ConfigEntryMethods.Get, { ...who, Kind: 'service-splitter', Name: 'nobody' }],
    [ConfigEntryMethods.Get, { ...who, Kind: 'no-such-kind', Name: 'x' }],
    [ConfigEntryMethods.List, { ...who, Kind: 'service-splitter', Filter: '' }],
    [ConfigEntryMethods.List, { ...who, Kind: 'service-defaults', Filter: 'Name == "web"' }],
    [ConfigEntryMethods.List, { ...who, Kind: '', Filter: '' }],
    [
      ConfigEntryMethods.ResolveServiceConfig,
      {
        ...{ ...who, Name: 'web', Mode: 'transparent', MeshGateway: { Mode: 'local' } },
        UpstreamServiceNames: [{ ServiceName: { Name: 'api' }, Peer: '' }],
      },
    ],
    [FederationState.List, who],
    [FederationState.Get, { ...who, Target: 'dc1' }],
    [ConnectCA.Roots, who],
    [ConnectCA.ConfigurationGet, who],
  ] as unknown as readonly Question[];

describe('a caller far away', () => {
  test('changes and reads the same as one on the server', async () => {
    const { near, far, id, queryId } = await filled();
    for (const [method, args] of questions(id, queryId)) {
      const what = `${method.name} ${JSON.stringify(args)}`;
      const direct = await asks(near.server)(method, args as never);
      const looped = await asks(far.remote)(method, args as never);
      expect.soft({ what, ...looped }).toEqual({ what, ...direct });
    }
  });
});
