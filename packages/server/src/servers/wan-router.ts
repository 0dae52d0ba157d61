import { type Clock, type Millis, type Rng, shuffle } from '@proconsul/base';
import type { Coordinate } from '@proconsul/schema';
import { distanceSeconds, UNKNOWN_RTT } from '../coordinates.ts';
import type { PoolMember } from './member.ts';
import { parseServerTags, type ServerInfo } from './server-tags.ts';

/** Servers of all datacenters together that the router holds. */
export const WAN_SERVERS_MAX = 4096;

/** How long a server that failed a call is tried last. */
export const FAILED_MARK_MS: Millis = 30_000;

/** A point in the space of round-trip times; seconds. */
export interface WanCoordinate {
  readonly Vec: readonly number[];
  readonly Error: number;
  readonly Adjustment: number;
  readonly Height: number;
}

export interface WanRouterDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  /** Our own coordinate in the WAN pool. */
  coordinate(): WanCoordinate | undefined;
  /** What was last heard of another member's. */
  coordinateOf(name: string): WanCoordinate | undefined;
}

/** What one datacenter tells of its servers' places. */
export interface DatacenterCoordinates {
  readonly Datacenter: string;
  readonly AreaID: string;
  readonly Coordinates: readonly Coordinate[];
}

/** The servers of every datacenter that the WAN pool knows: who gets a call, and how far away they are. */
export class WanRouter {
  readonly #datacenter: string;
  readonly #d: WanRouterDependencies;
  readonly #servers = new Map<string, ServerInfo>();
  /** Name to the moment until which it is tried last. */
  readonly #failedUntil = new Map<string, Millis>();

  constructor(datacenter: string, dependencies: WanRouterDependencies) {
    this.#datacenter = datacenter;
    this.#d = dependencies;
  }

  /** Takes note of a member that came or changed. */
  update(member: PoolMember): void {
    const server = parseServerTags(member);
    if (server === undefined || server.datacenter === '' || member.status === 'left' || member.status === 'none') {
      this.remove(member.name);
      return;
    }
    if (!this.#servers.has(server.name) && this.#servers.size >= WAN_SERVERS_MAX) return;
    if (member.status === 'alive' && this.#servers.get(server.name)?.status !== 'alive') {
      this.#failedUntil.delete(server.name);
    }
    this.#servers.set(server.name, server);
  }

  /** Forgets a member that left or was reaped. */
  remove(name: string): void {
    this.#servers.delete(name);
    this.#failedUntil.delete(name);
  }

  /** Makes the router equal to a whole pool. */
  replace(members: readonly PoolMember[]): void {
    const names = new Set(members.map((m) => m.name));
    for (const name of [...this.#servers.keys()]) if (!names.has(name)) this.remove(name);
    for (const member of members) this.update(member);
  }

  /** A call to a server found nobody: others go first for a while. */
  failed(name: string): void {
    if (this.#servers.has(name)) this.#failedUntil.set(name, this.#d.clock.now() + FAILED_MARK_MS);
  }

  /**
   * A server of a datacenter: a random one that lives and did not fail lately; `unreachable` when all are known to have
   * failed, undefined when the datacenter is not known. Source: RPC wire, forwarding.
   */
  pick(datacenter: string): ServerInfo | 'unreachable' | undefined {
    const known = this.serversOf(datacenter);
    if (known.length === 0) return undefined;
    const alive = known.filter((server) => server.status === 'alive');
    if (alive.length === 0) return 'unreachable';
    const now = this.#d.clock.now();
    const proven = alive.filter((server) => now >= (this.#failedUntil.get(server.name) ?? Number.NEGATIVE_INFINITY));
    return shuffle(this.#d.rng, proven.length > 0 ? proven : alive)[0];
  }

  serversOf(datacenter: string): readonly ServerInfo[] {
    return [...this.#servers.values()].filter((server) => server.datacenter === datacenter);
  }

  all(): readonly ServerInfo[] {
    return [...this.#servers.values()];
  }

  /** Every known datacenter, ours too, the nearest first by the median of its servers; by name where that is equal. */
  datacenters(): readonly string[] {
    const names = new Set([this.#datacenter]);
    for (const server of this.#servers.values()) names.add(server.datacenter);
    const rows = [...names].map((name) => ({ name, rtt: this.#distance(name) }));
    rows.sort((a, b) => (a.rtt === b.rtt ? compare(a.name, b.name) : a.rtt - b.rtt));
    return rows.map((row) => row.name);
  }

  /** The places of all servers, by datacenter, for those whose place is known. */
  coordinates(): readonly DatacenterCoordinates[] {
    const byDatacenter = new Map<string, Coordinate[]>();
    for (const server of this.#servers.values()) {
      const Coord = this.#d.coordinateOf(server.name);
      const rows = byDatacenter.get(server.datacenter) ?? [];
      byDatacenter.set(server.datacenter, rows);
      if (Coord !== undefined) rows.push({ Node: server.shortName, Segment: '', Partition: '', Coord });
    }
    return [...byDatacenter]
      .sort(([a], [b]) => compare(a, b))
      .map(([Datacenter, Coordinates]) => ({
        Datacenter,
        AreaID: 'wan',
        Coordinates: Coordinates.sort((a, b) => compare(a.Node, b.Node)),
      }));
  }

  /** Seconds to a datacenter. Ours is where we are. */
  #distance(datacenter: string): number {
    if (datacenter === this.#datacenter) return 0;
    const own = this.#d.coordinate();
    if (own === undefined) return UNKNOWN_RTT;
    const rtts: number[] = [];
    for (const server of this.serversOf(datacenter)) {
      const other = this.#d.coordinateOf(server.name);
      if (other !== undefined) rtts.push(distanceSeconds(own, other));
    }
    rtts.sort((a, b) => a - b);
    return rtts[Math.floor(rtts.length / 2)] ?? UNKNOWN_RTT;
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
