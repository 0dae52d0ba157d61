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
  readonly config = new ConfigTable();
  readonly virtualIps = new VirtualIpTable();
  readonly opaque = new OpaqueTable();
  readonly metadata = new Map<string, SystemMetadataEntry>();
  /** MessagePack maps by datacenter. */
  readonly federation = new Map<string, Uint8Array>();
  autopilot: AutopilotConfig | null = null;
  /** Register records of peers' services, which nothing here reads, as they came in a snapshot. */
  readonly peered: Uint8Array[] = [];

  constructor(datacenter: string) {
    this.datacenter = datacenter;
  }
}
