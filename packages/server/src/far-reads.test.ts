import {
  type Caller,
  Catalog,
  EndpointError,
  KVS,
  Operator,
  PreparedQueryMethods,
  type QueryExecuteReply,
  READ_NOW,
  type Usage,
} from '@proconsul/endpoints';
import {
  DirEntry,
  KVSRequest,
  NodeService,
  PreparedQuery,
  PreparedQueryRequest,
  RegisterRequest,
} from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { readOnce } from './read-once.ts';
import { oneServer } from './testing/one-server.ts';

const who = { Datacenter: '', Token: '' };
type Failover = PreparedQuery['Service']['Failover'];

/** A server of dc1 that knows dc2, dc3 (all of whose servers have failed) and dc4, whose connection breaks. */
function world() {
  const far = oneServer({ datacenter: 'dc2' });
  const broken = {
    ...far.server,
    read: (_m: unknown, _a: unknown, _o: unknown, done: (e: Error, v: null, meta: object) => void) => {
      done(new Error('rpc error getting client: connection refused'), null, {});
      return () => {};
    },
  } as unknown as Caller;
  const callers: Record<string, Caller | 'unreachable'> = { dc2: far.server, dc3: 'unreachable', dc4: broken };
  const here = oneServer({ callers, datacenters: () => ['dc1', 'dc4', 'dc3', 'dc2'] });
  const query = (Failover: Partial<Failover>) => {
    const full = { NearestN: 0, Datacenters: null, Targets: null, ...Failover };
    const zero = PreparedQuery.zero();
    const Query = { ...zero, Name: 'q', Service: { ...zero.Service, Service: 'web', Failover: full } };
    return here.server.write(PreparedQueryMethods.Apply, PreparedQueryRequest.make({ Op: 'create', Query }));
  };
  const web = (w: typeof here, Node: string) =>
    w.server.write(
      Catalog.Register,
      RegisterRequest.make({ Node, Address: '10.0.0.1', Service: NodeService.make({ Service: 'web' }) }),
    );
  const args = {
    ...{ ...who, QueryIDOrName: 'q', Limit: 0, Connect: false },
    ...{ Agent: { Node: 'a', Segment: '' }, Source: { Node: '', Ip: '' } },
  };
  const execute = () => readOnce(here.server, PreparedQueryMethods.Execute, args);
  return { here, far, query, web, args, execute };
}
const brief = (r: QueryExecuteReply) => [r.Datacenter, r.Failovers, r.Nodes.map((n) => n.Node?.Node)];

describe('a query without instances here', () => {
  test('goes on to the next datacenter that has some; those that fail count as tried', async () => {
    const w = world();
    await w.query({ Datacenters: ['dc9', 'dc4', 'dc3', 'dc2'] });
    await w.web(w.far, 'far');
    expect(brief(await w.execute())).toEqual(['dc2', 3, ['far']]);
  });

  test('goes to the nearest ones first, to each once', async () => {
    const w = world();
    await w.query({ NearestN: 2, Datacenters: ['dc4', 'dc2'] });
    await w.web(w.far, 'far');
    expect(brief(await w.execute())).toEqual(['dc2', 3, ['far']]);
  });

  test('takes targets in their order, peers among them', async () => {
    const w = world();
    const target = (Peer: string, Datacenter: string) => ({ Peer, Datacenter });
    await w.query({ Targets: [target('', 'dc1'), target('p', ''), target('', 'dc2')] as Failover['Targets'] });
    await w.web(w.far, 'far');
    expect(brief(await w.execute())).toEqual(['dc2', 2, ['far']]);
  });

  test('names the last datacenter that answered when nobody has any', async () => {
    const w = world();
    await w.query({ Datacenters: ['dc2', 'dc4'] });
    expect(brief(await w.execute())).toEqual(['dc2', 2, []]);
    const other = world();
    await other.query({ Datacenters: ['dc4', 'dc9'] });
    expect(brief(await other.execute())).toEqual(['dc1', 1, []]);
  });

  test('tells the last peer when it ends at one', async () => {
    const w = world();
    await w.query({ Targets: [{ Peer: 'a', Datacenter: '' }] as Failover['Targets'] });
    expect(await w.execute()).toMatchObject({ Nodes: [], Failovers: 1, PeerName: 'a', Datacenter: '' });
  });

  test('is not answered at once, but one with instances is', async () => {
    const w = world();
    await w.query({ Datacenters: ['dc2'] });
    expect(w.here.server.peek(PreparedQueryMethods.Execute, w.args)).toBeUndefined();
    await w.web(w.here, 'near');
    const reply = w.here.server.peek(PreparedQueryMethods.Execute, w.args)?.value as QueryExecuteReply;
    expect(brief(reply)).toEqual(['dc1', 0, ['near']]);
  });

  test('that is cancelled tells nothing', async () => {
    const w = world();
    await w.query({ Datacenters: ['dc2'] });
    let told = 0;
    w.here.server.read(PreparedQueryMethods.Execute, w.args, READ_NOW, () => told++)();
    await w.execute();
    expect(told).toBe(0);
  });
});

test('usage of all datacenters leaves out those that cannot be asked', async () => {
  const w = world();
  await w.web(w.far, 'far');
  const usage = (Global: boolean) => readOnce(w.here.server, Operator.Usage, { ...who, Global });
  const counts = (all: Readonly<Record<string, Usage>>) => Object.entries(all).map(([dc, u]) => [dc, u.Services]);
  expect(counts(await usage(true))).toEqual([
    ['dc1', 0],
    ['dc2', 1],
  ]);
  expect(counts(await usage(false))).toEqual([['dc1', 0]]);
});

describe('calls for another datacenter', () => {
  const put = (w: ReturnType<typeof world>, Datacenter: string) =>
    w.here.server.write(KVS.Apply, KVSRequest.make({ Datacenter, Op: 'set', DirEnt: DirEntry.make({ Key: 'k' }) }));

  test('go there', async () => {
    const w = world();
    expect(await put(w, 'dc2')).toBe(true);
    const get = (Datacenter: string) => readOnce(w.here.server, KVS.Get, { Datacenter, Token: '', Key: 'k' });
    expect([(await get('dc2'))?.Key, await get('dc1')]).toEqual(['k', null]);
    expect(w.here.server.peek(KVS.Get, { Datacenter: 'dc2', Token: '', Key: 'k' })).toBeUndefined();
  });

  test.for([
    ['dc9', 'No path to datacenter'],
    ['dc3', 'Remote DC has no server currently reachable'],
  ] as const)('fail at once where there is no way: %s', async ([dc, text]) => {
    const w = world();
    await expect(put(w, dc)).rejects.toThrow(text);
    const read = readOnce(w.here.server, KVS.Get, { Datacenter: dc, Token: '', Key: 'k' });
    await expect(read).rejects.toThrow(new EndpointError('', text).message);
  });
});
