import type { Labels, Millis } from '@proconsul/base';

/** How a pool behaves. Everybody in it should agree on the limits and on `gossipIntervalMs`. */
export interface SerfOptions {
  /** Our name, unique in the pool. */
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** How long a leave, or a prune after a leave, waits until its message has been sent. */
  readonly broadcastTimeoutMs: Millis;
  /** How long a leaving member stays after its messages were sent, so that they spread. */
  readonly leavePropagateDelayMs: Millis;
  readonly reapIntervalMs: Millis;
  readonly reconnectIntervalMs: Millis;
  /**
   * How often it is looked whether members that failed in the last {@link SerfOptions.recentFailureMs} answer again; those that do are
   * tried at once. 0: never, as Serf has it.
   */
  readonly returnCheckIntervalMs: Millis;
  readonly recentFailureMs: Millis;
  /** Failed members are tried again for so long, then forgotten. */
  readonly reconnectTimeoutMs: Millis;
  /** A tag whose value, a duration as Go writes it, overrides `reconnectTimeoutMs` for its member. Empty: none. */
  readonly reconnectTimeoutTag: string;
  /** Members that left are remembered for so long. */
  readonly tombstoneTimeoutMs: Millis;
  /** A member that comes back sooner than this after it failed is flapping. */
  readonly flapTimeoutMs: Millis;
  /** Intents about members not known yet are kept for so long. */
  readonly recentIntentTimeoutMs: Millis;
  readonly queueCheckIntervalMs: Millis;
  /** Messages in one queue from which on a warning is logged. */
  readonly queueDepthWarning: number;
  /** Messages in one queue; the oldest is dropped beyond it. */
  readonly queueDepthMax: number;
  /** Bytes of name and payload of a user event, and of the message that carries them. */
  readonly userEventSizeLimit: number;
  /** Bytes of a query's message, and of a response's. */
  readonly querySizeLimit: number;
  readonly queryResponseSizeLimit: number;
  /** Gossip intervals that a query waits, times the logarithm of the size of the pool. */
  readonly queryTimeoutMult: number;
  /** As in the options of the gossip pool. */
  readonly gossipIntervalMs: Millis;
  readonly retransmitMult: number;
  /** When another member claims our name: true asks the pool and quits if the majority knows the other; false logs it. */
  readonly resolveConflicts: boolean;
  /** Whether round-trip times are turned into coordinates. */
  readonly coordinates: boolean;
  /** Path on the disk of the file from which a restart joins again. Empty: none. */
  readonly snapshotPath: string;
  /** Join again from the snapshot also when the last thing done was to leave. */
  readonly rejoinAfterLeave: boolean;
  /** Added to every metric, for example `{ network: 'lan' }`. */
  readonly metricLabels: Labels;
}

const HOUR_MS = 3_600_000;

/** No larger user event can be configured. */
export const USER_EVENT_SIZE_CAP = 9216;

/** What a plain Serf agent uses, which makes no return checks. Source: documentation of Serf's agent; gossip wire notes, section 4. */
export const SERF_DEFAULTS: Omit<SerfOptions, 'name' | 'tags'> = {
  broadcastTimeoutMs: 5_000,
  leavePropagateDelayMs: 1_000,
  reapIntervalMs: 15_000,
  reconnectIntervalMs: 30_000,
  returnCheckIntervalMs: 1_000,
  recentFailureMs: 600_000,
  reconnectTimeoutMs: 24 * HOUR_MS,
  reconnectTimeoutTag: '',
  tombstoneTimeoutMs: 24 * HOUR_MS,
  flapTimeoutMs: 60_000,
  recentIntentTimeoutMs: 300_000,
  queueCheckIntervalMs: 30_000,
  queueDepthWarning: 128,
  queueDepthMax: 4096,
  userEventSizeLimit: 512,
  querySizeLimit: 1024,
  queryResponseSizeLimit: 1024,
  queryTimeoutMult: 16,
  gossipIntervalMs: 200,
  retransmitMult: 4,
  resolveConflicts: true,
  coordinates: true,
  snapshotPath: '',
  rejoinAfterLeave: false,
  metricLabels: {},
};

/** What Consul's pools use where they differ from plain Serf. Source: gossip wire notes, sections 4 and 5. */
export const CONSUL_SERF_DEFAULTS: Omit<SerfOptions, 'name' | 'tags'> = {
  ...SERF_DEFAULTS,
  leavePropagateDelayMs: 3_000,
  reconnectTimeoutMs: 72 * HOUR_MS,
  reconnectTimeoutTag: 'rc_tm',
  resolveConflicts: false,
};
