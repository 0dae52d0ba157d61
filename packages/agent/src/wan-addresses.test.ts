import { type Caller, Catalog, Health, READ_NOW, type ReadMethod } from '@proconsul/endpoints';
import { CheckServiceNode, Node, NodeService, ServiceNode } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { WanAddresses } from './wan-addresses.ts';

const node = Node.make({ Node: 'n', Address: '10.0.0.1', TaggedAddresses: { lan: '10.0.0.1', wan: '198.51.100.1' } });
const wan = { wan: { Address: '198.51.100.2', Port: 9000 } };

function ask(method: ReadMethod<never, unknown>, value: unknown, Datacenter: string): unknown {
  const inner = {
    read: (_m: unknown, _a: unknown, _o: unknown, done: (e: null, v: unknown, m: unknown) => void) => {
      done(null, { index: 7, value, valid: true, memo: new Map() }, {});
      return () => {};
    },
  } as unknown as Caller;
  let seen: unknown;
  new WanAddresses(inner, 'dc1').read(method, { Datacenter, Token: '' } as never, READ_NOW, (_error, view) => {
    seen = view?.value;
  });
  return seen;
}

test('nodes and services of other datacenters are shown with their WAN addresses, those of ours as they are', () => {
  const nodes = [node, Node.make({ Node: 'bare', Address: '10.0.0.2' })];
  expect(ask(Catalog.ListNodes as never, nodes, '')).toBe(nodes);
  expect(ask(Catalog.ListNodes as never, nodes, 'dc1')).toBe(nodes);
  expect(ask(Catalog.ListNodes as never, nodes, 'dc2')).toMatchObject([
    { Node: 'n', Address: '198.51.100.1' },
    { Node: 'bare', Address: '10.0.0.2' },
  ]);
  const Service = NodeService.make({ ID: 'web', Service: 'web', Port: 80, TaggedAddresses: wan });
  const instances = [CheckServiceNode.make({ Node: node, Service })];
  expect(ask(Health.ServiceNodes as never, instances, 'dc2')).toMatchObject([
    { Node: { Address: '198.51.100.1' }, Service: { Address: '198.51.100.2', Port: 9000 } },
  ]);
  const rows = [ServiceNode.make({ Node: 'n', Address: '10.0.0.1', ServicePort: 80, ServiceTaggedAddresses: wan })];
  expect(ask(Catalog.ServiceNodes as never, rows, 'dc2')).toMatchObject([
    { Address: '10.0.0.1', ServiceAddress: '198.51.100.2', ServicePort: 9000 },
  ]);
  expect(ask(Catalog.NodeServices as never, null, 'dc2')).toBeNull();
});
