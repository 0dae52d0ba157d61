import type { Member } from '@proconsul/http-api';
import { MemberStatus } from './api-member.ts';
import type { Membership } from './membership.ts';

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

  forceLeave(node: string, { wan }: { prune: boolean; wan: boolean }): boolean {
    return node === (wan ? `${this.#self.name}.${this.#self.datacenter}` : this.#self.name);
  }
}
