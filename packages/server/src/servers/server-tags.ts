import { hostPort, type MemberState, type PoolMember } from './member.ts';

/** A server as its tags describe it. */
export interface ServerInfo {
  /** Of the member: `n1` in the LAN pool, `n1.dc1` in the WAN pool. */
  readonly name: string;
  /** Node name without the datacenter. */
  readonly shortName: string;
  /** Node id, empty for servers that tell none. */
  readonly id: string;
  readonly datacenter: string;
  readonly host: string;
  /** Of RPC. */
  readonly port: number;
  /** `host:port` of RPC. */
  readonly address: string;
  readonly status: MemberState;
  readonly bootstrap: boolean;
  /** 0 when it expects no number. */
  readonly expect: number;
  /** Three numbers. */
  readonly build: string;
  readonly raftVersion: number;
  readonly useTls: boolean;
  /** 0 when it is not told: members of the WAN pool, or no WAN pool. */
  readonly wanJoinPort: number;
  readonly grpcPort: number;
  readonly grpcTlsPort: number;
  readonly readReplica: boolean;
  readonly acls: string;
  readonly featureFlags: Readonly<Record<string, number>>;
  readonly member: PoolMember;
}

/** Decimal integers as tags hold them; anything else is a bad tag. */
const INTEGER = /^[+-]?\d{1,15}$/;
const BUILD = /^(?:[vV])?(\d+\.\d+\.\d+)/;

/** A tag that must be a number where it is there: 0 when absent, undefined when bad. */
function optional(tags: PoolMember['tags'], name: string): number | undefined {
  const text = tags[name];
  if (text === undefined) return 0;
  return INTEGER.test(text) ? Number(text) : undefined;
}

/** External gRPC: one of both ports may be left out, but one that is there must be positive where both would be 0. */
function grpcPorts(tags: PoolMember['tags']): { readonly plain: number; readonly tls: number } | undefined {
  const plain = optional(tags, 'grpc_port');
  const tls = optional(tags, 'grpc_tls_port');
  if (plain === undefined || tls === undefined) return undefined;
  const isTold = tags['grpc_port'] !== undefined || tags['grpc_tls_port'] !== undefined;
  return isTold && plain <= 0 && tls <= 0 ? undefined : { plain, tls };
}

function featureFlags(tags: PoolMember['tags']): Readonly<Record<string, number>> | undefined {
  const flags: Record<string, number> = {};
  for (const [name, text] of Object.entries(tags)) {
    if (!name.startsWith('ft_')) continue;
    if (!INTEGER.test(text)) return undefined;
    flags[name.slice(3)] = Number(text);
  }
  return flags;
}

/**
 * The server that a member is, undefined when it is none. One bad tag makes a server invisible.
 * Source: gossip wire, tags of a server.
 */
export function parseServerTags(member: PoolMember): ServerInfo | undefined {
  const { tags } = member;
  if (tags['role'] !== 'consul') return undefined;
  const port = INTEGER.test(tags['port'] ?? '') ? Number(tags['port']) : 0;
  if (port < 1 || port > 65_535 || !INTEGER.test(tags['vsn'] ?? '')) return undefined;
  const build = BUILD.exec((tags['build'] ?? '').split(':')[0] ?? '')?.[1];
  const expect = optional(tags, 'expect');
  const wanJoinPort = optional(tags, 'wan_join_port');
  const raftVersion = optional(tags, 'raft_vsn');
  const grpc = grpcPorts(tags);
  const flags = featureFlags(tags);
  if (build === undefined || expect === undefined || wanJoinPort === undefined) return undefined;
  if (raftVersion === undefined || grpc === undefined || flags === undefined) return undefined;
  const datacenter = tags['dc'] ?? '';
  return {
    name: member.name,
    shortName: member.name.endsWith(`.${datacenter}`) ? member.name.slice(0, -datacenter.length - 1) : member.name,
    id: tags['id'] ?? '',
    datacenter,
    host: member.address,
    port,
    address: hostPort(member.address, port),
    status: member.status,
    bootstrap: tags['bootstrap'] !== undefined,
    expect,
    build,
    raftVersion,
    useTls: tags['use_tls'] !== undefined,
    wanJoinPort,
    grpcPort: grpc.plain,
    grpcTlsPort: grpc.tls,
    readReplica: tags['read_replica'] !== undefined || tags['nonvoter'] !== undefined,
    acls: tags['acls'] ?? '',
    featureFlags: flags,
    member,
  };
}
