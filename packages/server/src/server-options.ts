import type { Clock, Log, Metrics, Millis, Rng } from '@proconsul/base';
import type { Caller } from '@proconsul/endpoints';
import type { Coordinate } from '@proconsul/schema';
import type { Store } from '@proconsul/store';
import type { ServerFacts } from './autopilot.ts';
import type { Consensus } from './consensus.ts';

/** Settings of a server; durations in milliseconds unless named otherwise. Sources: configuration reference. */
export interface ServerOptions {
  readonly datacenter: string;
  /** Where things are kept that all datacenters share; missing or empty: here. */
  readonly primaryDatacenter?: string;
  /** How long a call waits for a leader before it fails. */
  readonly rpcHoldTimeoutMs: Millis;
  readonly defaultQueryTimeMs: Millis;
  readonly maxQueryTimeMs: Millis;
  readonly sessionTtlMinNs: number;
  /** Whether services may connect that no intention speaks of. Default: yes. */
  readonly allowWithoutIntention?: boolean;
}

export const SERVER_DEFAULTS: Omit<ServerOptions, 'datacenter'> = {
  rpcHoldTimeoutMs: 7000,
  defaultQueryTimeMs: 300_000,
  maxQueryTimeMs: 600_000,
  sessionTtlMinNs: 10e9,
};

export interface ServerDependencies {
  readonly store: Store;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The present leader, when that is another server and one that we know where to find. */
  leaderCaller(): Caller | undefined;
  /** A server of another datacenter; undefined when there is no such datacenter, `unreachable` when all have failed. */
  datacenterCaller(datacenter: string): Caller | undefined | 'unreachable';
  /** The servers of this datacenter as autopilot sees them. */
  servers(): readonly ServerFacts[];
  /** Brings `servers` up to date, where that is not done all the time. Never rejects. */
  askServers(): Promise<void>;
  /** WAN coordinates of the servers, by datacenter. */
  wanCoordinates(): readonly { Datacenter: string; AreaID: string; Coordinates: readonly Coordinate[] }[];
  /** Known datacenters, the nearest first. */
  datacenters(): readonly string[];
}
