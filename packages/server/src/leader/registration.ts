import { HealthCheck, NodeService, RegisterRequest } from '@proconsul/schema';
import { SERF_HEALTH, type Store } from '@proconsul/store';
import { type PoolMember, serfVersions } from '../servers/member.ts';
import type { ServerInfo } from '../servers/server-tags.ts';

/** What the check of a member's agent says. Source: recorded catalogs. */
export const ALIVE_OUTPUT = 'Agent alive and reachable';
export const FAILED_OUTPUT = 'Agent not live or unreachable';

const CONSUL_SERVICE = 'consul';

/** The check that stands for a node's membership. */
export function serfHealth(node: string, isAlive: boolean): HealthCheck {
  return HealthCheck.make({
    Node: node,
    CheckID: SERF_HEALTH,
    Name: 'Serf Health Status',
    Status: isAlive ? 'passing' : 'critical',
    Output: isAlive ? ALIVE_OUTPUT : FAILED_OUTPUT,
  });
}

/** The service that a server is. Source: recorded registrations. */
export function consulService(server: ServerInfo): NodeService {
  const serf = serfVersions(server.member);
  return NodeService.make({
    ID: CONSUL_SERVICE,
    Service: CONSUL_SERVICE,
    Port: server.port,
    Weights: { Passing: 1, Warning: 1 },
    Meta: {
      ...(server.grpcPort > 0 ? { grpc_port: String(server.grpcPort) } : {}),
      ...(server.grpcTlsPort > 0 ? { grpc_tls_port: String(server.grpcTlsPort) } : {}),
      non_voter: String(server.readReplica),
      raft_version: String(server.raftVersion),
      read_replica: String(server.readReplica),
      serf_protocol_current: String(serf.current),
      serf_protocol_max: String(serf.max),
      serf_protocol_min: String(serf.min),
      version: server.build,
    },
  });
}

/** Numbers of the version that a member says it runs, if it says so. */
const versionOf = (member: PoolMember): string => /^(\d+\.\d+\.\d+)/.exec(member.tags['build'] ?? '')?.[1] ?? '';

function samePairs(a: Readonly<Record<string, string>> | null, b: Readonly<Record<string, string>> | null): boolean {
  const [left, right] = [a ?? {}, b ?? {}];
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

/**
 * What the catalog lacks about a living member: its node, its check and, for a server, its service. Null when it lacks
 * nothing. What the agent itself told of the node stays.
 */
export function aliveRegistration(
  store: Store,
  datacenter: string,
  member: PoolMember,
  server: ServerInfo | undefined,
): RegisterRequest | null {
  const node = store.catalog.node(member.name);
  const ID = member.tags['id'] ?? '';
  const isSameNode = node !== undefined && node.ID === ID && node.Address === member.address;
  const check = store.catalog.check(member.name, SERF_HEALTH);
  const isPassing = check?.Status === 'passing' && check.Output === ALIVE_OUTPUT;
  const wanted = server === undefined ? null : consulService(server);
  const present = wanted === null ? undefined : store.catalog.service(member.name, CONSUL_SERVICE);
  const isServed =
    wanted === null || (present !== undefined && present.Port === wanted.Port && samePairs(present.Meta, wanted.Meta));
  if (isSameNode && isPassing && isServed) return null;
  const version = versionOf(member);
  return RegisterRequest.make({
    Datacenter: datacenter,
    ID,
    Node: member.name,
    Address: member.address,
    SkipNodeUpdate: isSameNode,
    TaggedAddresses: null,
    NodeMeta: node?.Meta ?? (version === '' ? null : { 'consul-version': version }),
    Service: wanted,
    Check: serfHealth(member.name, true),
  });
}

/** The failed check of a member, null when the catalog says so already. */
export function failedRegistration(store: Store, datacenter: string, member: PoolMember): RegisterRequest | null {
  const check = store.catalog.check(member.name, SERF_HEALTH);
  if (check?.Status === 'critical' && check.Output === FAILED_OUTPUT) return null;
  return RegisterRequest.make({
    Datacenter: datacenter,
    ID: member.tags['id'] ?? '',
    Node: member.name,
    Address: member.address,
    SkipNodeUpdate: true,
    Check: serfHealth(member.name, false),
  });
}

/** The failed check of a node that the pool does not know, null when the catalog says so already. */
export function missingRegistration(store: Store, datacenter: string, name: string): RegisterRequest | null {
  const node = store.catalog.node(name);
  if (node === undefined) return null;
  const member = { name: node.Node, address: node.Address, port: 0, status: 'failed', tags: { id: node.ID } } as const;
  return failedRegistration(store, datacenter, member);
}
