import { encodeAny } from '@proconsul/msgpack';
import {
  AutopilotConfig,
  AutopilotSetConfigRequest,
  MessageType,
  PreparedQuery,
  PreparedQueryRequest,
  SystemMetadataEntry,
  SystemMetadataRequest,
} from '@proconsul/schema';
import { beforeEach, describe, expect, test } from 'vitest';
import { Driver, service } from './testing.ts';

let d: Driver;
beforeEach(() => {
  d = new Driver();
});

describe('prepared queries', () => {
  const apply = (Op: string, ID: string, given: Partial<PreparedQuery> = {}) =>
    d.apply(MessageType.PreparedQuery, PreparedQueryRequest.make({ Op, Query: PreparedQuery.make({ ID, ...given }) }));

  test('are created, updated in place, read by id and listed', () => {
    expect(apply('create', 'q1', { Name: 'a' })).toBe(null);
    apply('update', 'q1', { Name: 'b' });
    expect(d.store.queries.get('q1').value).toMatchObject([{ Name: 'b', CreateIndex: 1, ModifyIndex: 2 }]);
    expect([d.store.queries.named('a'), d.store.queries.named('b')?.ID]).toEqual([undefined, 'q1']);
    apply('delete', 'q1');
    apply('delete', 'q1');
    expect(d.store.queries.list()).toMatchObject({ value: [], index: 3 });
  });

  test('have names of their own', () => {
    const id = '7b611885-7de4-9bba-d3bb-816f2dfca4a3';
    apply('create', id, { Name: 'pq' });
    expect(apply('create', 'q2', { Name: 'pq' })).toEqual({ error: "name 'pq' aliases an existing query name" });
    expect(apply('create', 'q2', { Name: id })).toEqual({ error: `name '${id}' aliases an existing query ID` });
    expect(apply('update', id, { Name: 'pq' })).toBe(null);
  });

  test('bound to a session go with it', () => {
    expect(apply('create', 'q', { Session: 'zz' })).toEqual({ error: 'invalid session "zz"' });
    d.register({});
    d.createSession('s', {});
    apply('create', 'q', { Session: 's' });
    const { deps } = d.store.queries.get('q');
    expect(d.wakes(deps, () => d.destroySession('s'))).toBe(true);
    expect(d.store.queries.list().value).toEqual([]);
  });

  test('wake their own readers', () => {
    apply('create', 'q1');
    const { deps } = d.store.queries.get('q1');
    expect(d.wakes(deps, () => apply('create', 'q2'))).toBe(false);
    expect(d.wakes(deps, () => apply('update', 'q1', { Name: 'x' }))).toBe(true);
    expect(apply('explode', 'q1')).toHaveProperty('error');
  });
});

describe('config entries', () => {
  const apply = (Op: string, Entry: Record<string, unknown>) => d.apply(MessageType.ConfigEntry, { Op, Entry });
  const web = { Kind: 'service-defaults', Name: 'web', Protocol: 'http' };

  test('are stored whole, with kind, name and indexes', () => {
    expect(apply('upsert', web)).toBe(true);
    expect(d.store.config.get('service-defaults', 'web').value).toEqual({ ...web, CreateIndex: 1, ModifyIndex: 1 });
    expect(d.store.config.get('service-defaults', 'ghost')).toMatchObject({ value: null, index: 1 });
  });

  test('the same again is written again: leaders leave it out, and those of the reference do not always', () => {
    apply('upsert', web);
    const { deps } = d.store.config.list('service-defaults');
    expect(d.wakes(deps, () => apply('upsert', web))).toBe(true);
    expect(d.store.config.get('service-defaults', 'web').value).toMatchObject({ CreateIndex: 1, ModifyIndex: 2 });
  });

  test('what cannot be reached consistently is refused by the state machine, whoever leads', () => {
    const split = { Kind: 'service-splitter', Name: 'tcp', Splits: [{ Weight: 100, Service: 'tcp' }] };
    expect(apply('upsert', split)).toMatchObject({
      error: expect.stringContaining('does not permit advanced routing'),
    });
    expect(d.store.config.get('service-splitter', 'tcp').value).toBe(null);
    apply('upsert', web);
    expect(apply('upsert', { ...split, Name: 'web', Splits: [{ Weight: 100, Service: 'web' }] })).toBe(true);
    expect(apply('delete', web)).toHaveProperty('error');
    expect(d.store.config.get('service-defaults', 'web').value).not.toBe(null);
  });

  test('rings are told from the entry that closes them', () => {
    apply('upsert', { Kind: 'service-resolver', Name: 'c1', Redirect: { Service: 'c2' } });
    expect(apply('upsert', { Kind: 'service-resolver', Name: 'c2', Redirect: { Service: 'c1' } })).toEqual({
      error:
        'detected circular resolver redirect: [c2.default.default.dc1 -> c1.default.default.dc1 -> c2.default.default.dc1]',
    });
  });

  test('what peers are let see stays here', () => {
    const exported = (Name: string) => ({
      Kind: 'exported-services',
      Name: 'default',
      Services: [{ Name, Consumers: [{ Peer: 'far' }] }],
    });
    apply('upsert', { Kind: 'service-resolver', Name: 'e', Failover: { '*': { Datacenters: ['dc2'] } } });
    const error = 'peer exported service "e" contains cross-datacenter failover';
    expect(apply('upsert', exported('e'))).toEqual({ error });
    expect(apply('upsert', exported('*'))).toEqual({ error });
    expect(apply('upsert', exported('other'))).toBe(true);
    expect(apply('upsert', { Kind: 'service-resolver', Name: 'other', Redirect: { Datacenter: 'dc2' } })).toEqual({
      error: 'peer exported service "other" contains cross-datacenter resolver redirect',
    });
  });

  test('a terminating gateway carries the virtual addresses of the services behind it', () => {
    const entry = (...names: string[]) => ({
      Kind: 'terminating-gateway',
      Name: 'tg',
      Services: names.map((Name) => ({ Name })),
    });
    const addresses = (id: string) => Object.keys(d.store.catalog.service('n', id)?.TaggedAddresses ?? {});
    d.register({ Node: 'n', Service: service('tg', { Kind: 'terminating-gateway' }) });
    apply('upsert', entry('a', 'b'));
    expect(addresses('tg')).toEqual(['consul-virtual:a', 'consul-virtual:b']);
    apply('upsert', entry('b', 'c'));
    expect(addresses('tg')).toEqual(['consul-virtual:b', 'consul-virtual:c']);
    d.register({ Node: 'n', Service: service('tg', { ID: 'tg2', Kind: 'terminating-gateway' }) });
    expect(addresses('tg2')).toEqual(['consul-virtual:b', 'consul-virtual:c']);
  });

  test('cas writes and deletes need the present index', () => {
    expect(apply('upsert-cas', { ...web, ModifyIndex: 5 })).toBe(false);
    expect(apply('upsert-cas', web)).toBe(true);
    expect(apply('upsert-cas', { ...web, Protocol: 'tcp', ModifyIndex: 2 })).toBe(true);
    expect(apply('delete-cas', { ...web, ModifyIndex: 2 })).toBe(false);
    expect(apply('delete-cas', { ...web, ModifyIndex: 3 })).toBe(true);
    // There is nothing left to compare with.
    expect(apply('delete-cas', { ...web, ModifyIndex: 3 })).toBe(true);
    expect(apply('delete', web)).toBe(true);
    expect(apply('explode', web)).toHaveProperty('error');
  });

  test('kinds are listed apart and wake apart', () => {
    apply('upsert', web);
    apply('upsert', { Kind: 'proxy-defaults', Name: 'global', Config: { a: 1, b: [1.5] } });
    apply('upsert', { Kind: 'mesh', Name: 'mesh' });
    expect(d.store.config.list('').value.map((e) => e.Kind)).toEqual(['mesh', 'proxy-defaults', 'service-defaults']);
    expect(d.store.config.list('proxy-defaults').value[0]).toMatchObject({ Config: { a: 1, b: [1.5] } });
    expect(d.store.config.get('mesh', 'mesh').value?.Name).toBe('mesh');
    const { deps } = d.store.config.list('mesh');
    expect(d.wakes(deps, () => apply('upsert', { ...web, Protocol: 'x' }))).toBe(false);
    expect(d.wakes(deps, () => apply('delete', { Kind: 'mesh', Name: 'mesh' }))).toBe(true);
    expect(
      d.wakes(d.store.config.get('service-defaults', 'web').deps, () => apply('upsert', { ...web, Name: 'other' })),
    ).toBe(false);
  });

  test('gateways list their services, a wildcard all ordinary ones', () => {
    apply('upsert', {
      Kind: 'ingress-gateway',
      Name: 'ig',
      Listeners: [{ Port: 80, Protocol: 'tcp', Services: [{ Name: 'ext', Hosts: ['x.y'] }] }],
    });
    apply('upsert', { Kind: 'terminating-gateway', Name: 'tg', Services: [{ Name: '*' }, { Name: 'b', SNI: 's' }] });
    for (const name of ['a', 'b', 'consul']) d.register({ Node: 'n', Service: service(name) });
    expect(d.store.catalog.gatewayServices('ig').value).toMatchObject([
      { Service: { Name: 'ext' }, Port: 80, Hosts: ['x.y'] },
    ]);
    const wild = d.store.catalog.gatewayServices('tg');
    expect(wild.value.map((s) => [s.Service.Name, s.FromWildcard, s.SNI])).toEqual([
      ['a', true, ''],
      ['b', false, 's'],
    ]);
    expect(d.wakes(wild.deps, () => d.register({ Node: 'n', Service: service('c') }))).toBe(true);
    expect(d.store.catalog.gatewayServices('ghost').value).toEqual([]);
  });

  test('what a gateway serves changes with that alone, not with the rest of its entry', () => {
    const entry = { Kind: 'terminating-gateway', Name: 'tg', Services: [{ Name: 'b', SNI: 's' }] };
    apply('upsert', entry);
    const before = d.store.catalog.gatewayServices('tg');
    apply('upsert', { ...entry, Meta: { owner: 'ops' } });
    const after = d.store.catalog.gatewayServices('tg');
    expect([after.index, after.value]).toEqual([before.index, before.value]);
    apply('upsert', { ...entry, Services: [{ Name: 'b' }] });
    expect(d.store.catalog.gatewayServices('tg').index).toBeGreaterThan(before.index);
  });

  test('ingress and terminating gateways are found by the services behind them', () => {
    d.register({ Node: 'n', Service: service('ig', { Kind: 'ingress-gateway' }) });
    d.register({ Node: 'n', Service: service('tg', { Kind: 'terminating-gateway' }) });
    const ingress = () => d.store.health.serviceNodes({ ServiceName: 'ext', Ingress: true });
    const before = ingress();
    expect(before).toMatchObject({ index: 1, value: [] });
    const change = () =>
      apply('upsert', {
        Kind: 'ingress-gateway',
        Name: 'ig',
        Listeners: [{ Protocol: 'tcp', Services: [{ Name: 'ext' }] }],
      });
    expect(d.wakes(before.deps, change)).toBe(true);
    expect(ingress()).toMatchObject({ index: 3, value: [{ Service: { ID: 'ig' } }] });
    apply('upsert', { Kind: 'terminating-gateway', Name: 'tg', Services: [{ Name: 'ext' }] });
    expect(d.store.health.serviceNodes({ ServiceName: 'ext', Connect: true }).value).toHaveLength(1);
  });

  test('that call for a virtual address keep it until they go', () => {
    const address = () => {
      d.register({ Node: 'n', Service: service('probe', { Port: 1, Connect: { Native: true, PeerMeta: null } }) });
      return d.store.catalog.service('n', 'probe')?.TaggedAddresses?.['consul-virtual']?.Address;
    };
    apply('upsert', { Kind: 'service-resolver', Name: 'r' });
    expect(address()).toBe('240.0.0.2');
    apply('delete', { Kind: 'service-resolver', Name: 'r' });
    d.deregister({ Node: 'n' });
    apply('upsert', { Kind: 'service-intentions', Name: 'i' });
    apply('upsert', { Kind: 'service-intentions', Name: '*' }); // All services have none of their own.
    expect(address()).toBe('240.0.0.3');
  });
});

describe('records kept for other layers', () => {
  const token = (AccessorID: string, more: Record<string, unknown> = {}) => ({
    AccessorID,
    SecretID: 'x',
    CreateIndex: 0,
    ModifyIndex: 0,
    ...more,
  });
  const count = (table: string) => d.store.sizes()[table]?.rows;

  test('sets and deletes go by id, and the same again moves the index', () => {
    d.apply(MessageType.ACLTokenSet, { Tokens: [token('a'), token('b')] });
    expect([count('acl-tokens'), d.store.tableIndex('acl-tokens')]).toEqual([2, 1]);
    d.apply(MessageType.ACLTokenSet, { Tokens: [token('a')] });
    expect(d.store.tableIndex('acl-tokens')).toBe(2);
    d.apply(MessageType.ACLTokenDelete, { TokenIDs: ['a', 'ghost'] });
    expect([count('acl-tokens'), d.store.tableIndex('acl-tokens')]).toEqual([1, 3]);
  });

  test('an auth method takes its rules and tokens along', () => {
    d.apply(MessageType.ACLAuthMethodSet, { AuthMethods: [{ Name: 'am' }] });
    d.apply(MessageType.ACLBindingRuleSet, { BindingRules: [{ ID: 'r', AuthMethod: 'am' }] });
    d.apply(MessageType.ACLTokenSet, { Tokens: [token('a', { AuthMethod: 'am' }), token('b', { AuthMethod: '' })] });
    d.apply(MessageType.ACLAuthMethodDelete, { AuthMethodNames: ['am'] });
    expect(['acl-auth-methods', 'acl-binding-rules', 'acl-tokens'].map(count)).toEqual([0, 0, 1]);
  });

  test('bootstrap happens once, or again with the index of the last', () => {
    expect(d.apply(MessageType.ACLBootstrap, { ResetIndex: 0, Token: token('a') })).toBe(null);
    expect(d.apply(MessageType.ACLBootstrap, { ResetIndex: 0, Token: token('b') })).toHaveProperty('error');
    expect(d.apply(MessageType.ACLBootstrap, { ResetIndex: 9, Token: token('b') })).toHaveProperty('error');
    expect(d.apply(MessageType.ACLBootstrap, { ResetIndex: 1, Token: token('b') })).toBe(null);
    expect(count('acl-tokens')).toBe(2);
  });

  test('roots of the CA are replaced together if nobody else did', () => {
    const set = (Index: number, ...ids: string[]) =>
      d.apply(MessageType.ConnectCA, { Op: 'set-roots', Index, Roots: ids.map((ID) => ({ ID })) });
    expect(set(0, 'r1')).toBe(true);
    expect(set(0, 'r2')).toBe(false);
    expect(set(1, 'r2', 'r3')).toBe(true);
    expect(count('connect-ca-roots')).toBe(2);
    expect(d.apply(MessageType.ConnectCA, { Op: 'explode' })).toHaveProperty('error');
  });

  test('the configuration of the CA has no index but its own, which each write moves', () => {
    const set = () =>
      d.apply(MessageType.ConnectCA, { Op: 'set-config', Config: { Provider: 'consul', ClusterID: 'c' } });
    expect([set(), set()]).toEqual([true, true]);
    expect(d.store.tableIndex('connect-ca-config')).toBe(0);
    expect(d.store.connect.configuration()).toMatchObject({ index: 2, value: { CreateIndex: 1, ModifyIndex: 2 } });
    d.apply(MessageType.ConnectCALeaf, { Op: 'increment-index' });
    expect(d.store.tableIndex('connect-ca-leaf-certs')).toBe(0);
  });

  test('a leader that clears the intentions of old versions says that there are none any more', () => {
    d.apply(MessageType.Intention, { Op: 'delete-all' });
    expect(d.store.tableIndex('connect-intentions')).toBe(1);
    const [known] = d.store.operator.systemMetadata().value;
    expect(known).toMatchObject({ Key: 'intention-format', Value: 'config-entry', CreateIndex: 1, ModifyIndex: 1 });
    expect(d.store.connect.legacyIntentions()).toMatchObject({ index: 1, value: [] });
  });

  test('serials of the CA go up', () => {
    const next = () => d.apply(MessageType.ConnectCA, { Op: 'increment-provider-serial' });
    expect([next(), next()]).toEqual([1, 2]);
  });

  test('a set with one record that is no map changes nothing', () => {
    expect(d.apply(MessageType.ACLTokenSet, { Tokens: [token('a'), 7] })).toHaveProperty('error');
    expect(count('acl-tokens')).toBe(0);
  });

  test('federation states go by datacenter', () => {
    const body = (Op: string) =>
      encodeAny({ Op, State: { Datacenter: 'dc2', CreateIndex: 0, ModifyIndex: 0, PrimaryModifyIndex: 0 } });
    expect(d.apply(MessageType.FederationState, body('upsert'))).toBe(true);
    expect(count('federation-states')).toBe(1);
    expect(d.apply(MessageType.FederationState, body('delete'))).toBe(true);
    expect(count('federation-states')).toBe(0);
  });
});

test('autopilot: one configuration, replaced under a condition', () => {
  const set = (CAS: boolean, given: Partial<AutopilotConfig>) =>
    d.apply(MessageType.Autopilot, AutopilotSetConfigRequest.make({ CAS, Config: AutopilotConfig.make(given) }));
  expect(d.store.operator.autopilot().value).toBe(null);
  expect(set(false, { MinQuorum: 3 })).toBe(true);
  expect(set(true, { MinQuorum: 5, ModifyIndex: 9 })).toBe(false);
  expect(set(true, { MinQuorum: 5, ModifyIndex: 1 })).toBe(true);
  expect(d.store.operator.autopilot().value).toMatchObject({ MinQuorum: 5, CreateIndex: 1, ModifyIndex: 3 });
});

test('system metadata goes by key', () => {
  const apply = (Op: string, Key: string, Value: string) =>
    d.apply(
      MessageType.SystemMetadata,
      SystemMetadataRequest.make({ Op, Entry: SystemMetadataEntry.make({ Key, Value }) }),
    );
  apply('upsert', 'a', '1');
  apply('upsert', 'a', '1');
  expect(d.store.operator.systemMetadata()).toMatchObject({
    index: 2,
    value: [{ Key: 'a', Value: '1', CreateIndex: 1, ModifyIndex: 2 }],
  });
  expect(apply('delete', 'a', '')).toBe(true);
  expect(apply('delete', 'a', '')).toBe(true);
  expect(apply('explode', 'a', '')).toHaveProperty('error');
  expect(d.store.operator.systemMetadata()).toMatchObject({ index: 3, value: [] });
});

test('sizes name rows and bytes of every table', () => {
  d.set('a', 'x'.repeat(1000));
  d.register({ Node: 'n', Service: service('web') });
  const sizes = d.store.sizes();
  expect(sizes['kvs']?.rows).toBe(1);
  expect(sizes['kvs']?.bytes).toBeGreaterThan(1000);
  expect(sizes['services']).toMatchObject({ rows: 1 });
  d.kv('delete', 'a');
  expect(d.store.sizes()['kvs']).toEqual({ rows: 0, bytes: 0 });
  expect(d.store.sizes()['tombstones']?.rows).toBe(1);
});
