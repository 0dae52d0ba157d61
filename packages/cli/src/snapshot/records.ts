import { errorText } from '@proconsul/base';
import { decodeAny, Reader } from '@proconsul/msgpack';
import { ArchiveError } from './archive.ts';

/** Names of record types. Source: wire format notes, state.bin; names as recorded from `snapshot inspect`. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'Register',
  1: 'Deregister',
  2: 'KVS',
  3: 'Session',
  5: 'Tombstone',
  6: 'CoordinateBatchUpdate',
  7: 'PreparedQuery',
  8: 'Txn',
  9: 'Autopilot',
  10: 'Area',
  12: 'Intention',
  13: 'ConnectCA',
  14: 'ConnectCAProviderState',
  15: 'ConnectCAConfig',
  16: 'Index',
  17: 'ACLToken',
  19: 'ACLPolicy',
  22: 'ConfigEntry',
  23: 'ACLRole',
  25: 'ACLBindingRule',
  27: 'ACLAuthMethod',
  29: 'ChunkingState',
  30: 'FederationState',
  31: 'SystemMetadata',
  32: 'ServiceVirtualIP',
  33: 'FreeVirtualIP',
  35: 'Peering',
  38: 'PeeringTrustBundle',
  40: 'PeeringSecret',
  42: 'Resource',
};

/** One record of state.bin: a type byte and a MessagePack value. */
export interface StateRecord {
  readonly type: string;
  /** Bytes of type and value; the header of the file counts for the first record. */
  readonly sizeBytes: number;
  /** Decodes the value. */
  value(): unknown;
}

/** Yields the records of state.bin in order. Throws ArchiveError on bytes that are no records. */
export function* stateRecords(state: Uint8Array): Generator<StateRecord> {
  const reader = new Reader(state);
  let from = 0;
  try {
    reader.skip();
    while (reader.remaining > 0) {
      const code = state[reader.offset]!;
      const start = ++reader.offset;
      reader.skip();
      const end = reader.offset;
      const bytes = state.subarray(start, end);
      const type = TYPE_NAMES[code & 0x7f] ?? `Unknown(${code & 0x7f})`;
      yield { type, sizeBytes: end - from, value: () => decodeAny(bytes, { rawAs: 'auto' }) };
      from = end;
    }
  } catch (error) {
    throw new ArchiveError(`failed to read snapshot records: ${errorText(error)}`);
  }
}
