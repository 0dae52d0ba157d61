/** States of a member of a pool, as the API names them. */
export type MemberState = 'none' | 'alive' | 'leaving' | 'left' | 'failed';

/** A member of a gossip pool, as far as servers look at it. */
export interface PoolMember {
  readonly name: string;
  readonly address: string;
  /** Of gossip. */
  readonly port: number;
  readonly status: MemberState;
  readonly tags: Readonly<Record<string, string>>;
  /** Versions of memberlist's protocol (min, max, current) and of Serf's, where they are known. */
  readonly protocol?: readonly [number, number, number];
  readonly delegate?: readonly [number, number, number];
}

/** `address:port`, brackets around IPv6. */
export const hostPort = (host: string, port: number): string => (host.includes(':') ? `[${host}]` : host) + `:${port}`;

/** Wire versions that members of this release speak, for members that do not tell them. Source: recorded members. */
const SERF_VERSIONS = { min: 1, max: 5, current: 2 };

/** The three versions that the catalog shows for a server. Source: recorded `consul` service. */
export function serfVersions(member: PoolMember): { min: number; max: number; current: number } {
  const [min, max, current] = member.protocol ?? [SERF_VERSIONS.min, SERF_VERSIONS.max, SERF_VERSIONS.current];
  return { min, max, current };
}
