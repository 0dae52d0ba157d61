import { describe, expect, test } from 'vitest';
import { Locality, NodeService } from './catalog.ts';
import { metaFault, serviceFaults } from './faults.ts';

const upstream = (DestinationName: string, more: Record<string, unknown> = {}) => ({
  ...{ DestinationType: '', DestinationName, DestinationPartition: '', DestinationNamespace: '', DestinationPeer: '' },
  ...{ Datacenter: '', LocalBindAddress: '', LocalBindPort: 0, LocalBindSocketPath: '', ...more },
});
const proxy = (more: Record<string, unknown>) => ({
  ...{ DestinationServiceName: 'x', DestinationServiceID: '', LocalServiceAddress: '', LocalServicePort: 0 },
  ...{ Upstreams: null, Expose: { Paths: null }, ...more },
});
const service = (more: Record<string, unknown>) => ({ Kind: '', Address: '', Port: 0, SocketPath: '', ...more });

// Answers of the reference to registrations in the catalog.
describe('what is wrong with a service', () => {
  test('a proxy needs a place and a destination', () => {
    expect(serviceFaults(service({ Kind: 'connect-proxy', Proxy: proxy({ DestinationServiceName: ' ' }) }))).toEqual([
      'Port or SocketPath must be set for a connect-proxy',
      'Proxy.DestinationServiceName must be non-empty for Connect proxy services',
    ]);
  });

  test('upstreams need names and places of their own', () => {
    const Upstreams = [
      upstream('a', { LocalBindPort: 1 }),
      upstream('a', { LocalBindPort: 2 }),
      upstream('*', { LocalBindPort: 3 }),
      upstream('c', { LocalBindSocketPath: '/x' }),
      upstream('d', { LocalBindSocketPath: '/x' }),
      upstream('e', { LocalBindSocketPath: '/y', LocalBindPort: 3 }),
      upstream('a', { Datacenter: 'd', LocalBindPort: 9 }),
      upstream('b', { DestinationType: 'odd' }),
      upstream('b', { DestinationPeer: 'p', Datacenter: 'd', LocalBindPort: 6 }),
      upstream(''),
      upstream('f'),
    ];
    expect(serviceFaults(service({ Kind: 'connect-proxy', Port: 1, Proxy: proxy({ Upstreams }) }))).toEqual([
      'upstreams cannot contain duplicates of [type="", name="a", partition="", namespace="", peer="", datacenter=""]',
      'upstream destination name cannot be a wildcard',
      'upstreams cannot contain duplicates by local bind address and port or unix path; "/x" is specified twice',
      'only one of upstream local bind port or local socket path can be defined and nonzero',
      'unknown upstream destination type: "odd"',
      'upstream cannot specify both destination peer and datacenter',
      'upstream destination name cannot be empty',
      'upstream local bind port or local socket path must be defined and nonzero',
    ]);
  });

  test('a gateway has a port, unless its configuration has it, and is no proxy for one service', () => {
    expect(serviceFaults(service({ Kind: 'ingress-gateway' }))).toEqual([]);
    expect(serviceFaults(service({ Kind: 'terminating-gateway', Connect: { Native: true } }))).toEqual([
      'Port must be non-zero for a terminating-gateway',
      'Port or SocketPath must be set for a Connect native service.',
    ]);
    expect(serviceFaults(service({ Kind: 'mesh-gateway', Port: 1, Proxy: proxy({}) }))).toEqual([
      'The Proxy.DestinationServiceName configuration is invalid for a mesh-gateway',
    ]);
  });

  test('a zone lies in a region', () => {
    expect(serviceFaults(service({ Locality: { Region: '', Zone: 'z' } }))).toEqual([
      'zone cannot be set without region',
    ]);
  });

  test('metadata has keys that can be read, within limits', () => {
    expect(metaFault({ '': '1' })).toBe("Couldn't load metadata pair ('', '1'): Key cannot be blank");
    expect(metaFault({ 'a b': '1' })).toContain('Key contains invalid characters');
    expect(metaFault({ 'consul-x': '1' })).toContain("Key prefix 'consul-' is reserved for internal use");
    expect(metaFault({ 'consul-x': '1' }, true)).toBe(undefined);
    expect(metaFault({ k: 'v'.repeat(513) })).toContain('Value is too long (limit: 512 characters)');
  });
});

test('a zone without a region is told first, and a native proxy without a port twice', () => {
  const service = NodeService.make({
    ...{ Kind: 'connect-proxy', Locality: Locality.make({ Zone: 'z' }) },
    Connect: { Native: true, PeerMeta: null },
  });
  expect(serviceFaults(service)).toEqual([
    'zone cannot be set without region',
    'Port or SocketPath must be set for a connect-proxy',
    'Proxy.DestinationServiceName must be non-empty for Connect proxy services',
    'A Proxy cannot also be Connect Native, only typical services',
    'Port or SocketPath must be set for a Connect native service.',
  ]);
});
