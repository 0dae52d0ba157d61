import { expect, test } from 'vitest';
import { endpointsOf, splitAddress } from './join-address.ts';

test.for([
  ['10.0.0.1', '10.0.0.1', 8301],
  ['10.0.0.1:9', '10.0.0.1', 9],
  ['host', 'host', 8301],
  ['host.example:7000', 'host.example', 7000],
  ['[::1]', '::1', 8301],
  ['[2001:db8::5]:99', '2001:db8::5', 99],
  ['2001:db8::5', '2001:db8::5', 8301],
  ['host:', 'host:', 8301],
] as const)('%s is %s at %i', ([text, host, port]) => {
  expect(splitAddress(text, 8301)).toEqual({ host, port });
});

test('a name stands for every address behind it; a member name in front does not matter', async () => {
  const resolve = async (host: string) => (host === 'servers' ? ['10.0.0.1', '10.0.0.2'] : []);
  expect(await endpointsOf('servers:9', 8301, resolve)).toEqual([
    { host: '10.0.0.1', port: 9 },
    { host: '10.0.0.2', port: 9 },
  ]);
  expect(await endpointsOf('n1.dc1/10.0.0.7:8302', 8301, resolve)).toEqual([{ host: '10.0.0.7', port: 8302 }]);
});

test('a port that cannot be is refused', async () => {
  const resolve = async () => [];
  await expect(endpointsOf('10.0.0.1:65536', 8301, resolve)).rejects.toThrow('parsing "65536": value out of range');
  expect(await endpointsOf('10.0.0.1:65535', 8301, resolve)).toHaveLength(1);
});
