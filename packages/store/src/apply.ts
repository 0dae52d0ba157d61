import { CodedError } from '@proconsul/base';
import {
  type AutopilotSetConfigRequest,
  type Coordinate,
  type DeregisterRequest,
  type KVSRequest,
  MessageType,
  type PreparedQueryRequest,
  type RegisterRequest,
  type SessionRequest,
  SystemMetadataEntry,
  SystemMetadataRequest,
  type TombstoneRequest,
  type TxnRequest,
} from '@proconsul/schema';
import { type Command, type ConfigCommand, commandType, decodeCommand, maySkip } from './command.ts';
import { applyConfig } from './config-table.ts';
import { applyCoordinates } from './coordinates.ts';
import { applyMutation } from './intentions.ts';
import type { Journal } from './journal.ts';
import { applyKvs } from './kv-apply.ts';
import { applyOpaque, isOpaqueCommand } from './opaque-apply.ts';
import { INTENTIONS } from './opaque-table.ts';
import { applyPeering, isPeeringCommand } from './peering.ts';
import { applyPreparedQuery } from './prepared-queries.ts';
import { isNilField, mapFields, textField, textItems } from './raw-map.ts';
import { applyDeregister, applyRegister } from './register.ts';
import type { ApplyResult } from './result.ts';
import { applySession } from './session-apply.ts';
import { applyAutopilot, applyFederation, applySystemMetadata } from './singletons.ts';
import type { State } from './state.ts';
import { applyTxn } from './txn.ts';
import { assignManualIps } from './virtual-ips.ts';

/** Types whose request the leader may hand over decoded; all others are read from the bytes. */
const TAKES_DECODED: ReadonlySet<number> = new Set([
  MessageType.Register,
  MessageType.Deregister,
  MessageType.KVS,
  MessageType.Session,
  MessageType.Tombstone,
  MessageType.CoordinateBatchUpdate,
  MessageType.PreparedQuery,
  MessageType.Txn,
  MessageType.Autopilot,
  MessageType.SystemMetadata,
]);

/**
 * Applies one command of the log. Bytes that cannot be read and types that are not known answer an error and change
 * nothing, on every server alike; unknown types that may be skipped answer null.
 */
export function applyCommand(state: State, journal: Journal, data: Uint8Array, given?: Command): ApplyResult {
  let command: Command;
  try {
    command = given !== undefined && TAKES_DECODED.has(given.type) ? given : decodeCommand(data);
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    if (thrown.code === 'COMMAND_TYPE' && maySkip(data)) return null;
    return { error: thrown.message };
  }
  try {
    return dispatch(state, journal, command);
  } catch (thrown) {
    // Requests without a field table are read while they are applied, always before anything is changed.
    if (!(thrown instanceof CodedError)) throw thrown;
    return { error: thrown.message };
  }
}

function dispatch(state: State, journal: Journal, { type, request }: Command): ApplyResult {
  switch (type) {
    case MessageType.KVS:
      return applyKvs(state, journal, request as KVSRequest);
    case MessageType.Register:
      return applyRegister(state, journal, request as RegisterRequest);
    case MessageType.Deregister:
      return applyDeregister(state, journal, request as DeregisterRequest);
    case MessageType.Session:
      return applySession(state, journal, request as SessionRequest);
    case MessageType.Txn:
      return applyTxn(state, journal, request as TxnRequest);
    case MessageType.CoordinateBatchUpdate:
      return applyCoordinates(state, journal, request as readonly Coordinate[] | null);
    case MessageType.Tombstone:
      return applyTombstone(state, journal, request as TombstoneRequest);
    case MessageType.PreparedQuery:
      return applyPreparedQuery(state, journal, request as PreparedQueryRequest);
    case MessageType.Autopilot:
      return applyAutopilot(state, journal, request as AutopilotSetConfigRequest);
    case MessageType.SystemMetadata:
      return applySystemMetadata(state, journal, request as SystemMetadataRequest);
    case MessageType.ConfigEntry:
      return applyConfig(state, journal, request as ConfigCommand);
    default:
      return dispatchBytes(state, journal, type, request as Uint8Array);
  }
}

function dispatchBytes(state: State, journal: Journal, type: number, body: Uint8Array): ApplyResult {
  if (isOpaqueCommand(type)) return applyOpaque(state, journal, type, body);
  if (isPeeringCommand(type)) return applyPeering(state, journal, type, body);
  switch (type) {
    case MessageType.FederationState:
      return applyFederation(state, journal, body);
    case MessageType.UpdateVirtualIP:
      return updateVirtualIp(state, journal, body);
    case MessageType.ConnectCALeaf:
      return null; // It moves an index for leaves, which snapshots of the reference do not have.
    case MessageType.Intention:
      return applyIntention(state, journal, body);
    case MessageType.RaftLogVerifierCheckpoint:
      return null; // Its meaning is in the entry's extensions, which followers may leave alone.
    default:
      return { error: `command type ${type} is not supported` };
  }
}

function applyTombstone(state: State, journal: Journal, request: TombstoneRequest): ApplyResult {
  if (request.Op !== 'reap') return { error: `Invalid Tombstone operation '${request.Op}'` };
  state.kv.reap(request.ReapIndex, state.indexes, journal);
  return null;
}

function updateVirtualIp(state: State, journal: Journal, body: Uint8Array): ApplyResult {
  const fields = mapFields(body);
  const service = mapFields(mapFields(fields.get('Service') ?? NO_FIELDS).get('ServiceName') ?? NO_FIELDS);
  return assignManualIps(state, journal, textField(service, 'Name'), textItems(fields.get('ManualIPs')));
}

const NO_FIELDS: Uint8Array = new Uint8Array([0x80]);

/**
 * New leaders clear the intentions of old versions, by which the cluster knows that all others are config entries; other
 * commands change those. Source: snapshots of the reference.
 */
function applyIntention(state: State, journal: Journal, body: Uint8Array): ApplyResult {
  const fields = mapFields(body);
  const op = textField(fields, 'Op');
  if (op !== 'delete-all') {
    if (isNilField(fields, 'Mutation')) return { error: 'intentions of old versions are not supported' };
    return applyMutation(state, journal, op, fields.get('Mutation') as Uint8Array);
  }
  state.opaque.clear(INTENTIONS);
  for (const table of [INTENTIONS.table, 'config-entries']) state.indexes.bump(table, journal);
  journal.touch('table', INTENTIONS.table);
  const Entry = SystemMetadataEntry.make({ Key: 'intention-format', Value: 'config-entry' });
  applySystemMetadata(state, journal, SystemMetadataRequest.make({ Op: 'upsert', Entry }));
  return null;
}

export { commandType };
