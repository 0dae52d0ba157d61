/** A member as far as it matters for who may be in one pool with us. SerfMember has this shape. */
export interface Candidate {
  readonly name: string;
  readonly status: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Who we are, for the rules of the LAN pool. */
export interface LanIdentity {
  readonly nodeName: string;
  readonly nodeId: string;
  readonly datacenter: string;
}

/** Node ids are compared from this release on. Source: gossip wire, section 5. */
const ID_SINCE = [0, 8, 5] as const;

const isAgent = (c: Candidate): boolean => c.tags['role'] === 'consul' || c.tags['role'] === 'node';

/** The N.N.N part of a build tag; undefined when there is none. */
function release(build: string | undefined): readonly number[] | undefined {
  const m = /(\d+)\.(\d+)\.(\d+)/.exec(build ?? '');
  return m === null ? undefined : m.slice(1, 4).map(Number);
}

function knowsIds(c: Candidate): boolean {
  const found = release(c.tags['build']);
  if (found === undefined) return false;
  for (const [i, since] of ID_SINCE.entries()) {
    if (found[i] !== since) return (found[i] as number) > since;
  }
  return true;
}

/** What of Consul Enterprise a member brings along that this edition must not be in one pool with. */
function enterpriseRefusal({ name, tags }: Candidate): string | undefined {
  if ((tags['segment'] ?? '') !== '') {
    return `Member '${name}' part of segment '${tags['segment']}'; Network Segments are a Consul Enterprise feature`;
  }
  if ((tags['ap'] ?? '') !== '') {
    return `Member '${name}' part of partition '${tags['ap']}'; Partitions are a Consul Enterprise feature`;
  }
  if ('fips' in tags) {
    return `Member '${name}' is FIPS Consul; FIPS Consul is only available in Consul Enterprise`;
  }
  return undefined;
}

/**
 * Why these members may not come into one LAN pool with us; undefined when they may. Members of other programs are
 * welcome, for they never reach the catalog. Texts: recorded (gossip wire, section 5).
 */
export function lanRefusal(members: readonly Candidate[], us: LanIdentity): string | undefined {
  const byId = new Map<string, string>();
  for (const m of members) {
    if (!isAgent(m)) continue;
    const { dc, id } = m.tags;
    if (dc !== us.datacenter) return `Member '${m.name}' part of wrong datacenter '${dc ?? ''}'`;
    const refusal = enterpriseRefusal(m);
    if (refusal !== undefined) return refusal;
    if (id === undefined || id === '' || m.status === 'left' || !knowsIds(m)) continue;
    if (id === us.nodeId && m.name !== us.nodeName) {
      return `Member '${m.name}' has conflicting node ID '${id}' with this agent's ID`;
    }
    const other = byId.get(id);
    if (other !== undefined && other !== m.name) {
      return `Member '${m.name}' has conflicting node ID '${id}' with member '${other}'`;
    }
    byId.set(id, m.name);
  }
  return undefined;
}

/** Why these members may not come into the WAN pool, which is for servers only. `isServer` judges the tags. */
export function wanRefusal(members: readonly Candidate[], isServer: (c: Candidate) => boolean): string | undefined {
  const stranger = members.find((m) => !isServer(m));
  return stranger === undefined ? undefined : `Member '${stranger.name}' is not a server`;
}
