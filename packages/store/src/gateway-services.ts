import { type ConfigRow, decodedEntry, listOf } from './config-table.ts';
import { type Dep, dep, type ReadResult } from './dep.ts';
import type { State } from './state.ts';

/** One service that a gateway serves. */
export interface GatewayService {
  readonly Gateway: { readonly Name: string };
  readonly Service: { readonly Name: string };
  readonly GatewayKind: string;
  readonly Port: number;
  readonly Protocol: string;
  readonly Hosts: readonly string[] | null;
  readonly CAFile: string;
  readonly CertFile: string;
  readonly KeyFile: string;
  readonly SNI: string;
  readonly FromWildcard: boolean;
  readonly ServiceKind: string;
  readonly AutoHostRewrite: boolean;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

const INGRESS = 'ingress-gateway';
const TERMINATING = 'terminating-gateway';
const WILDCARD = '*';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The services of a gateway, from its config entry. An unknown gateway has none. */
export function gatewayServices(state: State, gateway: string): ReadResult<readonly GatewayService[]> {
  const value: GatewayService[] = [];
  const deps: Dep[] = [dep('config-kind', INGRESS), dep('config-kind', TERMINATING)];
  let index = state.indexes.get('gateway-services');
  for (const kind of [TERMINATING, INGRESS]) {
    const row = state.config.get(kind, gateway);
    if (row === undefined) continue;
    const services = kind === INGRESS ? ingressServices(row) : terminatingServices(row);
    if (services.some((service) => service.Service.Name === WILDCARD)) {
      deps.push(dep('service-names'));
      index = Math.max(index, state.indexes.get('kind_service_names.typical'));
    }
    value.push(...expand(state, services));
  }
  return { index: Math.max(1, index), value, deps };
}

function base(row: ConfigRow, service: string): GatewayService {
  return {
    Gateway: { Name: row.Name },
    Service: { Name: service },
    GatewayKind: row.Kind,
    Port: 0,
    Protocol: '',
    Hosts: null,
    CAFile: '',
    CertFile: '',
    KeyFile: '',
    SNI: '',
    FromWildcard: false,
    ServiceKind: '',
    AutoHostRewrite: false,
    CreateIndex: row.gatewayIndex,
    ModifyIndex: row.gatewayIndex,
  };
}

function terminatingServices(row: ConfigRow): GatewayService[] {
  return listOf(decodedEntry(row)['Services']).map((service) => ({
    ...base(row, text(service['Name'])),
    CAFile: text(service['CAFile']),
    CertFile: text(service['CertFile']),
    KeyFile: text(service['KeyFile']),
    SNI: text(service['SNI']),
    AutoHostRewrite: service['DisableAutoHostRewrite'] !== true,
  }));
}

function ingressServices(row: ConfigRow): GatewayService[] {
  const out: GatewayService[] = [];
  for (const listener of listOf(decodedEntry(row)['Listeners'])) {
    for (const service of listOf(listener['Services'])) {
      const hosts = service['Hosts'];
      out.push({
        ...base(row, text(service['Name'])),
        Port: Number(listener['Port'] ?? 0),
        Protocol: text(listener['Protocol']),
        Hosts: Array.isArray(hosts) ? hosts.map(text) : null,
      });
    }
  }
  return out;
}

/** Puts every ordinary service that is not named itself in the place of a wildcard. */
function expand(state: State, services: readonly GatewayService[]): GatewayService[] {
  const named = new Set(services.map((service) => service.Service.Name));
  const out: GatewayService[] = [];
  for (const service of services) {
    if (service.Service.Name !== WILDCARD) {
      out.push(service);
      continue;
    }
    for (const Name of ordinaryServices(state)) {
      if (!named.has(Name)) out.push({ ...service, Service: { Name }, FromWildcard: true });
    }
  }
  return out;
}

function ordinaryServices(state: State): string[] {
  const names: string[] = [];
  for (const group of state.catalog.groups.values()) {
    // One instance of an ordinary kind is enough, whatever the others are.
    const ordinary = group.instances.all().find((instance) => instance.row.Kind === '');
    if (ordinary !== undefined && ordinary.row.Service !== 'consul') names.push(ordinary.row.Service);
  }
  return names.sort();
}

function gatewaysFor(state: State, kind: string, service: string): string[] {
  const wanted = service.toLowerCase();
  const names: string[] = [];
  for (const row of state.config.ofKind(kind)) {
    const services = kind === INGRESS ? ingressServices(row) : terminatingServices(row);
    const serves = services.some(({ Service: { Name } }) => Name === WILDCARD || Name.toLowerCase() === wanted);
    if (serves) names.push(row.Name);
  }
  return names;
}

/** Names of the ingress gateways that expose a service. */
export function ingressGateways(state: State, service: string): string[] {
  return gatewaysFor(state, INGRESS, service);
}

/** Names of the terminating gateways that lead to a service. */
export function terminatingGateways(state: State, service: string): string[] {
  return gatewaysFor(state, TERMINATING, service);
}
