import { formatDuration } from '@proconsul/base';
import { parseUint64, type Uint64 } from './json.ts';
import type { TransportResponse } from './transport.ts';

/** What every call may say; values given here win over the client's own options. */
export interface RequestOptions {
  readonly token?: string | undefined;
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly partition?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What reads may say. Source: HTTP API documentation, features: consistency, blocking, caching, filtering. */
export interface ReadOptions extends RequestOptions {
  readonly stale?: boolean | undefined;
  readonly consistent?: boolean | undefined;
  readonly cached?: boolean | undefined;
  readonly filter?: string | undefined;
  readonly near?: string | undefined;
  readonly nodeMeta?: Readonly<Record<string, string>> | undefined;
  /** Blocks until the answer's index is greater than this, or `waitMs` is over. 0 never blocks. */
  readonly index?: Uint64 | undefined;
  /** Longest block; the agent adds up to a sixteenth. Default of the agent: 300 s. */
  readonly waitMs?: number | undefined;
  /** Blocks while the content hash stays this one (agent service only). */
  readonly hash?: string | undefined;
}

/** What an answer says about itself, from its headers. */
export interface ReadMeta {
  /** Pass it as `index` to wait for the next change. Never below 1. */
  readonly index: Uint64;
  readonly lastContactMs: number;
  readonly knownLeader: boolean;
  readonly consistency: string | undefined;
  readonly cache: { readonly hit: boolean; readonly ageSeconds: number } | undefined;
  readonly contentHash: string | undefined;
  readonly filteredByAcls: boolean;
}

/** A value that was read, with what the agent said about it. */
export interface Answer<T> {
  readonly value: T;
  readonly meta: ReadMeta;
}

/** Parameters of a query string; true writes the name with no value, undefined, false and '' leave it out. */
export type Params = Readonly<Record<string, string | number | bigint | boolean | readonly string[] | undefined>>;

/** The parameters that {@link RequestOptions} stand for. */
export function requestParams(options: RequestOptions): Params {
  return { dc: options.datacenter, ns: options.namespace, partition: options.partition };
}

/** The parameters that {@link ReadOptions} stand for. */
export function readParams(options: ReadOptions): Params {
  return {
    ...requestParams(options),
    stale: options.stale,
    consistent: options.consistent,
    cached: options.cached,
    filter: options.filter,
    near: options.near,
    'node-meta': options.nodeMeta && Object.entries(options.nodeMeta).map(([k, v]) => `${k}:${v}`),
    index: options.index === 0 ? undefined : options.index,
    wait: options.waitMs === undefined ? undefined : formatDuration(options.waitMs * 1e6),
    hash: options.hash,
  };
}

/** Encodes a query string, names sorted, as Go's url.Values does; the empty string when nothing is left. */
export function encodeParams(params: Params): string {
  const parts: string[] = [];
  for (const name of Object.keys(params).sort()) {
    const value = params[name];
    if (value === undefined || value === false || value === '') continue;
    const values = Array.isArray(value) ? value : [value === true ? '' : String(value)];
    for (const v of values) parts.push(`${escapeQuery(name)}=${escapeQuery(v)}`);
  }
  return parts.join('&');
}

function escapeQuery(text: string): string {
  return percentEncode(text)
    .replace(/[!'()*]/g, percent)
    .replaceAll('%20', '+');
}

/** Encodes a path, keeping `/` and the other characters that Go keeps in paths. */
export function escapePath(path: string): string {
  return percentEncode(path)
    .replace(/[!'()*]/g, percent)
    .replace(/%(?:24|26|2B|2C|2F|3A|3B|3D|40)/g, decodeURIComponent);
}

/** One segment of a path: `/` is encoded too. */
export function escapeSegment(segment: string): string {
  return escapePath(segment).replaceAll('/', '%2F');
}

const percent = (c: string): string => `%${c.charCodeAt(0).toString(16).toUpperCase()}`;

function percentEncode(text: string): string {
  // With the u flag only lone surrogates match, and those have no UTF-8 form.
  return encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, '\ufffd'));
}

/** Reads the metadata headers of an answer. */
export function readMeta(response: TransportResponse): ReadMeta {
  const index = parseUint64(response.header('x-consul-index')) ?? 1;
  const cache = response.header('x-cache');
  return {
    index: index === 0 ? 1 : index,
    lastContactMs: Number(response.header('x-consul-lastcontact') ?? 0),
    knownLeader: response.header('x-consul-knownleader') === 'true',
    consistency: response.header('x-consul-effective-consistency'),
    cache: cache === undefined ? undefined : { hit: cache === 'HIT', ageSeconds: Number(response.header('age') ?? 0) },
    contentHash: response.header('x-consul-contenthash'),
    filteredByAcls: response.header('x-consul-results-filtered-by-acls') === 'true',
  };
}
