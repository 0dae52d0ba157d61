import type { Clock, Log, Metrics } from '@proconsul/base';
import type { Caller, View } from '@proconsul/endpoints';
import type { AgentApi } from './agent-api.ts';
import type { AgentCache } from './agent-cache.ts';
import type { CachedReads } from './cached-reads.ts';
import type { FrontRequest } from './exchange.ts';
import type { SharedAnswer } from './front/shared-answer.ts';
import type { LongBodies } from './long-bodies.ts';

/** What of the configuration the API looks at; a reload may change it. */
export interface ApiSettings {
  /** `-dev`: JSON is always indented. */
  readonly indent: boolean;
  readonly defaultAclPolicy: 'allow' | 'deny';
  readonly aclEnabled: boolean;
  /** `connect.enabled`. */
  readonly connectEnabled: boolean;
  readonly responseHeaders: readonly (readonly [string, string])[];
  readonly translateWanAddrs: boolean;
  readonly blockEndpoints: readonly string[];
  /** Networks that may change things; empty: all. */
  readonly allowWriteFrom: readonly { contains(host: string): boolean }[];
  readonly useCache: boolean;
  readonly discoveryMaxStaleMs: number;
  readonly kvMaxValueSizeBytes: number;
  readonly txnMaxBytes: number;
  readonly disableUnprintableCharFilter: boolean;
  readonly uiEnabled: boolean;
  readonly uiContentPath: string;
  readonly useStreamingBackend: boolean;
  readonly enableDebug: boolean;
}

/** Everything that handlers reach. */
export interface ApiContext {
  readonly datacenter: string;
  readonly agent: AgentApi;
  readonly caller: Caller;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly agentCache: AgentCache;
  /** Where every read is a call to some server. Null: reads are cheap, nothing is kept. */
  readonly cachedReads: CachedReads | null;
  readonly longBodies: LongBodies;
  settings(): ApiSettings;
  /** Keeps a finished response for the next request with the same target. */
  remember?(req: FrontRequest, view: View<unknown>, answer: SharedAnswer): void;
  gzip(body: Uint8Array): Promise<Uint8Array>;
  /** The console's files: path below the content path to type and bytes. Undefined: there is no such file. */
  uiFile?(path: string): Promise<{ readonly type: string; readonly body: Uint8Array } | undefined>;
}
