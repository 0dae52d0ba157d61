import type { Millis } from '@proconsul/base';

/** From accept to the first byte, for a TLS handshake, and again to the first byte inside. `limits.rpc_handshake_timeout`. */
export const HANDSHAKE_MS: Millis = 5_000;

/** Connections of one client address. `limits.rpc_max_conns_per_client`. */
export const CONNECTIONS_PER_ADDRESS_MAX = 100;

/** Connections of a listener, whoever they are from. */
export const CONNECTIONS_MAX = 32_768;

/** Head of a request or answer: the method's name, the text of an error. */
export const REQUEST_HEADER_BYTES_MAX = 4 * 1024;
export const REPLY_HEADER_BYTES_MAX = 1024 * 1024;

/** Body of a request. The largest that Consul's own programs send is a transaction, 512 KiB unless configured otherwise. */
export const REQUEST_BYTES_MAX = 32 * 1024 * 1024;

/** Body of an answer, as a client takes it. */
export const REPLY_BYTES_MAX = 256 * 1024 * 1024;

/** Bytes of further requests that are read while one is worked on. */
export const PIPELINED_BYTES_MAX = 4 * 1024;

/** The request in front of an archive. */
export const SNAPSHOT_REQUEST_BYTES_MAX = 64 * 1024;

/** Longest time between the first and the last byte of a request. */
export const REQUEST_ARRIVAL_MS: Millis = 60_000;

/** Longest time until an answer has left; then the caller is taken for gone. */
export const REPLY_DEPARTURE_MS: Millis = 60_000;

/** A caller that has finished sending while its call still runs is taken for gone after this time. */
export const HALF_CLOSED_MS: Millis = 5_000;

/** Bytes of requests that have not arrived whole or are being worked on: of one client address, and of all. */
export const REQUEST_BUFFER_PER_ADDRESS_BYTES = 64 * 1024 * 1024;
export const REQUEST_BUFFER_BYTES = 128 * 1024 * 1024;

/** Bytes of answers that have not left. Beyond it callers are asked to try again elsewhere. */
export const REPLY_BUFFER_BYTES = 256 * 1024 * 1024;

/** Calls of one connection that are being worked on, those whose caller is gone included. */
export const CALLS_PER_CONNECTION_MAX = 16_384;

/** Multiplexed streams of a listener, over all connections. */
export const STREAMS_MAX = 65_536;

/** Longest wait for a connection to a server: TCP, TLS, first byte. */
export const DIAL_MS: Millis = 10_000;

/** A server whose life is in doubt has this long to answer on the connection to it. */
export const DOUBT_MS: Millis = 2_000;

/** Calls that a pool may have open to one server. */
export const CALLS_PER_SERVER_MAX = 16_384;

/** Streams over the number that a pool keeps are kept this long, so that a rush of calls need not open them again. */
export const SURPLUS_STREAM_MS: Millis = 2_000;

export interface PoolSizes {
  /** Streams without a call that are kept for the next one, for each connection. */
  readonly idleStreamsMax: number;
  /** How long such a stream, and a connection without calls, is kept. */
  readonly idleMs: Millis;
}

/** Source: the reference agent's pools. */
export const SERVER_POOL: PoolSizes = { idleStreamsMax: 64, idleMs: 120_000 };
export const CLIENT_POOL: PoolSizes = { idleStreamsMax: 32, idleMs: 127_000 };
