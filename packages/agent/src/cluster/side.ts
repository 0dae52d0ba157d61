import type { RuntimeConfig } from '@proconsul/config';
import type { Caller } from '@proconsul/endpoints';
import type { UserEvent } from '@proconsul/http-api';
import type { NetworkCoordinate } from '@proconsul/serf';
import type { LocalServer } from '../local-server.ts';
import type { Stats } from '../self.ts';
import type { Membership } from './membership.ts';

/** What the rest of the agent hears from the cluster. */
export interface SideEvents {
  /** There is a server to talk to, or a new leader: what waits for one should try now. */
  serverUp(): void;
  /** What the configuration names as members of the LAN has been joined. */
  joined(): void;
  userEvent(event: UserEvent): void;
  /** This agent cannot go on: the process ends with 1. `what` is the line of the log. */
  fatal(what: string, error: Error): void;
}

export interface SnapshotOptions {
  readonly datacenter: string;
  readonly stale: boolean;
  readonly token: string;
}

/** An operation on the keys of gossip, in all pools of all datacenters unless `localOnly`. */
export interface KeyringOperation {
  readonly op: 'list' | 'install' | 'use' | 'remove';
  readonly key: string;
  readonly relayFactor: number;
  readonly localOnly: boolean;
  readonly token: string;
}

/** What one pool made of it. Spelling of Consul's wire. */
export interface KeyringAnswer {
  readonly WAN: boolean;
  readonly Datacenter: string;
  readonly Segment: string;
  readonly Messages: Readonly<Record<string, string>> | null;
  readonly Keys: Readonly<Record<string, number>> | null;
  readonly PrimaryKeys: Readonly<Record<string, number>> | null;
  readonly NumNodes: number;
  readonly Error: string;
}

/** The way of an agent into its cluster: a server has the state itself, a client asks servers. */
export interface ClusterSide {
  readonly caller: Caller;
  /** What this agent is of the replicated state; undefined for a client. */
  readonly server: LocalServer | undefined;
  readonly membership: Membership;
  /** Opens sockets and files. Rejects with Consul's text when something cannot start. */
  start(): Promise<void>;
  /** Begins to join what the configuration names. */
  join(): void;
  /** Says goodbye to the pools, and to the other servers. */
  leave(): Promise<void>;
  stop(): Promise<void>;
  reload(next: RuntimeConfig): void;
  /** Sections `consul`, `raft`, `serf_lan`, `serf_wan`. */
  stats(): Stats;
  coordinate(): NetworkCoordinate;
  /** Spreads an event that the agent has made. */
  fireEvent(event: UserEvent, datacenter: string, token: string): Promise<void>;
  keyring(operation: KeyringOperation): Promise<readonly KeyringAnswer[]>;
  snapshotSave(o: SnapshotOptions): Promise<{ readonly index: number; readonly chunks: AsyncIterable<Uint8Array> }>;
  snapshotRestore(archive: AsyncIterable<Uint8Array>, o: Omit<SnapshotOptions, 'stale'>): Promise<void>;
}
