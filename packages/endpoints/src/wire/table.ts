import { ConfigEntryMethods, Operator } from '../methods.ts';
import { catalogMethods, healthMethods } from './catalog.ts';
import { configMethods } from './config.ts';
import { connectMethods, federationMethods, intentionMethods, internalMethods } from './internal.ts';
import { coordinateMethods, kvMethods, sessionMethods, txnMethods } from './kv.ts';
import { operatorMethods, statusMethods } from './operator.ts';
import { queryMethods } from './queries.ts';
import type { AnyWireMethod } from './wire-method.ts';

const all: readonly AnyWireMethod[] = [
  ...catalogMethods,
  ...healthMethods,
  ...kvMethods,
  ...sessionMethods,
  ...txnMethods,
  ...coordinateMethods,
  ...statusMethods,
  ...operatorMethods,
  ...internalMethods,
  ...queryMethods,
  ...configMethods,
  ...federationMethods,
  ...intentionMethods,
  ...connectMethods,
];

/** Every method on the wire, by its name there. */
export const wireMethods: ReadonlyMap<string, AnyWireMethod> = new Map(all.map((m) => [m.name, m]));

/** Methods of the endpoints that go under different names, by what is asked. */
const NAMES: ReadonlyMap<string, (args: never) => string> = new Map<string, (args: never) => string>([
  [
    ConfigEntryMethods.Apply.name,
    ({ Op }: { Op: string }) => (Op === 'delete' || Op === 'delete-cas' ? 'ConfigEntry.Delete' : 'ConfigEntry.Apply'),
  ],
  [
    ConfigEntryMethods.List.name,
    ({ Kind }: { Kind: string }) => (Kind === '' ? 'ConfigEntry.ListAll' : 'ConfigEntry.List'),
  ],
  [
    Operator.RaftRemovePeer.name,
    ({ ID }: { ID: string }) => (ID === '' ? 'Operator.RaftRemovePeerByAddress' : 'Operator.RaftRemovePeerByID'),
  ],
]);

/** What a method is on the wire when it is called with these arguments; undefined: it cannot be called over RPC. */
export function wireOf(name: string, args: unknown): AnyWireMethod | undefined {
  const choose = NAMES.get(name);
  return wireMethods.get(choose === undefined ? name : choose(args as never));
}

/**
 * Services that servers of the reference have. An unknown method of one of these is told as an unknown method, any
 * other as an unknown service. Source: recorded method list.
 */
export const WIRE_SERVICES: ReadonlySet<string> = new Set([
  'ACL',
  'Catalog',
  'ConfigEntry',
  'ConnectCA',
  'Coordinate',
  'DiscoveryChain',
  'FederationState',
  'Health',
  'Intention',
  'Internal',
  'KVS',
  'Operator',
  'PreparedQuery',
  'Session',
  'Status',
  'Txn',
]);
