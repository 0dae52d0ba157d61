import {
  type AutopilotConfig,
  type AutopilotSetConfigRequest,
  FederationState,
  type SystemMetadataEntry,
  type SystemMetadataRequest,
} from '@proconsul/schema';
import { dep, type ReadResult } from './dep.ts';
import type { Journal } from './journal.ts';
import { ownRow } from './own.ts';
import { mapFields, numberField, textField, withNumbers } from './raw-map.ts';
import type { ApplyResult } from './result.ts';
import type { State } from './state.ts';

/** Replaces the configuration. With CAS only when `ModifyIndex` is that of the present one. */
export function applyAutopilot(state: State, journal: Journal, request: AutopilotSetConfigRequest): ApplyResult {
  const old = state.autopilot;
  if (request.CAS && (old?.ModifyIndex ?? 0) !== request.Config.ModifyIndex) return false;
  const CreateIndex = old?.CreateIndex ?? journal.index;
  state.autopilot = ownRow(request.Config, CreateIndex, journal.index);
  journal.touch('table', 'autopilot-config');
  return true;
}

/** Null before the first leader wrote one. */
export function autopilotConfig(state: State): ReadResult<AutopilotConfig | null> {
  const value = state.autopilot;
  return { index: Math.max(1, value?.ModifyIndex ?? 0), value, deps: [dep('table', 'autopilot-config')] };
}

export function applySystemMetadata(state: State, journal: Journal, request: SystemMetadataRequest): ApplyResult {
  const entry = request.Entry;
  if (entry === null || entry.Key === '') return { error: 'missing key' };
  const old = state.metadata.get(entry.Key);
  if (request.Op === 'delete') {
    if (old === undefined) return true;
    state.metadata.delete(entry.Key);
  } else if (request.Op === 'upsert') {
    const CreateIndex = old?.CreateIndex ?? journal.index;
    state.metadata.set(entry.Key, ownRow(entry, CreateIndex, journal.index));
  } else return { error: `invalid system metadata operation type: ${request.Op}` };
  state.indexes.bump('system-metadata', journal);
  journal.touch('table', 'system-metadata');
  return true;
}

/** By key. */
export function systemMetadata(state: State): ReadResult<readonly SystemMetadataEntry[]> {
  const value = [...state.metadata.values()].sort((a, b) => (a.Key < b.Key ? -1 : 1));
  const index = Math.max(1, state.indexes.get('system-metadata'));
  return { index, value, deps: [dep('table', 'system-metadata')] };
}

/** Federation states are kept as bytes, by datacenter. Throws ProtocolError. */
export function applyFederation(state: State, journal: Journal, body: Uint8Array): ApplyResult {
  const fields = mapFields(body);
  const given = fields.get('State') ?? new Uint8Array([0x80]);
  const inner = mapFields(given);
  const datacenter = textField(inner, 'Datacenter');
  const op = textField(fields, 'Op');
  if (datacenter === '') return { error: 'Missing datacenter' };
  const old = state.federation.get(datacenter);
  if (op === 'upsert') {
    const CreateIndex = old === undefined ? journal.index : numberField(mapFields(old), 'CreateIndex');
    const primary = numberField(inner, 'PrimaryModifyIndex');
    const PrimaryModifyIndex = primary === 0 ? journal.index : primary;
    const numbers = { CreateIndex, ModifyIndex: journal.index, PrimaryModifyIndex };
    state.federation.set(datacenter, withNumbers(given, numbers));
  } else if (op !== 'delete') return { error: `invalid federation state operation type: ${op}` };
  else if (!state.federation.delete(datacenter)) return true;
  state.indexes.bump('federation-states', journal);
  journal.touch('table', 'federation-states');
  return true;
}

const federationIndex = (state: State): number => Math.max(1, state.indexes.get('federation-states'));

/** By datacenter. */
export function federationStates(state: State): ReadResult<readonly FederationState[]> {
  const names = [...state.federation.keys()].sort();
  const value = names.map((name) => FederationState.decodeWire(state.federation.get(name) as Uint8Array));
  return { index: federationIndex(state), value, deps: [dep('table', 'federation-states')] };
}

/** Null for an unknown datacenter. */
export function federationState(state: State, datacenter: string): ReadResult<FederationState | null> {
  const bytes = state.federation.get(datacenter);
  const value = bytes === undefined ? null : FederationState.decodeWire(bytes);
  return { index: federationIndex(state), value, deps: [dep('table', 'federation-states')] };
}
