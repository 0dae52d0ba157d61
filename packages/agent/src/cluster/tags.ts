type Tags = Readonly<Record<string, string>>;

/** What every agent tells about itself. */
interface AgentTags {
  readonly datacenter: string;
  readonly nodeId: string;
  readonly version: string;
}

/** What a server tells about itself in its tags. Source: gossip wire, section 5. */
export interface ServerTags extends AgentTags {
  readonly serverPort: number;
  readonly grpcPort: number;
  readonly grpcTlsPort: number;
  readonly wanPort: number;
  readonly aclEnabled: boolean;
  readonly bootstrap: boolean;
  readonly bootstrapExpect: number;
  readonly useTls: boolean;
}

/** Protocol of Consul itself: spoken, and the range that could be. */
const PROTOCOL = { vsn: '2', vsn_min: '2', vsn_max: '3' } as const;

const common = (t: AgentTags): Record<string, string> => ({
  build: `${t.version}:`,
  dc: t.datacenter,
  id: t.nodeId,
  segment: '',
  ...PROTOCOL,
});

/** Tags of a server in the LAN pool. */
export function serverTags(t: ServerTags): Tags {
  const tags: Record<string, string> = {
    ...common(t),
    acls: t.aclEnabled ? '1' : '0',
    ft_fs: '1',
    ft_si: '1',
    port: String(t.serverPort),
    raft_vsn: '3',
    role: 'consul',
  };
  if (t.grpcPort > 0) tags['grpc_port'] = String(t.grpcPort);
  if (t.grpcTlsPort > 0) tags['grpc_tls_port'] = String(t.grpcTlsPort);
  if (t.wanPort > 0) tags['wan_join_port'] = String(t.wanPort);
  if (t.bootstrap) tags['bootstrap'] = '1';
  if (t.bootstrapExpect > 0) tags['expect'] = String(t.bootstrapExpect);
  if (t.useTls) tags['use_tls'] = '1';
  return tags;
}

/** The same server in the WAN pool: only the LAN pool is told where to join the WAN. */
export function wanTags(lan: Tags): Tags {
  const { wan_join_port: _, ...rest } = lan;
  return rest;
}

/** Tags of a client agent. `reconnectTimeout` as Go prints a duration; empty: the pool's own. */
export function clientTags(t: AgentTags & { readonly reconnectTimeout: string }): Tags {
  const rc = t.reconnectTimeout === '' ? {} : { rc_tm: t.reconnectTimeout };
  return { ...common(t), role: 'node', ...rc };
}
