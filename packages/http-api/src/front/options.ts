import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '@proconsul/http1';

export interface FrontOptions {
  /** Open connections of one client address; more are answered 429. 0: no limit. `limits.http_max_conns_per_client`. */
  readonly maxConnsPerClient: number;
  /** From the first byte of a request to the end of its head; then 408. */
  readonly headTimeoutMs: number;
  /** A body must bring at least `bodyBytesMin` in each such span; else 408. */
  readonly bodyWindowMs: number;
  readonly bodyBytesMin: number;
  /** A client that takes nothing of what we write for so long is cut off. */
  readonly writeTimeoutMs: number;
  /** Between requests. 0: for ever, as Go's server does by default. */
  readonly idleTimeoutMs: number;
  readonly limits: HttpLimits;
}

export const DEFAULT_FRONT_OPTIONS: FrontOptions = {
  maxConnsPerClient: 200,
  headTimeoutMs: 20_000,
  bodyWindowMs: 20_000,
  bodyBytesMin: 1024,
  writeTimeoutMs: 120_000,
  idleTimeoutMs: 0,
  limits: DEFAULT_HTTP_LIMITS,
};

/** Open connections of all clients together; further ones are closed as they come. */
export const CONNECTIONS_MAX = 32_768;
/** How often deadlines are looked at. They may pass by so much. */
export const SWEEP_MS = 1_000;
/** After a last answer the client's data is thrown away for so long, so that no reset overtakes the answer. */
export const LINGER_MS = 2_000;
/** Bytes of later requests that wait while one is being answered; then the client is not read from. */
export const PIPELINE_BYTES_MAX = 64 * 1024;
/** Answers to pipelined requests are joined up to this many bytes in one write. */
export const JOINED_WRITE_BYTES_MAX = 64 * 1024;
/** An unread body up to this long is thrown away to keep the connection; for more it is closed. As Go's server does. */
export const DRAIN_BYTES_MAX = 256 * 1024;
/** Bodies shorter than this are not compressed. Source: measured on the reference agent. */
export const GZIP_BYTES_MIN = 1400;
/** Bodies up to this long are compressed at once: that is quicker than the way to another thread and back. */
export const GZIP_SYNC_BYTES_MAX = 8 * 1024;

/** To a client with too many connections. Source: recorded from the reference agent. */
export const TOO_MANY_CONNECTIONS: Uint8Array = Buffer.from(
  'HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 81\r\nConnection: close\r\n\r\n' +
    'Your IP is issuing too many concurrent connections, please rate limit your calls\n',
);
