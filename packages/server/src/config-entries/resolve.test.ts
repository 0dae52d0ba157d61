import { ConfigEntryMethods, READ_NOW, type ServiceConfig } from '@proconsul/endpoints';
import { readConfigEntry, ServiceConfigResponse } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { oneServer } from '../testing/one-server.ts';

// What a server of version 1.21.0 answered, recorded.

const who = { Datacenter: '', Token: '' };
const LUA = { Name: 'builtin/lua', Arguments: { ProxyType: 'connect-proxy', Listener: 'inbound', Script: 'x' } };
const EXTENSION = { ...LUA, Required: false, ConsulVersion: '', EnvoyVersion: '' };

const GLOBAL = {
  ...{ Kind: 'proxy-defaults', Name: 'global', Config: { a: 1, protocol: 'http' }, Mode: 'transparent' },
  TransparentProxy: { OutboundListenerPort: 111, DialedDirectly: true },
  MeshGateway: { Mode: 'local' },
  Expose: { Checks: true, Paths: [{ Path: '/p', LocalPathPort: 1, ListenerPort: 2, Protocol: 'http' }] },
  EnvoyExtensions: [LUA],
  MutualTLSMode: 'strict',
};
const WEB = {
  ...{ Kind: 'service-defaults', Name: 'web', Protocol: 'http', Mode: 'direct', MeshGateway: { Mode: 'remote' } },
  ...{ MaxInboundConnections: 5, LocalConnectTimeoutMs: 6, LocalRequestTimeoutMs: 7 },
  ...{ BalanceInboundConnections: 'exact_balance', EnvoyExtensions: [{ ...LUA, Required: true }], Meta: { m: 'w' } },
};
const UPSTREAMS = {
  ...{ Kind: 'service-defaults', Name: 'web', Protocol: 'tcp' },
  UpstreamConfig: {
    Defaults: { ConnectTimeoutMs: 50, MeshGateway: { Mode: 'none' }, EnvoyListenerJSON: 'L' },
    Overrides: [
      { Name: 'third', Protocol: 'grpc', MeshGateway: { Mode: 'local' } },
      { Name: 'fourth', ConnectTimeoutMs: 1, Limits: { MaxPendingRequests: 4 } },
      { Name: 'pd', Peer: 'peer1', PassiveHealthCheck: { Interval: '5s', MaxFailures: 2 } },
    ],
  },
};
const FOURTH = { Kind: 'service-defaults', Name: 'fourth', Protocol: 'http2' };

interface Asked {
  readonly Name?: string;
  readonly Mode?: string;
  readonly gateway?: string;
  readonly upstreams?: readonly string[];
}

async function resolved(entries: readonly object[], asked: Asked): Promise<Partial<ServiceConfig>> {
  const { server } = oneServer();
  for (const given of entries) {
    const Entry = { CreateIndex: 0, ModifyIndex: 0, ...readConfigEntry(given as never) };
    await server.write(ConfigEntryMethods.Apply, { ...who, Op: 'upsert', Entry });
  }
  const args = {
    ...{ ...who, Name: asked.Name ?? 'web', Mode: asked.Mode ?? '', MeshGateway: { Mode: asked.gateway ?? '' } },
    UpstreamServiceNames: asked.upstreams?.map((Name) => ({ ServiceName: { Name }, Peer: '' })) ?? null,
  };
  const found = server.peek(ConfigEntryMethods.ResolveServiceConfig, args)?.value as ServiceConfig;
  const zero = ServiceConfigResponse.zero() as Record<string, unknown>;
  const differs = ([name, value]: [string, unknown]) => JSON.stringify(value) !== JSON.stringify(zero[name]);
  return Object.fromEntries(Object.entries(found).filter(differs));
}

const config = (found: Partial<ServiceConfig>, name: string) =>
  found.UpstreamConfigs?.find((u) => u.Upstream.ServiceName.Name === name)?.Config;

describe('the configuration of a service', () => {
  test('is empty where nothing was said', async () => {
    expect(await resolved([], {})).toEqual({});
    expect(await resolved([], { upstreams: ['db'], Mode: 'transparent' })).toEqual({});
  });

  test('is that of all proxies where it says nothing itself', async () => {
    expect(await resolved([GLOBAL], {})).toEqual({
      ProxyConfig: { a: 1, protocol: 'http' },
      UpstreamConfigs: [
        { Upstream: { ServiceName: { Name: '*' }, Peer: '' }, Config: { mesh_gateway: { Mode: 'local' } } },
      ],
      MeshGateway: { Mode: 'local' },
      Expose: {
        Checks: true,
        Paths: [{ ListenerPort: 2, Path: '/p', LocalPathPort: 1, Protocol: 'http', ParsedFromCheck: false }],
      },
      TransparentProxy: { OutboundListenerPort: 111, DialedDirectly: true },
      MutualTLSMode: 'strict',
      Mode: 'transparent',
      EnvoyExtensions: [EXTENSION],
    });
  });

  test('is what it says before what is said of all; extensions add up', async () => {
    expect(await resolved([GLOBAL, WEB], {})).toEqual({
      ProxyConfig: {
        ...{ protocol: 'http', a: 1, balance_inbound_connections: 'exact_balance', max_inbound_connections: 5 },
        ...{ local_connect_timeout_ms: 6, local_request_timeout_ms: 7 },
      },
      MeshGateway: { Mode: 'remote' },
      Expose: {
        Checks: true,
        Paths: [{ ListenerPort: 2, Path: '/p', LocalPathPort: 1, Protocol: 'http', ParsedFromCheck: false }],
      },
      TransparentProxy: { OutboundListenerPort: 111, DialedDirectly: true },
      ...{ MutualTLSMode: 'strict', Mode: 'direct', Meta: { m: 'w' } },
      EnvoyExtensions: [EXTENSION, { ...EXTENSION, Required: true }],
    });
  });

  test('takes over single members of what is said of all', async () => {
    const own = {
      ...{ ...WEB, Mode: 'transparent', TransparentProxy: { OutboundListenerPort: 222 }, EnvoyExtensions: [] },
      Expose: { Paths: [{ Path: '/q', LocalPathPort: 3, ListenerPort: 4, Protocol: 'http' }] },
    };
    const found = await resolved([GLOBAL, own], {});
    expect(found.TransparentProxy).toEqual({ OutboundListenerPort: 222, DialedDirectly: true });
    expect(found.Expose).toEqual({
      Checks: true,
      Paths: [{ ListenerPort: 4, Path: '/q', LocalPathPort: 3, Protocol: 'http', ParsedFromCheck: false }],
    });
    expect(found.EnvoyExtensions).toEqual([EXTENSION]);
  });

  test('tells where a destination is', async () => {
    const dst = {
      Kind: 'service-defaults',
      Name: 'dst',
      Protocol: 'tcp',
      Destination: { Addresses: ['a.com'], Port: 443 },
    };
    expect(await resolved([dst], { Name: 'dst' })).toEqual({
      ProxyConfig: { protocol: 'tcp' },
      Destination: { Addresses: ['a.com'], Port: 443 },
    });
  });
});

describe('the configuration of upstreams', () => {
  test('names a protocol that the upstream has, and leaves out upstreams without anything', async () => {
    expect(await resolved([FOURTH], { upstreams: ['fourth', 'x'] })).toEqual({
      UpstreamConfigs: [{ Upstream: { ServiceName: { Name: 'fourth' }, Peer: '' }, Config: { protocol: 'http2' } }],
    });
  });

  test('is told to transparent proxies and to those that name upstreams only', async () => {
    expect((await resolved([UPSTREAMS], {})).UpstreamConfigs).toBeUndefined();
    for (const asked of [{ Mode: 'transparent' }, { upstreams: ['x'] }]) {
      expect((await resolved([UPSTREAMS], asked)).UpstreamConfigs).toHaveLength('upstreams' in asked ? 5 : 4);
    }
  });

  test('is what is said about it, before what is said of all upstreams', async () => {
    const found = await resolved([GLOBAL, FOURTH, UPSTREAMS], { upstreams: ['third'] });
    const defaults = { mesh_gateway: { Mode: 'none' }, envoy_listener_json: 'L', connect_timeout_ms: 50 };
    expect(config(found, '*')).toEqual(defaults);
    expect(config(found, 'third')).toEqual({ ...defaults, mesh_gateway: { Mode: 'local' }, protocol: 'grpc' });
    expect(config(found, 'fourth')).toEqual({
      ...{ ...defaults, protocol: 'http2', connect_timeout_ms: 1 },
      limits: { MaxConcurrentRequests: null, MaxConnections: null, MaxPendingRequests: 4 },
    });
    expect(config(found, 'pd')).toEqual({
      ...{ ...defaults, protocol: 'http' },
      passive_health_check: {
        ...{ BaseEjectionTime: null, EnforcingConsecutive5xx: null, Interval: 5e9, MaxEjectionPercent: null },
        MaxFailures: 2,
      },
    });
    expect(found.UpstreamConfigs?.find((u) => u.Upstream.Peer === 'peer1')?.Upstream.ServiceName.Name).toBe('pd');
  });

  test('goes by the gateways of the registration, unless it has its own', async () => {
    const found = await resolved([GLOBAL, FOURTH, UPSTREAMS], { gateway: 'remote' });
    const modes = ['*', 'third', 'fourth'].map((name) => config(found, name)?.['mesh_gateway']);
    expect(modes).toEqual([{ Mode: 'remote' }, { Mode: 'local' }, { Mode: 'remote' }]);
  });

  test('has the protocol of the defaults before that of the upstream itself', async () => {
    const own = { Kind: 'service-defaults', Name: 'web', UpstreamConfig: { Defaults: { Protocol: 'tcp' } } };
    const found = await resolved([FOURTH, own], { upstreams: ['fourth'] });
    expect(config(found, 'fourth')).toEqual({ protocol: 'tcp' });
  });
});

test("whoever waits is told when an entry that counts was written, an upstream's among them", async () => {
  const { server } = oneServer();
  const args = {
    ...{ ...who, Name: 'web', Mode: '', MeshGateway: { Mode: '' } },
    UpstreamServiceNames: [{ ServiceName: { Name: 'fourth' }, Peer: '' }],
  };
  const told: (number | undefined)[] = [];
  const write = (given: object) => {
    const Entry = { CreateIndex: 0, ModifyIndex: 0, ...readConfigEntry(given as never) };
    return server.write(ConfigEntryMethods.Apply, { ...who, Op: 'upsert', Entry });
  };
  await write({ Kind: 'service-defaults', Name: 'web', Protocol: 'tcp' });
  const view = server.peek(ConfigEntryMethods.ResolveServiceConfig, args);
  const options = { ...READ_NOW, minIndex: view?.index ?? 0 };
  server.read(ConfigEntryMethods.ResolveServiceConfig, args, options, (_error, found) => told.push(found?.index));
  await write({ Kind: 'service-defaults', Name: 'other', Protocol: 'tcp' });
  expect(told).toEqual([]);
  await write(FOURTH);
  expect(told).toEqual([3]);
});
