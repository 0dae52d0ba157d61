import { ProtocolError } from '@proconsul/base';
import { Reader } from '@proconsul/msgpack';
import {
  EventFireRequest,
  KeyringRequest,
  KeyringResponses,
  QueryMeta,
  type SnapshotRequest,
  type Struct,
} from '@proconsul/schema';

/** A call that is not a method of the endpoints' table: agents answer it from their gossip pools. */
export interface ExtraCall<A, T> {
  readonly name: string;
  readonly request: Struct<A>;
  readonly reply: Struct<T>;
}

/** A user event, for the servers of a datacenter to spread. */
export const EventFireCall: ExtraCall<EventFireRequest, QueryMeta> = {
  name: 'Internal.EventFire',
  request: EventFireRequest,
  reply: QueryMeta,
};

/** An operation on gossip keys, over all pools and datacenters. */
export const KeyringCall: ExtraCall<KeyringRequest, KeyringResponses> = {
  name: 'Internal.KeyringOperation',
  request: KeyringRequest,
  reply: KeyringResponses,
};

/** `Op` of {@link SnapshotRequest}. */
export const SnapshotOp = { save: 0, restore: 1 } as const;

/**
 * The structure at the start of a stream that goes on with something else, and how many bytes it takes. Null while there
 * are too few bytes. Throws ProtocolError when it cannot be one, or takes more than `bytesMax`.
 */
export function readLeading<T>(
  struct: Struct<T>,
  bytes: Uint8Array,
  bytesMax: number,
): { value: T; size: number } | null {
  const reader = new Reader(bytes);
  try {
    reader.skip();
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== 'MSGPACK_TRUNCATED') throw error;
    if (bytes.length > bytesMax) throw new ProtocolError('WIRE_SIZE', `no whole request in ${bytesMax} bytes`);
    return null;
  }
  const size = reader.offset;
  return { value: struct.decodeWire(bytes.subarray(0, size)), size };
}
