import { ProtocolError } from '@proconsul/base';
import { encodeAny, Reader, Writer } from '@proconsul/msgpack';
import {
  AutopilotSetConfigRequest,
  CoordinateBatch,
  DeregisterRequest,
  IGNORE_UNKNOWN,
  type Kind,
  KVSRequest,
  MessageType,
  PreparedQueryRequest,
  RegisterRequest,
  SessionRequest,
  SystemMetadataRequest,
  TombstoneRequest,
  TxnRequest,
} from '@proconsul/schema';
import { type ConfigCommand, decodeConfigCommand, encodeConfigCommand } from './config-table.ts';

/** A log entry that asks for a change: its type and what it carries. */
export interface Command {
  readonly type: MessageType;
  readonly request: unknown;
}

/** Commands whose requests have a field table. */
// biome-ignore lint/suspicious/noExplicitAny: a table holds requests of every type
const KINDS: ReadonlyMap<number, Kind<any>> = new Map<number, Kind<any>>([
  [MessageType.Register, RegisterRequest],
  [MessageType.Deregister, DeregisterRequest],
  [MessageType.KVS, KVSRequest],
  [MessageType.Session, SessionRequest],
  [MessageType.Tombstone, TombstoneRequest],
  [MessageType.CoordinateBatchUpdate, CoordinateBatch],
  [MessageType.PreparedQuery, PreparedQueryRequest],
  [MessageType.Txn, TxnRequest],
  [MessageType.Autopilot, AutopilotSetConfigRequest],
  [MessageType.SystemMetadata, SystemMetadataRequest],
]);

/** Types that a server which does not know them may skip: they are written with bit 128. */
const SKIPPABLE: ReadonlySet<number> = new Set([
  MessageType.CoordinateBatchUpdate,
  MessageType.ConnectCALeaf,
  MessageType.RaftLogVerifierCheckpoint,
]);

/**
 * A command as it stands in the log: `u8 type | msgpack request`. Types without a field table take plain records (or
 * ready-made MessagePack bytes); config entries take `{Op, Entry, Datacenter, Token}` with the kind in the entry.
 */
export function encodeCommand(type: MessageType, request: unknown): Uint8Array {
  const writer = new Writer('rpc');
  writer.byte(SKIPPABLE.has(type) ? type | IGNORE_UNKNOWN : type);
  const kind = KINDS.get(type);
  if (kind !== undefined) kind.write(writer, request);
  else if (request instanceof Uint8Array) writer.raw(request);
  else if (type === MessageType.ConfigEntry) {
    writer.raw(encodeConfigCommand(request as Parameters<typeof encodeConfigCommand>[0]));
  } else writer.raw(encodeAny(request, 'rpc'));
  return writer.finish();
}

/** Type of a command without bit 128. Throws ProtocolError when there is no byte. */
export function commandType(data: Uint8Array): number {
  const first = data[0];
  if (first === undefined) throw new ProtocolError('COMMAND_EMPTY', 'empty command');
  return first & ~IGNORE_UNKNOWN;
}

/** Whether a server that meets this command can go on: it knows the type, or may skip it. */
export function isSupportedCommand(data: Uint8Array): boolean {
  return maySkip(data) || data.length === 0 || KNOWN.has(commandType(data));
}

export function maySkip(data: Uint8Array): boolean {
  return ((data[0] ?? 0) & IGNORE_UNKNOWN) !== 0;
}

/**
 * Decodes a command. Requests without a field table stay MessagePack bytes (config entries: a {@link ConfigCommand}).
 * Throws ProtocolError; COMMAND_TYPE for a type that is not known.
 */
export function decodeCommand(data: Uint8Array): Command {
  const type = commandType(data);
  if (!KNOWN.has(type)) throw new ProtocolError('COMMAND_TYPE', `unknown command type ${type}`, { type });
  return { type: type as MessageType, request: decodeRequest(type, data) };
}

const KNOWN: ReadonlySet<number> = new Set(Object.values(MessageType));

function decodeRequest(type: number, data: Uint8Array): unknown {
  const kind = KINDS.get(type);
  if (kind !== undefined) {
    // A copy of strings and bytes is made by the reader, so that the request does not hold the buffer.
    return kind.read(new Reader(data, 1));
  }
  const body = data.subarray(1);
  return type === MessageType.ConfigEntry ? decodeConfigCommand(body) : body;
}

export type { ConfigCommand };
