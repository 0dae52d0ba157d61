import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agentUri, parseSpiffeId } from './spiffe.ts';

const idOf = (uri: string) => parseSpiffeId(uri).id;

test('identities of agents, servers, services and gateways are told apart', () => {
  const common = { host: 'td.consul', datacenter: 'dc1' };
  expect(idOf('spiffe://TD.consul/agent/client/dc/dc1/id/a%20b')).toEqual({ kind: 'agent', ...common, name: 'a b' });
  expect(idOf('spiffe://td.consul/agent/server/dc/dc1')).toEqual({ kind: 'server', ...common });
  expect(idOf('spiffe://td.consul/ns/default/dc/dc1/svc/web')).toEqual({ kind: 'service', ...common, name: 'web' });
  expect(idOf('spiffe://td.consul/ap/x/ns/default/dc/dc1/svc/web')).toMatchObject({ kind: 'service', name: 'web' });
  expect(idOf('spiffe://td.consul/gateway/mesh/dc/dc1')).toEqual({ kind: 'mesh-gateway', ...common });
});

test('others are refused with the words of the reference', () => {
  expect(() => idOf('http://td/agent/client/dc/dc1/id/x')).toThrow("SPIFFE ID must have 'spiffe' scheme");
  expect(() => idOf('spiffe://td')).toThrow('SPIFFE ID in CSR must be a service, mesh-gateway, or agent ID');
  expect(() => idOf('spiffe://td/foo/bar')).toThrow('SPIFFE ID is not in the expected format: spiffe://td/foo/bar');
  expect(() => idOf('spiffe://td/agent/client/dc/dc1/id/%zz')).toThrow('invalid URL escape');
  expect(() => idOf(`spiffe://td/agent/client/dc/dc1/id/${'x'.repeat(5_000)}`)).toThrow();
});

test('the name of any node comes back; of anything else comes an identity or an Error', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme', maxLength: 60 }), (name) => {
      expect(idOf(agentUri('td', 'dc1', name))).toMatchObject({ kind: 'agent', name });
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((s) => `spiffe://td/${s}`),
      ),
      (text) => {
        try {
          expect(idOf(text).host).toBeTypeOf('string');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      },
    ),
  );
});
