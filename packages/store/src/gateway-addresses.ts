import type { NodeService, ServiceAddress } from '@proconsul/schema';
import { putInstance } from './catalog-write.ts';
import type { Journal } from './journal.ts';
import type { State } from './state.ts';
import { virtualAddress } from './virtual-ips.ts';

/*
 * Instances of a terminating gateway carry the virtual addresses of all services that it leads to, so that proxies find the
 * gateway by them. Source: snapshots of the reference before and after each kind of change.
 */

/** What stands before the name of the service in the name of an address. */
export const GATEWAY_TAG = 'consul-virtual:';

type Addresses = Readonly<Record<string, ServiceAddress>>;

function addressesOf(state: State, services: readonly string[]): Addresses {
  const addresses: Record<string, ServiceAddress> = {};
  for (const service of services) {
    const assigned = state.virtualIps.get(service);
    if (assigned === undefined) continue;
    addresses[GATEWAY_TAG + service] = { Address: virtualAddress(assigned.offset), Port: 0 };
  }
  return addresses;
}

/** A gateway that registers, with the addresses of the services that it leads to. */
export function withGatewayAddresses(state: State, row: NodeService, services: readonly string[]): NodeService {
  const addresses = addressesOf(state, services);
  if (Object.keys(addresses).length === 0) return row;
  return { ...row, TaggedAddresses: { ...row.TaggedAddresses, ...addresses } };
}

/** The services of a gateway are others now: its instances lose the addresses of those that went and gain the new ones. */
export function readdressGateway(
  state: State,
  journal: Journal,
  gateway: string,
  before: readonly string[],
  now: readonly string[],
): void {
  const gone = new Set(before.map((service) => GATEWAY_TAG + service));
  const addresses = addressesOf(state, now);
  for (const { node, row } of state.catalog.group(gateway)?.instances.all() ?? []) {
    const kept = Object.entries(row.TaggedAddresses ?? {}).filter(([name]) => !gone.has(name));
    putInstance(state, journal, node, {
      ...row,
      Tags: row.Tags ?? [],
      Meta: row.Meta ?? {},
      TaggedAddresses: { ...Object.fromEntries(kept), ...addresses },
      ModifyIndex: journal.index,
    });
  }
}
