import { CodedError } from '@proconsul/base';

/**
 * A result that many questions share. It does not change; when the data behind it does, `valid` turns false for good and the
 * next question reads again. Encoded answers are kept beside the views that they were made from, and used again while every
 * one of them is valid.
 *
 * A source that cannot tell when data changes (one that asks a server by RPC) hands out views that are never valid.
 */
export interface View<T> {
  readonly value: T;
  readonly valid: boolean;
  /** For the source: values that it derives from `value`, by the name of the derivation. DNS keeps its own elsewhere. */
  readonly memo?: Map<string, unknown>;
  /** The answer came from a server that had not heard of its leader for more than five seconds. */
  readonly stale?: boolean;
}

/** Synchronous where the data is local. */
export type Read<T> = View<T> | Promise<View<T>>;

/** What goes with every read. */
export interface ReadOptions {
  /** Undefined means the datacenter of the agent. */
  readonly datacenter: string | undefined;
  readonly allowStale: boolean;
  readonly maxStaleMs: number;
  readonly useCache: boolean;
  readonly cacheMaxAgeMs: number;
  /** The token of this one question (DNS over gRPC); undefined means the token of the agent for DNS. */
  readonly token: string | undefined;
}

export interface ServiceLookup extends ReadOptions {
  /** `connect`: the proxies and native instances in front of the service; `ingress`: the gateways that expose it. */
  readonly kind: 'service' | 'connect' | 'ingress';
  /** In lower case. The source compares without regard to case. */
  readonly service: string;
  /** Name of the peering that the service is imported from. */
  readonly peer: string | undefined;
}

export interface PreparedQueryLookup extends ReadOptions {
  /** Name or id, in lower case. */
  readonly name: string;
  /** Where the question comes from: for queries that are near `_ip`. */
  readonly sourceAddress: string;
}

/** A node as the catalog has it, with the spelling of the HTTP API. */
export interface NodeRecord {
  readonly Node: string;
  readonly Address: string;
  readonly Datacenter: string;
  readonly TaggedAddresses?: Readonly<Record<string, string>> | null | undefined;
  readonly Meta?: Readonly<Record<string, string>> | null | undefined;
}

/** One instance with its node and the checks of both, as `/v1/health/service` answers it. */
export interface ServiceNode {
  readonly Node: NodeRecord;
  readonly Service: {
    readonly Service: string;
    readonly Address: string;
    readonly Port: number;
    readonly Tags?: readonly string[] | null | undefined;
    readonly TaggedAddresses?:
      | Readonly<Record<string, { readonly Address: string; readonly Port: number }>>
      | null
      | undefined;
    readonly Weights?: { readonly Passing: number; readonly Warning: number } | null | undefined;
    /** Set when the instance was imported. */
    readonly PeerName?: string | undefined;
  };
  readonly Checks: readonly { readonly Status: string }[];
}

export interface PreparedAnswer {
  /** Filtered by the rules of the query already. */
  readonly nodes: readonly ServiceNode[];
  readonly service: string;
  /** Where the answer comes from after failover. */
  readonly datacenter: string;
  /** Seconds; undefined means the TTL of the service. */
  readonly ttl: number | undefined;
  /** The order counts (near); otherwise it is shuffled. */
  readonly ordered: boolean;
  /** The answer is for this client only. */
  readonly perClient: boolean;
}

/** A service that answers at an address, for reverse lookups. */
export interface ServiceAddress {
  readonly Service: string;
  readonly Datacenter: string;
}

/**
 * Where answers come from. Every method may throw or reject with {@link DnsSourceError}; anything else thrown is a SERVFAIL
 * too, and is logged.
 */
export interface DnsSource {
  /** All instances whatever their tags and health; empty when there are none. */
  service(lookup: ServiceLookup): Read<readonly ServiceNode[]>;
  /** `name` is in lower case; the source compares without regard to case. */
  node(name: string, options: ReadOptions): Read<NodeRecord | undefined>;
  /** Nodes with exactly this address (text in the form of RFC 5952), in the order of their names. */
  nodesByAddress(address: string, options: ReadOptions): Read<readonly NodeRecord[]>;
  servicesByAddress(address: string, options: ReadOptions): Read<readonly ServiceAddress[]>;
  /** The servers of the datacenter. */
  servers(options: ReadOptions): Read<readonly NodeRecord[]>;
  /** Undefined when there is no such query. */
  preparedQuery(lookup: PreparedQueryLookup): Read<PreparedAnswer | undefined>;
  /** The virtual address of a service; undefined when it has none. */
  virtualIp(service: string, peer: string | undefined, options: ReadOptions): Read<string | undefined>;
}

/**
 * `NO_DATACENTER`, `PERMISSION_DENIED` and `NOT_FOUND` become NXDOMAIN; `UNAVAILABLE` (no leader, no server, rate limit)
 * becomes SERVFAIL.
 */
export type DnsSourceErrorCode = 'NO_DATACENTER' | 'PERMISSION_DENIED' | 'NOT_FOUND' | 'UNAVAILABLE';

export class DnsSourceError extends CodedError {
  declare readonly code: DnsSourceErrorCode;
  override readonly name = 'DnsSourceError';
  constructor(code: DnsSourceErrorCode, message: string) {
    super(code, message);
  }
}

/** A view of something that never changes. */
export function constantView<T>(value: T): View<T> {
  return { value, valid: true };
}
