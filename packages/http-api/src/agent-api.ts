import type { Level } from '@proconsul/base';
import type { CheckDefinition, HealthCheck, NodeService, ServiceDefinition } from '@proconsul/schema';

/** A member of a gossip pool, as `/v1/agent/members` shows it. */
export interface Member {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>>;
  /** 0 none, 1 alive, 2 leaving, 3 left, 4 failed. */
  readonly Status: number;
  readonly ProtocolMin: number;
  readonly ProtocolMax: number;
  readonly ProtocolCur: number;
  readonly DelegateMin: number;
  readonly DelegateMax: number;
  readonly DelegateCur: number;
}

export interface UserEvent {
  readonly ID: string;
  readonly Name: string;
  readonly Payload: Uint8Array | null;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
  readonly Version: number;
  readonly LTime: number;
}

/** A service that this agent owns. */
export interface LocalService {
  readonly service: NodeService;
}

/** Metrics of the last complete interval. */
export interface MetricsSnapshot {
  readonly Timestamp: string;
  readonly Gauges: readonly {
    readonly Name: string;
    readonly Value: number;
    readonly Labels: Readonly<Record<string, string>>;
  }[];
  readonly Points: readonly unknown[];
  readonly Counters: readonly MetricSample[];
  readonly Samples: readonly MetricSample[];
}

export interface MetricSample {
  readonly Name: string;
  readonly Count: number;
  readonly Rate: number;
  readonly Sum: number;
  readonly Min: number;
  readonly Max: number;
  readonly Mean: number;
  readonly Stddev: number;
  readonly Labels: Readonly<Record<string, string>>;
}

/** A request about this agent that cannot be met; `status` and the bare message go to the client. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type CheckStatus = 'passing' | 'warning' | 'critical';

/**
 * What the agent itself can be asked over HTTP: its own services and checks, its members, its life. Implemented by
 * the agent package; the routes only translate. Methods reject or throw AgentError with Consul's status and text.
 */
export interface AgentApi {
  readonly nodeName: string;
  readonly datacenter: string;

  /** By id. Changes produce a new object, so identity tells whether something changed. */
  services(): Readonly<Record<string, LocalService>>;
  checks(): Readonly<Record<string, HealthCheck>>;
  /**
   * Calls `done` when the content hash of a service differs from `hash` (an unknown service counts as different), or
   * after the wait. The returned function cancels.
   */
  blockOnService(id: string, hash: string, waitMs: number, done: () => void): () => void;
  /** Resolves when the change was pushed to the servers (a failed push is logged, not reported). */
  registerService(
    definition: ServiceDefinition,
    options: { replaceExistingChecks: boolean; token: string },
  ): Promise<void>;
  deregisterService(id: string, token: string): Promise<void>;
  registerCheck(definition: CheckDefinition, token: string): Promise<void>;
  deregisterCheck(id: string, token: string): Promise<void>;
  /** TTL checks only. */
  updateTtl(checkId: string, status: CheckStatus, output: string): Promise<void>;
  serviceMaintenance(id: string, enable: boolean, reason: string): Promise<void>;
  nodeMaintenance(enable: boolean, reason: string): Promise<void>;

  members(options: { wan: boolean; segment: string }): readonly Member[];
  join(address: string, wan: boolean): Promise<void>;
  leave(): Promise<void>;
  forceLeave(node: string, options: { prune: boolean; wan: boolean }): Promise<void>;
  reload(): Promise<void>;
  setToken(kind: string, token: string): Promise<void>;

  /** The object of `/v1/agent/self`, ready to print in this order of keys. */
  self(): Promise<Readonly<Record<string, unknown>>>;
  version(): { readonly SHA: string; readonly BuildDate: string; readonly HumanVersion: string; readonly FIPS: string };
  host(): Promise<Readonly<Record<string, unknown>>>;

  metrics(): MetricsSnapshot;
  /** Exposition text, or null when the retention time is not positive. */
  prometheus(): string | null;
  /** Calls `sink` with each interval's snapshot until the returned function is called. */
  metricsStream(sink: (snapshot: MetricsSnapshot) => void): () => void;
  /** Looks into the process for that many seconds; `name` is one of `/debug/pprof/`. */
  profile(
    name: string,
    seconds: number | undefined,
  ): Promise<{ readonly contentType: string; readonly bytes: Uint8Array }>;
  /** Calls `sink` with each line (no newline) at `level` or above until the returned function is called. */
  monitor(options: { level: Level; json: boolean }, sink: (line: string) => void): () => void;

  fireEvent(event: {
    readonly Name: string;
    readonly Payload: Uint8Array | null;
    readonly NodeFilter: string;
    readonly ServiceFilter: string;
    readonly TagFilter: string;
    readonly Datacenter: string;
    readonly Token: string;
  }): Promise<UserEvent>;
  /** The ring of the last events, oldest first. */
  events(): readonly UserEvent[];
  /** Calls `done` at the next event, or after the wait. The returned function cancels. */
  blockOnEvents(waitMs: number, done: () => void): () => void;

  /** A point-in-time archive of the replicated state, as chunks. */
  snapshotSave(options: {
    /** Empty: ours. */
    datacenter: string;
    stale: boolean;
    token: string;
  }): Promise<{ readonly index: number; readonly chunks: AsyncIterable<Uint8Array> }>;
  snapshotRestore(
    archive: AsyncIterable<Uint8Array>,
    options: { readonly datacenter: string; readonly token: string },
  ): Promise<void>;

  /** What every pool answers to an operation on its keys. */
  keyring(operation: {
    readonly op: 'list' | 'install' | 'use' | 'remove';
    readonly key: string;
    readonly relayFactor: number;
    readonly localOnly: boolean;
    readonly token: string;
  }): Promise<readonly Readonly<Record<string, unknown>>[]>;
}
