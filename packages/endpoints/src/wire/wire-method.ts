import type { QueryMeta } from '@proconsul/schema';
import type { CommonArgs, ReadMethod, WriteMethod } from '../method.ts';
import type { ReadMeta, ReadOptions } from '../view.ts';

/** How an answer stands: what its `+QM` fields carry. */
export interface WireMeta extends ReadMeta {
  /** What `X-Consul-Index` tells; 0 where the answer has none. */
  readonly index: number;
}

/** Of answers that tell nothing about themselves. */
export const BARE_META: WireMeta = { index: 1, knownLeader: true, lastContactMs: 0 };

export interface WireRequest<A> {
  readonly args: A;
  readonly options: ReadOptions;
}

export interface WireReply<T> {
  readonly value: T;
  readonly meta: WireMeta;
}

/**
 * One method as it stands on Consul's wire: a MessagePack value for the request and one for the reply. Decoders throw
 * ProtocolError, and nothing else, for whatever bytes. Source: RPC as recorded between agents of version 1.21.0.
 */
export interface WireMethod<A extends CommonArgs, T> {
  /** `KVS.Get`. Mostly, but not always, the name of the endpoint method behind it. */
  readonly name: string;
  readonly method: ReadMethod<A, T> | WriteMethod<A, T>;
  encodeRequest(args: A, options: ReadOptions): Uint8Array;
  decodeRequest(body: Uint8Array): WireRequest<A>;
  /** Some answers mean something only together with what was asked. */
  encodeReply(value: T, meta: WireMeta, args: A): Uint8Array;
  decodeReply(body: Uint8Array, args: A): WireReply<T>;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds methods of every type
export type AnyWireMethod = WireMethod<any, any>;

/** The request half of a method. */
export type RequestCodec<A> = Pick<WireMethod<A & CommonArgs, unknown>, 'encodeRequest' | 'decodeRequest'>;
/** The reply half of a method. */
export interface ReplyCodec<A, T> {
  encodeReply(value: T, meta: WireMeta, args: A): Uint8Array;
  decodeReply(body: Uint8Array, args: A): WireReply<T>;
}

export function wire<A extends CommonArgs, T>(
  method: ReadMethod<A, T> | WriteMethod<A, T>,
  request: RequestCodec<A>,
  reply: ReplyCodec<A, T>,
  name: string = method.name,
): WireMethod<A, T> {
  const { encodeRequest, decodeRequest } = request as Pick<WireMethod<A, T>, 'encodeRequest' | 'decodeRequest'>;
  return {
    name,
    method,
    encodeRequest,
    decodeRequest,
    encodeReply: reply.encodeReply,
    decodeReply: reply.decodeReply,
  };
}

const NS_PER_MS = 1e6;

/** The `+QM` fields of an answer. */
export function metaFields(meta: WireMeta): QueryMeta {
  return {
    Index: meta.index,
    LastContact: Math.round(meta.lastContactMs * NS_PER_MS),
    KnownLeader: meta.knownLeader,
    ConsistencyLevel: '',
    NotModified: false,
    Backend: 0,
    ResultsFilteredByACLs: false,
  };
}

/** The same into a record that has these fields already. */
export function setMeta(fields: { -readonly [K in keyof QueryMeta]: QueryMeta[K] }, meta: WireMeta): void {
  fields.Index = meta.index;
  fields.LastContact = Math.round(meta.lastContactMs * NS_PER_MS);
  fields.KnownLeader = meta.knownLeader;
}

export function metaOf(fields: QueryMeta): WireMeta {
  return { index: fields.Index, knownLeader: fields.KnownLeader, lastContactMs: fields.LastContact / NS_PER_MS };
}
