import type { Member } from '@proconsul/http-api';

/** Member states as the API numbers them. */
export const MemberStatus = { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 } as const;

export interface MembershipEvents {
  /** An agent appeared, changed or went. */
  onChange?(): void;
}

/** The gossip pools as the agent sees them. */
export interface Membership {
  lan(): readonly Member[];
  wan(): readonly Member[];
  /** Rejects with AgentError when none of the addresses answered. */
  join(addresses: readonly string[], wan: boolean): Promise<number>;
  leave(): Promise<void>;
  /** False when there is no such member. */
  forceLeave(node: string, options: { prune: boolean; wan: boolean }): boolean;
}

/** What a server tells about itself in its tags. Source: recorded members. */
export interface ServerTags {
  readonly datacenter: string;
  readonly nodeId: string;
  readonly version: string;
  readonly serverPort: number;
  readonly grpcPort: number;
  readonly grpcTlsPort: number;
  readonly wanPort: number;
  readonly aclEnabled: boolean;
  readonly bootstrap: boolean;
  readonly bootstrapExpect: number;
  readonly useTls: boolean;
}

export function serverTags(t: ServerTags): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {
    acls: t.aclEnabled ? '1' : '0',
    build: `${t.version}:`,
    dc: t.datacenter,
    ft_fs: '1',
    ft_si: '1',
    id: t.nodeId,
    port: String(t.serverPort),
    raft_vsn: '3',
    role: 'consul',
    segment: '',
    vsn: '2',
    vsn_max: '3',
    vsn_min: '2',
  };
  if (t.grpcPort > 0) tags['grpc_port'] = String(t.grpcPort);
  if (t.grpcTlsPort > 0) tags['grpc_tls_port'] = String(t.grpcTlsPort);
  if (t.wanPort > 0) tags['wan_join_port'] = String(t.wanPort);
  if (t.bootstrap) tags['bootstrap'] = '1';
  if (t.bootstrapExpect > 0) tags['expect'] = String(t.bootstrapExpect);
  if (t.useTls) tags['use_tls'] = '1';
  return tags;
}

/** Versions that members of a pool speak. Source: recorded members. */
const PROTOCOLS = { ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4 };

export interface SelfMember {
  readonly name: string;
  readonly datacenter: string;
  readonly lan: { readonly ip: string; readonly port: number };
  readonly wan: { readonly ip: string; readonly port: number } | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** A pool of one: this agent alone. */
export class LoneMembership implements Membership {
  readonly #self: SelfMember;

  constructor(self: SelfMember) {
    this.#self = self;
  }

  lan(): readonly Member[] {
    const { name, lan, tags } = this.#self;
    return [{ Name: name, Addr: lan.ip, Port: lan.port, Tags: tags, Status: MemberStatus.alive, ...PROTOCOLS }];
  }

  wan(): readonly Member[] {
    const { name, datacenter, wan, tags } = this.#self;
    if (wan === undefined) return [];
    // Only the LAN pool is told where to join the WAN.
    const { wan_join_port: _, ...wanTags } = tags;
    return [
      {
        Name: `${name}.${datacenter}`,
        Addr: wan.ip,
        Port: wan.port,
        Tags: wanTags,
        Status: MemberStatus.alive,
        ...PROTOCOLS,
      },
    ];
  }

  /** The own address counts as joined; nobody else can be reached. */
  async join(addresses: readonly string[], wan: boolean): Promise<number> {
    const mine = wan ? this.#self.wan : this.#self.lan;
    return addresses.filter((a) => mine !== undefined && (a === mine.ip || a === `${mine.ip}:${mine.port}`)).length;
  }

  async leave(): Promise<void> {}

  forceLeave(node: string, { wan }: { prune: boolean; wan: boolean }): boolean {
    return node === (wan ? `${this.#self.name}.${this.#self.datacenter}` : this.#self.name);
  }
}
