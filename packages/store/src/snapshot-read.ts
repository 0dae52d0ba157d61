import { CodedError, concatBytes, InvariantError, ProtocolError } from '@proconsul/base';
import { Reader } from '@proconsul/msgpack';
import {
  AutopilotConfig,
  CoordinateBatch,
  IGNORE_UNKNOWN,
  MessageType,
  PreparedQuery,
  RegisterRequest,
  Session,
  SystemMetadataEntry,
} from '@proconsul/schema';
import { OPAQUE_KINDS, type OpaqueKind } from './opaque-table.ts';
import { mapFields, numberField, textField } from './raw-map.ts';
import { finishRestore, loadRegister } from './snapshot-load.ts';
import {
  loadConfig,
  loadEntry,
  loadFederation,
  loadFreeIp,
  loadOpaque,
  loadTombstone,
  loadVirtualIp,
} from './snapshot-records.ts';
import { State } from './state.ts';

/** Largest record of a snapshot that is waited for: what a parser holds at most beside the tables. */
export const SNAPSHOT_RECORD_BYTES_MAX = 64 * 1024 * 1024;

/** A snapshot that cannot be read. `meta` has the offset of the record in the stream and its type. */
export class SnapshotError extends CodedError {
  override readonly name = 'SnapshotError';
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(MessageType).map(([name, type]) => [type, name]));
const OPAQUE: ReadonlyMap<number, OpaqueKind> = new Map(OPAQUE_KINDS.map((kind) => [kind.record, kind]));

/**
 * Reads state.bin from chunks cut anywhere and builds fresh tables. Holds one record at a time beside them. Every
 * method throws {@link SnapshotError} for bytes that are not a snapshot; the reader is then of no more use.
 */
export class SnapshotReader {
  readonly #state: State;
  /** Bytes not read yet, as they came. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Bytes that must be there before it makes sense to read again. */
  #wanted = 1;
  /** Place of the first pending byte in the stream. */
  #offset = 0;
  #hasHeader = false;
  #records = 0;
  #skipped = 0;
  #chunking: Uint8Array | undefined;
  readonly #indexes: [string, number][] = [];

  constructor(datacenter: string) {
    this.#state = new State(datacenter);
  }

  /** Records read so far. */
  get records(): number {
    return this.#records;
  }

  /** The value of the record on commands that are not complete yet. */
  get chunking(): Uint8Array | undefined {
    return this.#chunking;
  }

  /** Records of types that are not known: passed over. */
  get skipped(): number {
    return this.#skipped;
  }

  push(chunk: Uint8Array): void {
    if (this.#pendingBytes + chunk.length < this.#wanted) this.#keep(chunk.slice());
    else this.#read(this.#pending.length === 0 ? chunk : concatBytes([...this.#pending, chunk]));
  }

  /** The tables, complete. */
  finish(): State {
    if (this.#pendingBytes > 0) this.#read(concatBytes(this.#pending));
    if (this.#pendingBytes > 0 || !this.#hasHeader) {
      throw this.#error('SNAPSHOT_TRUNCATED', 'snapshot ends inside a record', this.#firstByte());
    }
    finishRestore(this.#state, this.#indexes);
    return this.#state;
  }

  /** Reads the whole records at the front of all that is pending, and keeps the rest. */
  #read(bytes: Uint8Array): void {
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#wanted = 1;
    const reader = new Reader(bytes);
    let at = 0;
    while (at < bytes.length) {
      const size = this.#readOne(reader, bytes, at);
      if (size === 0) break;
      at += size;
      this.#offset += size;
    }
    if (at < bytes.length) this.#keep(bytes.slice(at));
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes <= SNAPSHOT_RECORD_BYTES_MAX) return;
    throw this.#error(
      'SNAPSHOT_RECORD_SIZE',
      `record of more than ${SNAPSHOT_RECORD_BYTES_MAX} bytes`,
      this.#firstByte(),
    );
  }

  #firstByte(): number | undefined {
    return this.#hasHeader ? this.#pending[0]?.[0] : undefined;
  }

  /** Reads the record at `at` and returns its size; 0 when it is not all there yet. */
  #readOne(reader: Reader, bytes: Uint8Array, at: number): number {
    reader.offset = at;
    try {
      if (this.#hasHeader) this.#readRecord(reader, bytes);
      else this.#readHeader(reader);
      return reader.offset - at;
    } catch (thrown) {
      if (thrown instanceof CodedError && thrown.code === 'MSGPACK_TRUNCATED') {
        // The next attempt reads from the front again: wait for half as much more, so that the sum stays linear.
        const left = bytes.length - at;
        this.#wanted = Math.max(left + 1, Math.min(Math.ceil(left * 1.5), SNAPSHOT_RECORD_BYTES_MAX));
        return 0;
      }
      if (thrown instanceof SnapshotError || thrown instanceof InvariantError) throw thrown;
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw this.#error('SNAPSHOT_RECORD', reason, this.#hasHeader ? bytes[at] : undefined);
    }
  }

  #error(code: string, reason: string, first: number | undefined): SnapshotError {
    const type = first === undefined ? undefined : first & ~IGNORE_UNKNOWN;
    const name = type === undefined ? 'header' : (NAMES.get(type) ?? `type ${type}`);
    return new SnapshotError(code, `snapshot damaged at offset ${this.#offset} (${name}): ${reason}`, {
      offset: this.#offset,
      type,
    });
  }

  #readHeader(reader: Reader): void {
    const count = reader.mapHeader();
    let lastIndex = 0;
    let isHeader = false;
    for (let i = 0; i < count; i++) {
      if (reader.key() !== 'LastIndex') reader.skip();
      else {
        lastIndex = reader.int();
        isHeader = true;
      }
    }
    if (!isHeader || lastIndex < 0) throw new ProtocolError('SNAPSHOT_HEADER', 'no LastIndex');
    this.#state.lastIndex = lastIndex;
    this.#hasHeader = true;
  }

  #readRecord(reader: Reader, bytes: Uint8Array): void {
    const first = bytes[reader.offset] as number;
    reader.offset++;
    this.#load(first & ~IGNORE_UNKNOWN, reader, bytes);
    this.#records++;
  }

  #load(type: number, reader: Reader, bytes: Uint8Array): void {
    const state = this.#state;
    switch (type) {
      case MessageType.KVS:
        return loadEntry(state, reader, bytes);
      case MessageType.Tombstone:
        return loadTombstone(state, reader);
      case MessageType.Register: {
        const record = RegisterRequest.read(reader);
        return loadRegister(state.peer(record.PeerName), record);
      }
      case MessageType.Session:
        return state.sessions.set(Session.read(reader));
      case MessageType.CoordinateBatchUpdate:
        for (const row of CoordinateBatch.read(reader) ?? []) state.coordinates.set(row);
        return;
      case MessageType.PreparedQuery:
        return state.queries.set(PreparedQuery.read(reader));
      case MessageType.Autopilot:
        state.autopilot = AutopilotConfig.read(reader);
        return;
      case MessageType.SystemMetadata: {
        const row = SystemMetadataEntry.read(reader);
        state.metadata.set(row.Key, row);
        return;
      }
      default:
        return this.#loadBytes(type, reader, bytes);
    }
  }

  /** Types without a field table: the value is cut out first. */
  #loadBytes(type: number, reader: Reader, bytes: Uint8Array): void {
    const start = reader.offset;
    reader.skip();
    const value = bytes.subarray(start, reader.offset);
    const state = this.#state;
    const opaque = OPAQUE.get(type);
    if (opaque !== undefined) return loadOpaque(state, opaque, value);
    switch (type) {
      case MessageType.Index: {
        const fields = mapFields(value);
        this.#indexes.push([textField(fields, 'Key'), numberField(fields, 'Value')]);
        return;
      }
      case MessageType.ConfigEntry:
        return loadConfig(state, value);
      case MessageType.FederationState:
        return loadFederation(state, value);
      case MessageType.ServiceVirtualIP:
        return loadVirtualIp(state, value);
      case MessageType.FreeVirtualIP:
        return loadFreeIp(state, value);
      case MessageType.ChunkingState:
        this.#chunking = value.slice();
        return;
      default:
        this.#skipped++;
    }
  }
}
