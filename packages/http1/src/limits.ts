/** Bounds on what one request may cost before anybody has looked at it. */
export interface HttpLimits {
  /** Request line and header fields together; more is 431. */
  readonly headBytesMax: number;
  /** The request target; more is 414. */
  readonly targetBytesMax: number;
  /** Header fields; more is 431. Also bounds the trailer fields of a chunked body. */
  readonly headerCountMax: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  headBytesMax: 256 * 1024,
  targetBytesMax: 128 * 1024,
  headerCountMax: 1000,
};

/** Longest method. Every registered one is shorter. */
export const METHOD_BYTES_MAX = 32;
/** Digits of a chunk's size, leading zeros included: 13 hexadecimal digits are 2^52. */
export const CHUNK_SIZE_DIGITS_MAX = 13;
/** Bytes of chunk extensions in one message. They are read and dropped, so a message of little else is an attack. */
export const CHUNK_EXTENSION_BYTES_MAX = 16 * 1024;
/** Bytes of the trailer section. */
export const TRAILER_BYTES_MAX = 16 * 1024;
/** Header sections that are kept parsed, since the same few come again and again; and the longest one that is kept. */
export const HEADER_CACHE_ENTRIES_MAX = 512;
export const HEADER_CACHE_TEXT_MAX = 1024;
