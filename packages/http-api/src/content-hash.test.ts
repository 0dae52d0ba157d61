import type { JsonValue } from '@proconsul/gojson';
import { NodeService } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { serviceContentHash } from './content-hash.ts';

const Weights = { Passing: 1, Warning: 1 };

// Hashes answered by the reference agent for the same services.
const recorded = [
  ['8c744a924352da48', { ID: 'a', Service: 'a', Weights }],
  ['de382d3f4007039', { ID: 'b', Service: 'b', Tags: ['x', 'y'], Meta: { k: 'v' }, Port: 80, Weights }],
  [
    '6267ba2bf7360c1e',
    {
      ...{ ID: 'd', Service: 'd', Port: 7, Address: '1.2.3.4', EnableTagOverride: true },
      Weights: { Passing: 2, Warning: 3 },
      TaggedAddresses: {
        'consul-virtual': { Address: '240.0.0.2', Port: 7 },
        lan: { Address: '1.1.1.1', Port: 3 },
        lan_ipv4: { Address: '1.2.3.4', Port: 7 },
        wan_ipv4: { Address: '1.2.3.4', Port: 7 },
      },
      Connect: { Native: true },
      Locality: { Region: 'r', Zone: 'z' },
    },
  ],
  [
    'e4baab46e18e7983',
    { ID: 'f', Service: 'f', Port: 7, Kind: 'mesh-gateway', Proxy: { Config: { z: 'y' } }, Weights },
  ],
  [
    '8bd86b1162a326c0',
    {
      ...{ ID: 'g', Service: 'g', Kind: 'connect-proxy', Port: 1, Weights },
      TaggedAddresses: { 'consul-virtual': { Address: '240.0.0.1', Port: 1 } },
      Proxy: {
        ...{ DestinationServiceName: 'q', DestinationServiceID: 'q1', LocalServiceAddress: '1.1.1.1' },
        ...{ LocalServicePort: 5, Mode: 'transparent' },
        TransparentProxy: { OutboundListenerPort: 5, DialedDirectly: true },
        AccessLogs: { Enabled: true, Type: 'file', Path: '/x' },
      },
    },
  ],
  [
    'b95b92fd55700d97',
    {
      ...{ ID: 'c1', Service: 'c', Kind: 'connect-proxy', Port: 1, Weights },
      TaggedAddresses: { 'consul-virtual': { Address: '240.0.0.1', Port: 1 } },
      Proxy: {
        DestinationServiceName: 'q',
        Config: { a: 1, b: 's', c: [1, true, null, { x: {} }] },
        Upstreams: [
          {
            ...{ DestinationType: 'service', DestinationName: 'u', LocalBindPort: 9, Config: { p: 2.5 } },
            MeshGateway: { Mode: 'local' },
          },
        ],
        MeshGateway: { Mode: 'local' },
        Expose: { Checks: true, Paths: [{ ListenerPort: 3, Path: '/x', LocalPathPort: 4 }] },
      },
    },
  ],
] as const;

test.for(recorded)('%s is the hash of the service it was recorded with', ([hash, json]) => {
  expect(serviceContentHash(NodeService.decode(json as unknown as JsonValue))).toBe(hash);
});

test('where a service runs is no part of its content', () => {
  const service = NodeService.make({ ...NodeService.zero(), ID: 'a', Service: 'a' });
  const moved = NodeService.make({ ...service, Locality: { Region: 'r', Zone: 'z' } });
  expect(serviceContentHash(moved)).toBe(serviceContentHash(service));
});
