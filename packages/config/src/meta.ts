/** Pairs of metadata on one node or service. */
export const MAX_META_PAIRS = 64;
export const MAX_META_KEY_LENGTH = 128;
export const MAX_META_VALUE_LENGTH = 512;
/** Metadata keys that only the agent sets. */
const RESERVED_PREFIX = 'consul-';

/** What is wrong with metadata, in Consul's words; undefined when nothing is. Source: limits in the API documentation. */
export function metaError(meta: Readonly<Record<string, string>>, mayBeReserved = false): string | undefined {
  const pairs = Object.entries(meta);
  if (pairs.length > MAX_META_PAIRS) return `Node metadata cannot contain more than ${MAX_META_PAIRS} key/value pairs`;
  for (const [key, value] of pairs) {
    const reason = pairError(key, value, mayBeReserved);
    if (reason !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${reason}`;
  }
  return undefined;
}

function pairError(key: string, value: string, mayBeReserved: boolean): string | undefined {
  if (key === '') return 'Key cannot be blank';
  if (!/^[a-zA-Z0-9_-]+$/.test(key)) return 'Key contains invalid characters';
  if (key.length > MAX_META_KEY_LENGTH) return `Key is too long (limit: ${MAX_META_KEY_LENGTH} characters)`;
  if (key.startsWith(RESERVED_PREFIX) && !mayBeReserved) {
    return `Key prefix '${RESERVED_PREFIX}' is reserved for internal use`;
  }
  if (value.length > MAX_META_VALUE_LENGTH) return `Value is too long (limit: ${MAX_META_VALUE_LENGTH} characters)`;
  return undefined;
}
