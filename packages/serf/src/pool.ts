import type { Endpoint } from '@proconsul/base';
import type { SerfMember } from './events.ts';

/** A point in the space of round-trip times; seconds. Source: Vivaldi (Dabek et al. 2004); serf documentation. */
export interface NetworkCoordinate {
  readonly Vec: readonly number[];
  readonly Error: number;
  readonly Adjustment: number;
  readonly Height: number;
}

export interface QueryOptions {
  readonly nodes?: readonly string[];
  /** Regular expressions by tag. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly wantAck?: boolean;
  readonly relayFactor?: number;
  /** 0: the default for the size of the pool. */
  readonly timeoutMs?: number;
  onAck?(from: string): void;
  onResponse?(from: string, payload: Uint8Array): void;
}

export interface KeyOperationResult {
  readonly nodes: number;
  readonly responses: number;
  readonly failures: number;
  /** By member: what went wrong, or what it has to say. */
  readonly messages: Readonly<Record<string, string>>;
  /** Base64 key to how many members have it. */
  readonly keys: Readonly<Record<string, number>>;
  readonly primaryKeys: Readonly<Record<string, number>>;
}

/** One member's hold on a Serf pool: what the agent uses. `Serf` implements it. */
export interface SerfPool {
  start(): Promise<void>;
  members(): readonly SerfMember[];
  readonly self: SerfMember;
  join(
    addresses: readonly Endpoint[],
    options: { readonly ignoreOldEvents: boolean },
  ): Promise<{ readonly joined: number; readonly errors: readonly Error[] }>;
  /** Leaves for good; resolves when the others had the time to hear of it. */
  leave(): Promise<void>;
  stop(): Promise<void>;
  /** A connection to that address broke, or one from there: its members are probed next. */
  lookAt(host: string): void;
  /** Marks a failed member as left; with `prune` forgets it. False when there is no such member. */
  forceLeave(name: string, prune: boolean): boolean;
  setTags(tags: Readonly<Record<string, string>>): void;
  /** Throws SerfError when too large. */
  userEvent(name: string, payload: Uint8Array, coalesce: boolean): void;
  /** Resolves when the time is over, or when everybody asked has answered. */
  query(name: string, payload: Uint8Array, options: QueryOptions): Promise<void>;
  coordinate(): NetworkCoordinate;
  /** What was last heard of another's coordinate. */
  coordinateOf(name: string): NetworkCoordinate | undefined;
  installKey(key: string, relayFactor: number): Promise<KeyOperationResult>;
  useKey(key: string, relayFactor: number): Promise<KeyOperationResult>;
  removeKey(key: string, relayFactor: number): Promise<KeyOperationResult>;
  listKeys(relayFactor: number): Promise<KeyOperationResult>;
  isEncrypted(): boolean;
  /** `members`, `failed`, `left`, `health_score`, `member_time`, ... as `info` shows them. */
  stats(): Readonly<Record<string, string>>;
}
