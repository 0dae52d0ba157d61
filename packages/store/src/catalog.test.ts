import {
  ConnectProxyConfig,
  DeregisterRequest,
  HealthCheckDefinition,
  MessageType,
  Node,
  TxnOp,
  TxnRequest,
} from '@proconsul/schema';
import { beforeEach, describe, expect, test } from 'vitest';
import { check, Driver, service } from './testing.ts';

const ID1 = 'aaaaaaaa-1111-1111-1111-111111111111';
const ID2 = 'aaaaaaaa-2222-2222-2222-222222222222';
let d: Driver;
beforeEach(() => {
  d = new Driver();
});
const nodes = () => d.store.catalog.nodes();
const flat = (name: string) => d.store.catalog.serviceNodes({ ServiceName: name });
const health = (name: string) => d.store.health.serviceNodes({ ServiceName: name });

describe('registration', () => {
  test('stores node, service and checks under one index', () => {
    d.register({
      Node: 'n2',
      ID: ID1,
      Service: service('redis', { ID: 'redis1' }),
      Check: check('c', { ServiceID: 'redis1' }),
    });
    expect(d.store.catalog.node('n2')).toMatchObject({ ID: ID1, CreateIndex: 1, ModifyIndex: 1, Datacenter: 'dc1' });
    expect(flat('redis').value[0]).toMatchObject({ ServiceID: 'redis1', CreateIndex: 1, ModifyIndex: 1 });
    expect(d.store.health.nodeChecks('n2').value[0]).toMatchObject({ CreateIndex: 1, ModifyIndex: 1 });
  });

  test('of the same again moves no index and wakes nobody', () => {
    const same = () =>
      d.register({ Node: 'n', Service: service('web', { Tags: ['a'] }), Check: check('c', { ServiceID: 'web' }) });
    same();
    const hash = d.store.stateHash();
    const deps = [
      nodes(),
      flat('web'),
      health('web'),
      d.store.catalog.services(),
      d.store.health.nodeChecks('n'),
    ].flatMap((r) => r.deps);
    expect(d.wakes(deps, same)).toBe(false);
    expect([nodes().index, flat('web').index, d.store.health.checksInState('any').index]).toEqual([1, 1, 1]);
    expect(d.store.stateHash()).not.toBe(hash); // Only the index of the last command is in between.
  });

  test('replaces tagged addresses and metadata, and clears what is not given', () => {
    d.register({ Node: 'n', ID: ID1, TaggedAddresses: { lan: '1' }, NodeMeta: { a: 'b' } });
    d.register({ Node: 'n' });
    expect(d.store.catalog.node('n')).toMatchObject({
      ID: '',
      TaggedAddresses: null,
      Meta: null,
      CreateIndex: 1,
      ModifyIndex: 2,
    });
    expect(d.store.catalog.nodeById(ID1)).toBe(undefined);
  });

  test('with SkipNodeUpdate leaves a known node alone and stores an unknown one', () => {
    d.register({ Node: 'sk', Address: '1.1.1.1', SkipNodeUpdate: true, Service: service('s') });
    d.register({ Node: 'sk', Address: '9.9.9.9', SkipNodeUpdate: true, NodeMeta: { a: 'b' } });
    expect(d.store.catalog.node('sk')).toMatchObject({ Address: '1.1.1.1', Meta: null, ModifyIndex: 1 });
  });

  test('gives a service its id, weights that make sense, and the name it was last registered with', () => {
    d.register({ Node: 'n', Service: service('web', { ID: '', Weights: { Passing: 0, Warning: 3 } }) });
    expect(flat('web').value[0]).toMatchObject({ ServiceID: 'web', ServiceWeights: { Passing: 1, Warning: 1 } });
    d.register({ Node: 'n', Service: service('web', { Weights: { Passing: 5, Warning: 0 } }) });
    expect(flat('web').value[0]?.ServiceWeights).toEqual({ Passing: 5, Warning: 0 });
  });

  test('fills a check in: node, id, status, the parts of its service', () => {
    d.register({
      Node: 'n',
      Service: service('redis', { ID: 'redis1', Tags: ['v1'] }),
      Checks: [check('', { Name: 'c-a', Status: '' }), check('cb', { ServiceID: 'redis1', Status: 'critical' })],
    });
    expect(d.store.health.nodeChecks('n').value).toMatchObject([
      { CheckID: 'c-a', Node: 'n', Status: 'critical', ServiceName: '', ServiceTags: null },
      { CheckID: 'cb', ServiceName: 'redis', ServiceTags: ['v1'] },
    ]);
  });

  test.for([
    ['tcp', { TCP: 'a:1' }],
    ['http', { HTTP: 'http://a' }],
    ['ttl', { TTL: 1e9 }],
    ['grpc', { GRPC: 'a:1' }],
    ['udp', { UDP: 'a:1' }],
    ['h2ping', { H2PING: 'a:1' }],
    ['alias', { AliasService: 'x' }],
    ['docker', { DockerContainerID: 'x' }],
    ['script', { ScriptArgs: ['x'] }],
    ['os_service', { OSService: 'x' }],
    ['', {}],
  ] as const)('infers the type %s of a check from its definition', ([type, given]) => {
    d.register({ Check: check('c', { Definition: HealthCheckDefinition.make(given) }) });
    expect(d.store.catalog.check('n', 'c')?.Type).toBe(type);
  });

  test('of a check for an unknown service is refused with all that came with it', () => {
    const hash = d.store.stateHash();
    const result = d.register({ Node: 'new', Service: service('s'), Check: check('q', { ServiceID: 'ghost' }) });
    expect(result).toEqual({ error: "Unknown service ID 'ghost' for check ID 'q'" });
    expect(nodes()).toMatchObject({ index: 1, value: [] });
    expect(d.store.catalog.services().value).toEqual({});
    d.store.skipTo(1);
    expect(new Driver().store.stateHash()).toBe(hash);
  });

  test('a check without a name is refused, and everything that came with it', () => {
    const lookup = 'failed health check lookup: index error: object is missing a value for this index';
    expect(d.register({ Node: 'n7', Service: service('web'), Checks: [check('a'), check('', { Name: '' })] })).toEqual({
      error: `failed inserting check on node "n7": ${lookup}`,
    });
    expect(d.store.catalog.nodes().value.map(({ Node }) => Node)).not.toContain('n7');
  });

  test('refuses what has no name', () => {
    expect(d.register({ Node: '' })).toEqual({ error: 'Must provide node' });
    expect(d.register({ Service: service('', { ID: 'z' }) })).toEqual({
      error: 'failed inserting service: Must provide service name (Service.Service) when service ID is provided',
    });
  });
});

describe('identity of nodes', () => {
  test('a known id with a new name renames: services and checks are lost, CreateIndex stays', () => {
    d.register({ Node: 'na', ID: ID1, Service: service('rs'), Check: check('rc') });
    const removed: string[] = [];
    d.store.setHooks({ onNodeRemoved: (node) => removed.push(node) });
    d.register({ Node: 'nb', ID: ID1 });
    expect(d.store.catalog.nodeServices('na')).toMatchObject({ value: null, index: 2 });
    expect(d.store.catalog.node('nb')).toMatchObject({ CreateIndex: 1, ModifyIndex: 2 });
    expect(flat('rs')).toMatchObject({ value: [], index: 2 });
    expect(removed).toEqual(['na']);
  });

  test('a known name with another id is taken over, services kept, when no agent is alive behind it', () => {
    d.register({ Node: 'n2', ID: ID1, Service: service('redis') });
    expect(d.register({ Node: 'n2', ID: ID2, Address: '10.3.0.9' })).toBe(null);
    expect(flat('redis').value[0]).toMatchObject({ ID: ID2, Address: '10.3.0.9' });
    expect(flat('redis').index).toBe(2);
    d.register({ Node: 'n2', ID: ID2, Check: check('serfHealth', { Status: 'critical' }) });
    expect(d.register({ Node: 'n2', ID: ID1 })).toBe(null);
  });

  test('and refused when one is', () => {
    d.register({ Node: 'agent-one', ID: ID1, Address: '127.0.0.1', Check: check('serfHealth') });
    expect(d.register({ Node: 'agent-one', ID: ID2, Address: '10.9.9.9' })).toEqual({
      error: `failed inserting node: Error while renaming Node ID: "${ID2}": Node name agent-one is reserved by node ${ID1} with name agent-one (127.0.0.1)`,
    });
  });

  test('an id that moves to a known name leaves its old node behind and takes its CreateIndex along', () => {
    d.register({ Node: 'n2', ID: ID1, Service: service('redis') });
    d.register({ Node: 'n2', ID: ID2 });
    d.register({ Node: 'n2b', ID: ID1 });
    d.register({ Node: 'n2', ID: ID1 });
    expect(nodes().value.map((n) => [n.Node, n.ID, n.CreateIndex, n.ModifyIndex])).toEqual([['n2', ID1, 3, 4]]);
    expect(flat('redis').value[0]?.CreateIndex).toBe(1);
  });

  test('names compare without case, and the last spelling is shown', () => {
    d.register({ Node: 'nb', ID: ID1 });
    d.register({ Node: 'NB', Address: '10.8.0.2' });
    expect(nodes().value).toMatchObject([{ Node: 'NB', ID: '', CreateIndex: 1, ModifyIndex: 2 }]);
    expect(d.store.catalog.nodeServices('nB').value?.Node?.Node).toBe('NB');
  });

  test('a node is not found by its id', () => {
    d.register({ Node: 'n', ID: ID1 });
    expect(d.store.catalog.nodeServices(ID1).value).toBe(null);
  });
});

describe('deregistration', () => {
  beforeEach(() => {
    d.register({ Node: 'n', Service: service('web'), Checks: [check('c', { ServiceID: 'web' }), check('nc')] });
    d.apply(MessageType.CoordinateBatchUpdate, [
      { Node: 'n', Segment: '', Partition: '', Coord: { Vec: [1], Error: 1, Adjustment: 0, Height: 1 } },
    ]);
  });

  test('of a service takes its checks along', () => {
    d.deregister({ Node: 'n', ServiceID: 'web', CheckID: 'nc' });
    expect(d.store.health.nodeChecks('n').value.map((c) => c.CheckID)).toEqual(['nc']);
  });

  test('of a check leaves the rest', () => {
    d.deregister({ Node: 'n', CheckID: 'c' });
    expect(health('web').value[0]?.Checks?.map((c) => c.CheckID)).toEqual(['nc']);
  });

  test('of a node takes services, checks, sessions and coordinates along', () => {
    d.createSession('s', {});
    d.deregister({ Node: 'N' });
    expect(nodes().value).toEqual([]);
    expect(d.store.catalog.services().value).toEqual({});
    expect(d.store.sessions.list().value).toEqual([]);
    expect(d.store.coordinates.list().value).toEqual([]);
    expect(d.store.health.checksInState('any').value).toEqual([]);
  });

  test('of what is not there succeeds and moves nothing', () => {
    const indexes = ['nodes', 'services', 'checks'].map((t) => d.store.tableIndex(t));
    for (const given of [{ Node: 'ghost' }, { Node: 'n', ServiceID: 'x' }, { Node: 'n', CheckID: 'x' }]) {
      expect(d.deregister(given)).toBe(null);
    }
    expect(['nodes', 'services', 'checks'].map((t) => d.store.tableIndex(t))).toEqual(indexes);
  });
});

describe('indexes of catalog reads', () => {
  beforeEach(() => {
    d.register({ Node: 'a', Service: service('web') }); // 1
    d.register({ Node: 'b', Service: service('db') }); // 2
  });

  test('nodes tell the index of the nodes table, which a service on an unchanged node moves without waking anybody', () => {
    const before = nodes();
    expect(d.wakes(before.deps, () => d.register({ Node: 'a', Service: service('more') }))).toBe(false);
    expect(nodes().index).toBe(3);
    expect(d.wakes(before.deps, () => d.register({ Node: 'a', Address: '9.9.9.9' }))).toBe(true);
    expect(nodes().index).toBe(4);
  });

  test('services follow the services table; checks and nodes do not move it, and only names and tags wake it', () => {
    const before = d.store.catalog.services();
    expect(before.value).toEqual({ db: [], web: [] });
    expect(d.wakes(before.deps, () => d.register({ Node: 'a', Check: check('c', { ServiceID: 'web' }) }))).toBe(false);
    expect(d.wakes(before.deps, () => d.register({ Node: 'a', Address: '9.9.9.9' }))).toBe(false);
    expect(d.store.catalog.services().index).toBe(2);
    expect(
      d.wakes(before.deps, () => d.register({ Node: 'a', Address: '9.9.9.9', Service: service('web', { Port: 1 }) })),
    ).toBe(false);
    expect(
      d.wakes(before.deps, () =>
        d.register({ Node: 'a', Address: '9.9.9.9', Service: service('web', { Tags: ['x'] }) }),
      ),
    ).toBe(true);
    expect(d.store.catalog.services()).toMatchObject({ index: 6, value: { db: [], web: ['x'] } });
    expect(d.wakes(before.deps, () => d.deregister({ Node: 'b', ServiceID: 'db' }))).toBe(true);
  });

  test("a service follows its instances, their checks, their nodes and those nodes' checks, and nothing else", () => {
    const changes: [string, () => void][] = [
      ['instance', () => d.register({ Node: 'a', Service: service('web', { Port: 9 }) })],
      ['second instance', () => d.register({ Node: 'b', Service: service('web') })],
      ['check', () => d.register({ Node: 'a', Check: check('c', { ServiceID: 'web' }) })],
      ['node', () => d.register({ Node: 'a', Address: '9.9.9.9' })],
      ['node check', () => d.register({ Node: 'a', Address: '9.9.9.9', Check: check('nc') })],
      ['node check gone', () => d.deregister({ Node: 'a', CheckID: 'nc' })],
      ['instance gone', () => d.deregister({ Node: 'b', ServiceID: 'web' })],
    ];
    for (const [what, change] of changes) {
      for (const read of [flat, health]) expect(d.wakes(read('web').deps, change), what).toBe(read === flat);
      expect([what, flat('web').index, health('web').index]).toEqual([what, d.index - 1, d.index - 1]);
      d.deregister({ Node: 'nothing' });
    }
    const { index, deps } = health('web');
    expect(d.wakes(deps, () => d.register({ Node: 'b', Service: service('db', { Port: 3 }) }))).toBe(false);
    expect(d.wakes(deps, () => d.register({ Node: 'b', Check: check('x') }))).toBe(false);
    expect(health('web').index).toBe(index);
  });

  test('an unknown service follows the last extinction, else the catalog, and sleeps through other services', () => {
    const ghost = flat('ghost');
    expect(ghost).toMatchObject({ index: 2, value: [] });
    expect(d.wakes(ghost.deps, () => d.register({ Node: 'c', Service: service('else') }))).toBe(false);
    d.deregister({ Node: 'b', ServiceID: 'db' });
    expect(flat('ghost').index).toBe(4);
    d.register({ Node: 'c', Service: service('new') });
    expect(flat('ghost').index).toBe(4);
    expect(d.wakes(ghost.deps, () => d.register({ Node: 'c', Service: service('ghost') }))).toBe(true);
  });

  test('the last instance of a service leaves an empty list with a higher index', () => {
    const before = health('db');
    expect(d.wakes(before.deps, () => d.deregister({ Node: 'b' }))).toBe(true);
    expect(health('db')).toMatchObject({ value: [], index: 3 });
  });

  test('a service that changes its name leaves the old one', () => {
    const before = flat('web');
    d.register({ Node: 'a', Service: service('site', { ID: 'web' }) });
    expect(flat('web')).toMatchObject({ value: [], index: 3 });
    expect(before.index).toBeLessThan(3);
    expect(flat('site').value).toHaveLength(1);
  });

  test('a node follows its record and its services; an unknown one the last node that went', () => {
    expect(d.store.catalog.nodeServices('ghost')).toMatchObject({ index: 1, value: null });
    expect(d.store.catalog.nodeServiceList('ghost')).toMatchObject({ index: 1, value: { Node: null, Services: null } });
    const { deps } = d.store.catalog.nodeServices('a');
    expect(d.wakes(deps, () => d.register({ Node: 'a', Service: service('web', { Port: 1 }) }))).toBe(true);
    expect(d.store.catalog.nodeServices('a').index).toBe(3);
    expect(d.wakes(deps, () => d.register({ Node: 'b', Service: service('db', { Port: 1 }) }))).toBe(false);
    d.deregister({ Node: 'b' });
    expect(d.store.catalog.nodeServices('b').index).toBe(5);
    expect(d.store.catalog.nodeServices('ghost').index).toBe(5);
  });

  test('checks by state follow the checks table and wake for their state only', () => {
    const critical = d.store.health.checksInState('critical');
    expect(critical).toMatchObject({ index: 1, value: [] });
    expect(d.wakes(critical.deps, () => d.register({ Node: 'a', Check: check('c') }))).toBe(false);
    expect(d.wakes(critical.deps, () => d.register({ Node: 'a', Check: check('c', { Status: 'critical' }) }))).toBe(
      true,
    );
    expect(d.wakes(critical.deps, () => d.register({ Node: 'a', Check: check('c') }))).toBe(true);
    expect(d.wakes(d.store.health.checksInState('any').deps, () => d.deregister({ Node: 'a', CheckID: 'c' }))).toBe(
      true,
    );
    expect(d.store.health.checksInState('any').index).toBe(6);
    expect(d.store.health.checksInState('sideways').value).toEqual([]);
  });
});

describe('what reads show', () => {
  test('lists are sorted: nodes by name, instances by node and id, checks of the node first', () => {
    d.register({ Node: 'b', Service: service('w', { ID: 'w2' }) });
    d.register({
      Node: 'b',
      Service: service('w', { ID: 'w1' }),
      Checks: [check('z'), check('y', { ServiceID: 'w1' }), check('a')],
    });
    d.register({ Node: 'A', Service: service('W', { ID: 'w9' }) });
    expect(nodes().value.map((n) => n.Node)).toEqual(['A', 'b']);
    expect(flat('w').value.map((s) => [s.Node, s.ServiceID])).toEqual([
      ['A', 'w9'],
      ['b', 'w1'],
      ['b', 'w2'],
    ]);
    expect(health('w').value[1]?.Checks?.map((c) => c.CheckID)).toEqual(['a', 'z', 'y']);
    expect(d.store.health.serviceChecks('w').value.map((c) => c.CheckID)).toEqual(['y']);
    expect(d.store.catalog.services().value).toEqual({ W: [], w: [] });
  });

  test('tags are all needed, compare without case, and the empty tag matches nothing', () => {
    d.register({ Node: 'a', Service: service('w', { Tags: ['Primary', 'v1'] }) });
    d.register({ Node: 'b', Service: service('w', { Tags: ['replica'] }) });
    const tagged = (...ServiceTags: string[]) =>
      d.store.catalog.serviceNodes({ ServiceName: 'w', ServiceTags, TagFilter: true }).value.map((s) => s.Node);
    expect(tagged('primary')).toEqual(['a']);
    expect(tagged('PRIMARY', 'v1')).toEqual(['a']);
    expect(tagged('primary', 'replica')).toEqual([]);
    expect(tagged('')).toEqual([]);
    expect(d.store.catalog.serviceNodes({ ServiceName: 'w', ServiceTags: ['x'], TagFilter: false }).value).toHaveLength(
      2,
    );
  });

  test('node metadata selects, everywhere', () => {
    d.register({ Node: 'a', NodeMeta: { env: 'prod' }, Service: service('w'), Check: check('c', { ServiceID: 'w' }) });
    d.register({
      Node: 'b',
      NodeMeta: { env: 'dev' },
      Service: service('w', { Tags: ['t'] }),
      Check: check('c', { ServiceID: 'w' }),
    });
    const meta = { env: 'dev' };
    expect(nodes().value).toHaveLength(2);
    expect(d.store.catalog.nodes(meta).value.map((n) => n.Node)).toEqual(['b']);
    expect(d.store.catalog.services(meta).value).toEqual({ w: ['t'] });
    expect(d.store.health.serviceNodes({ ServiceName: 'w', NodeMetaFilters: meta }).value).toHaveLength(1);
    expect(d.store.health.serviceChecks('w', meta).value.map((c) => c.Node)).toEqual(['b']);
    expect(d.store.health.checksInState('passing', meta).value.map((c) => c.Node)).toEqual(['b']);
    expect(d.store.catalog.nodes({ env: 'dev', other: '' }).value).toEqual([]);
    const { deps } = d.store.catalog.services(meta);
    expect(d.wakes(deps, () => d.register({ Node: 'a', NodeMeta: meta }))).toBe(true);
  });

  test("passing means that all checks pass, the node's included; no checks pass", () => {
    d.register({ Node: 'a', Service: service('w'), Checks: [check('c', { ServiceID: 'w' }), check('n')] });
    d.register({ Node: 'b', Service: service('w'), Check: check('c', { ServiceID: 'w', Status: 'warning' }) });
    d.register({ Node: 'c', Service: service('w') });
    const passing = () =>
      d.store.health.serviceNodes({ ServiceName: 'w', OnlyPassing: true }).value.map((r) => r.Node?.Node);
    expect(passing()).toEqual(['a', 'c']);
    d.register({ Node: 'a', Check: check('_node_maintenance', { Status: 'critical' }) });
    expect(passing()).toEqual(['c']);
    expect(health('w').value).toHaveLength(3);
  });

  test('a node without services has an empty map and a null list', () => {
    d.register({ Node: 'n' });
    expect(d.store.catalog.nodeServices('n').value?.Services).toEqual({});
    expect(d.store.catalog.nodeServiceList('n').value.Services).toBe(null);
  });

  test('parts that did not change are the same objects in the next answer', () => {
    for (const Node of ['a', 'b', 'c']) d.register({ Node, Service: service('w') });
    const before = health('w').value;
    const flatBefore = flat('w').value;
    d.register({ Node: 'b', Check: check('c', { ServiceID: 'w' }) });
    const after = health('w').value;
    expect([0, 1, 2].map((i) => after[i] === before[i])).toEqual([true, false, true]);
    d.register({ Node: 'b', Address: '9.9.9.9' });
    expect([0, 1, 2].map((i) => flat('w').value[i] === flatBefore[i])).toEqual([true, false, true]);
    expect(before[1]?.Checks).toEqual([]);
  });

  test('what peers let us see is kept apart from what is ours: not read, not mixed up', () => {
    d.register({ Node: 'a', Service: service('w') });
    const before = d.store.stateHash();
    const { deps } = d.store.catalog.nodes();
    const theirs = () => {
      const far = service('w', { PeerName: 'p', Port: 9 });
      expect(d.register({ Node: 'a', PeerName: 'p', Address: '9.9.9.9', Service: far })).toBe(null);
      expect(d.register({ Node: 'a', PeerName: 'p', Check: check('c', { PeerName: 'p', Status: 'critical' }) })).toBe(
        null,
      );
    };
    expect(d.wakes(deps, theirs)).toBe(false);
    expect(d.store.stateHash()).not.toBe(before);
    expect(d.store.health.serviceNodes({ ServiceName: 'w', PeerName: 'p' })).toMatchObject({ index: 1, value: [] });
    expect(d.store.health.serviceNodes({ ServiceName: 'w' }).value).toMatchObject([
      { Node: { PeerName: '' }, Service: { Port: 0 }, Checks: [] },
    ]);
    const op = { Verb: 'delete', Node: Node.make({ Node: 'a', PeerName: 'p' }) };
    d.apply(MessageType.Txn, TxnRequest.make({ Ops: [TxnOp.make({ Node: op })] }));
    d.apply(MessageType.Deregister, DeregisterRequest.make({ Node: 'a', PeerName: 'p' }));
    expect(d.store.catalog.nodes().value).toMatchObject([{ Node: 'a', PeerName: '' }]);
    expect(d.store.catalog.service('a', 'w')).toBeDefined();
  });

  test('a mesh proxy of a peer has a virtual address of its own, next to that of our service of the name', () => {
    const proxy = (PeerName: string) =>
      service('w-proxy', {
        PeerName,
        Kind: 'connect-proxy',
        Proxy: { ...service('x').Proxy, DestinationServiceName: 'w' },
      });
    d.register({ Node: 'a', Service: proxy('') });
    d.register({ Node: 'a', PeerName: 'p', Service: proxy('p') });
    d.register({ Node: 'b', Service: service('v', { Connect: { Native: true, PeerMeta: null } }) });
    expect(d.store.sizes()['service-virtual-ips']?.rows).toBe(3);
    expect(d.store.catalog.service('b', 'v')?.TaggedAddresses?.['consul-virtual']?.Address).toBe('240.0.0.3');
  });

  test('dumps show everything, by kind too', () => {
    d.register({ Node: 'a', Service: service('w'), Checks: [check('c', { ServiceID: 'w' }), check('n')] });
    d.register({ Node: 'b', Service: service('gw', { Kind: 'mesh-gateway' }) });
    expect(d.store.catalog.nodeDump().value.map((n) => [n.Node, n.Services?.length, n.Checks?.length])).toEqual([
      ['a', 1, 2],
      ['b', 1, 0],
    ]);
    expect(d.store.catalog.nodeInfo('A').value).toHaveLength(1);
    expect(d.store.catalog.nodeInfo('x').value).toEqual([]);
    expect(d.store.catalog.serviceDump().value).toHaveLength(2);
    const typical = d.store.catalog.serviceDump('');
    expect(typical.value.map((r) => r.Service?.ID)).toEqual(['w']);
    expect(
      d.wakes(typical.deps, () => d.register({ Node: 'b', Service: service('gw', { Kind: 'mesh-gateway', Port: 1 }) })),
    ).toBe(false);
    expect(d.wakes(typical.deps, () => d.register({ Node: 'a', Service: service('w', { Port: 1 }) }))).toBe(true);
  });

  test('usage counts', () => {
    d.register({ Node: 'a', Service: service('consul') });
    d.register({ Node: 'a', Service: service('w', { Connect: { Native: true, PeerMeta: null } }) });
    d.register({ Node: 'b', Service: service('p', { Kind: 'connect-proxy' }) });
    // A kind of nobody's knowledge counts as none of them.
    d.register({ Node: 'b', Service: service('o', { Kind: 'odd' }) });
    const { ConnectServiceInstances, ...counts } = d.store.catalog.usage().value;
    expect(counts).toEqual({ Nodes: 2, Services: 4, ServiceInstances: 4, BillableServiceInstances: 1 });
    expect(ConnectServiceInstances).toEqual({
      ...{ 'connect-proxy': 1, 'connect-native': 1, 'api-gateway': 0, 'ingress-gateway': 0 },
      ...{ 'mesh-gateway': 0, 'terminating-gateway': 0 },
    });
  });
});

describe('mesh proxies', () => {
  const proxy = (name: string, destination: string, Port = 1) =>
    service(name, {
      Kind: 'connect-proxy',
      Port,
      Proxy: ConnectProxyConfig.make({ DestinationServiceName: destination }),
    });
  const native = (name: string) => service(name, { Port: 1, Connect: { Native: true, PeerMeta: null } });
  const connect = (ServiceName: string) => d.store.catalog.serviceNodes({ ServiceName, Connect: true });
  const tagged = (node: string, id: string) => d.store.catalog.service(node, id)?.TaggedAddresses?.['consul-virtual'];

  test('stand for their destination, together with native instances', () => {
    d.register({ Node: 'n3', Service: service('redis') });
    d.register({ Node: 'n3', Service: proxy('redis-proxy', 'Redis') });
    d.register({ Node: 'n4', Service: native('redis') });
    expect(connect('redis').value.map((s) => s.ServiceID)).toEqual(['redis-proxy', 'redis']);
    expect(d.store.health.serviceNodes({ ServiceName: 'REDIS', Connect: true }).value).toHaveLength(2);
  });

  test('get a virtual address when they register; it is given out once and counted on', () => {
    d.register({ Node: 'n', Service: proxy('rp', 'redis') });
    d.register({ Node: 'm', Service: proxy('rp', 'redis', 7) });
    d.register({ Node: 'n', Service: native('nat') });
    expect(tagged('n', 'rp')).toEqual({ Address: '240.0.0.1', Port: 1 });
    expect(tagged('m', 'rp')).toEqual({ Address: '240.0.0.1', Port: 7 });
    expect(tagged('n', 'nat')).toEqual({ Address: '240.0.0.2', Port: 1 });
  });

  test('the address goes with the last instance of the service, and the newest freed one is given out first', () => {
    for (const name of ['a', 'b', 'c', 'd']) d.register({ Node: 'n', Service: native(name) });
    for (const ServiceID of ['b', 'a', 'd']) d.deregister({ Node: 'n', ServiceID });
    d.register({ Node: 'n', Service: native('e') });
    d.register({ Node: 'n', Service: native('f') });
    expect([tagged('n', 'e')?.Address, tagged('n', 'f')?.Address]).toEqual(['240.0.0.4', '240.0.0.5']);
  });

  test('a proxy that goes leaves the address to its destination', () => {
    d.register({ Node: 'n', Service: proxy('rp', 'redis') });
    d.deregister({ Node: 'n', ServiceID: 'rp' });
    d.register({ Node: 'n', Service: proxy('other', 'else') });
    d.register({ Node: 'n', Service: proxy('rp', 'redis') });
    expect(tagged('n', 'rp')?.Address).toBe('240.0.0.1');
    expect(tagged('n', 'other')?.Address).toBe('240.0.0.2');
  });

  test('wake and move the index of their destination; the plain index stays with the service behind them', () => {
    d.register({ Node: 'n', Service: service('redis') }); // 1
    const empty = connect('redis');
    expect(empty).toMatchObject({ value: [], index: 1, plainIndex: 1 });
    expect(d.wakes(empty.deps, () => d.register({ Node: 'n', Service: proxy('rp', 'redis') }))).toBe(true); // 2
    expect(connect('redis')).toMatchObject({ index: 2, plainIndex: 1 });
    const { deps } = connect('redis');
    expect(d.wakes(deps, () => d.register({ Node: 'n', Service: proxy('op', 'other') }))).toBe(false);
    expect(d.wakes(deps, () => d.register({ Node: 'n', Service: proxy('rp', 'redis', 3) }))).toBe(true);
    expect(connect('redis').index).toBe(4);
    expect(d.wakes(deps, () => d.register({ Node: 'n', Service: proxy('rp', 'elsewhere', 3) }))).toBe(true);
    expect(connect('redis')).toMatchObject({ value: [], index: 5 });
  });

  test('an instance that stops being native leaves the mesh', () => {
    d.register({ Node: 'n', Service: native('w') });
    expect(connect('w').value).toHaveLength(1);
    const { deps } = connect('w');
    expect(d.wakes(deps, () => d.register({ Node: 'n', Service: service('w', { Port: 1 }) }))).toBe(true);
    expect(connect('w').value).toEqual([]);
  });
});

describe('coordinates', () => {
  const Coord = { Vec: [1, 2], Error: 1.5, Adjustment: 0, Height: 1e-5 };
  const update = (Node: string, given = Coord) =>
    d.apply(MessageType.CoordinateBatchUpdate, [{ Node, Segment: '', Partition: '', Coord: given }]);

  test('of registered nodes are kept; others are passed over', () => {
    d.register({ Node: 'n' });
    update('n');
    update('ghost');
    expect(d.store.coordinates.list()).toMatchObject({ index: 2, value: [{ Node: 'n', Coord }] });
    expect(d.store.coordinates.ofNode('N').value).toHaveLength(1);
  });

  test('wake who reads them, and only for a change', () => {
    d.register({ Node: 'n' });
    d.register({ Node: 'm' });
    update('n');
    const { deps } = d.store.coordinates.ofNode('n');
    expect(d.wakes(deps, () => update('m'))).toBe(false);
    expect(d.wakes(deps, () => update('n'))).toBe(false);
    expect(d.wakes(deps, () => update('n', { ...Coord, Height: 2 }))).toBe(true);
  });
});
