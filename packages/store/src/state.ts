import type { AutopilotConfig, SystemMetadataEntry } from '@proconsul/schema';
import { CatalogTable } from './catalog-table.ts';
import { ConfigTable } from './config-table.ts';
import { CoordinateTable } from './coordinates.ts';
import { IndexTable } from './index-table.ts';
import { KvTable } from './kv-table.ts';
import { OpaqueTable } from './opaque-table.ts';
import { QueryTable } from './prepared-queries.ts';
import { SessionTable } from './session-table.ts';
import { VirtualIpTable } from './virtual-ips.ts';

/** All replicated tables. A restore builds a fresh one and puts it in the place of the old. */
export class State {
  /** Datacenter of nodes that are registered without one. */
  readonly datacenter: string;
  /** Raft index of the last command that was applied. */
  lastIndex = 0;
  readonly indexes = new IndexTable();
  readonly kv = new KvTable();
  readonly catalog = new CatalogTable();
  readonly sessions = new SessionTable();
  readonly coordinates = new CoordinateTable();
  readonly queries = new QueryTable();
  readonly config: ConfigTable;
  readonly virtualIps: VirtualIpTable;
  readonly opaque = new OpaqueTable();
  readonly metadata = new Map<string, SystemMetadataEntry>();
  /** MessagePack maps by datacenter. */
  readonly federation = new Map<string, Uint8Array>();
  autopilot: AutopilotConfig | null = null;
  /** Empty for what is ours. */
  readonly peerName: string;
  /** Where the tables are that all share. */
  readonly main: State;
  /** What other clusters let us see of theirs, by the name of the peering in lower case. Nothing here reads it. */
  readonly peers = new Map<string, State>();

  constructor(datacenter: string, peer?: { readonly name: string; readonly main: State }) {
    this.datacenter = datacenter;
    this.peerName = peer?.name ?? '';
    this.main = peer?.main ?? this;
    this.config = peer?.main.config ?? new ConfigTable();
    this.virtualIps = peer?.main.virtualIps ?? new VirtualIpTable();
  }

  /** The catalog of a peer, made when it is not there yet; our own for the empty name. */
  peer(name: string): State {
    if (name === '') return this;
    const key = name.toLowerCase();
    let state = this.peers.get(key);
    if (state === undefined) {
      state = new State(this.datacenter, { name, main: this });
      this.peers.set(key, state);
    }
    return state;
  }
}
