import { MessageType } from '@proconsul/schema';
import type { Journal } from './journal.ts';
import {
  ACL_METHODS,
  ACL_POLICIES,
  ACL_ROLES,
  ACL_RULES,
  ACL_TOKENS,
  CA_CONFIG,
  CA_PROVIDER,
  CA_ROOTS,
  type OpaqueKind,
} from './opaque-table.ts';
import {
  arrayItems,
  arrayOf,
  boolField,
  isNilField,
  mapFields,
  numberField,
  textField,
  textItems,
  withValues,
} from './raw-map.ts';
import type { ApplyResult } from './result.ts';
import type { State } from './state.ts';

interface Batch {
  readonly kind: OpaqueKind;
  /** Field of the request that lists records or ids. */
  readonly list: string;
}

const SETS: ReadonlyMap<number, Batch> = new Map([
  [MessageType.ACLTokenSet as number, { kind: ACL_TOKENS, list: 'Tokens' }],
  [MessageType.ACLPolicySet, { kind: ACL_POLICIES, list: 'Policies' }],
  [MessageType.ACLRoleSet, { kind: ACL_ROLES, list: 'Roles' }],
  [MessageType.ACLBindingRuleSet, { kind: ACL_RULES, list: 'BindingRules' }],
  [MessageType.ACLAuthMethodSet, { kind: ACL_METHODS, list: 'AuthMethods' }],
]);

const DELETES: ReadonlyMap<number, Batch> = new Map([
  [MessageType.ACLTokenDelete as number, { kind: ACL_TOKENS, list: 'TokenIDs' }],
  [MessageType.ACLPolicyDelete, { kind: ACL_POLICIES, list: 'PolicyIDs' }],
  [MessageType.ACLRoleDelete, { kind: ACL_ROLES, list: 'RoleIDs' }],
  [MessageType.ACLBindingRuleDelete, { kind: ACL_RULES, list: 'BindingRuleIDs' }],
  [MessageType.ACLAuthMethodDelete, { kind: ACL_METHODS, list: 'AuthMethodNames' }],
]);

/** True for commands that {@link applyOpaque} understands. */
export function isOpaqueCommand(type: number): boolean {
  return SETS.has(type) || DELETES.has(type) || type === MessageType.ACLBootstrap || type === MessageType.ConnectCA;
}

/** Applies a command of another layer to the records kept for it. Throws ProtocolError, before any change, on bad bytes. */
export function applyOpaque(state: State, journal: Journal, type: number, body: Uint8Array): ApplyResult {
  const fields = mapFields(body);
  const set = SETS.get(type);
  if (set !== undefined) {
    const records = arrayItems(fields.get(set.list));
    const wanted = records.filter((record) => isWanted(state, type, fields, record));
    const fault = missingLinkFault(state, fields, wanted);
    if (fault !== null) return { error: fault };
    for (const record of wanted) state.opaque.put(set.kind, named(state, record), state, journal);
    return null;
  }
  const removal = DELETES.get(type);
  if (removal !== undefined) {
    for (const id of textItems(fields.get(removal.list))) remove(state, journal, removal.kind, id);
    return null;
  }
  return type === MessageType.ACLBootstrap ? bootstrap(state, journal, fields) : applyCa(state, journal, fields);
}

/** Tokens may ask to be written only over what they were made from. */
function isWanted(state: State, type: number, request: Map<string, Uint8Array>, record: Uint8Array): boolean {
  const fields = mapFields(record);
  const kind = (SETS.get(type) as Batch).kind;
  const id = textField(fields, kind.id);
  if (type !== MessageType.ACLTokenSet || !boolField(request, 'CAS')) return true;
  const old = state.opaque.get(kind, id);
  return (old === undefined ? 0 : numberField(mapFields(old), 'ModifyIndex')) === numberField(fields, 'ModifyIndex');
}

const LINKS: readonly (readonly [field: string, kind: OpaqueKind, what: string])[] = [
  ['Policies', ACL_POLICIES, 'policy'],
  ['Roles', ACL_ROLES, 'role'],
];

/** Tokens and roles may name only policies and roles that are there, unless the command says otherwise. */
function missingLinkFault(
  state: State,
  request: Map<string, Uint8Array>,
  records: readonly Uint8Array[],
): string | null {
  if (boolField(request, 'AllowMissingLinks')) return null;
  for (const record of records) {
    const fields = mapFields(record);
    for (const [field, kind, what] of LINKS) {
      for (const link of arrayItems(fields.get(field))) {
        const id = textField(mapFields(link), 'ID');
        if (state.opaque.get(kind, id) === undefined) return `No such ${what} with ID: ${id}`;
      }
    }
  }
  return null;
}

/** The record with the present names of the policies and roles that it links to by id. */
function named(state: State, record: Uint8Array): Uint8Array {
  const fields = mapFields(record);
  const lists: Record<string, Uint8Array> = {};
  for (const [field, kind] of LINKS) {
    const links = arrayItems(fields.get(field));
    if (links.length > 0) lists[field] = arrayOf(links.map((link) => withName(state, kind, link)));
  }
  return withValues(record, lists);
}

function withName(state: State, kind: OpaqueKind, link: Uint8Array): Uint8Array {
  const target = state.opaque.get(kind, textField(mapFields(link), 'ID'));
  const Name = target === undefined ? undefined : mapFields(target).get('Name');
  return Name === undefined ? link : withValues(link, { Name });
}

/** An auth method takes its binding rules and the tokens of its logins along. */
function remove(state: State, journal: Journal, kind: OpaqueKind, id: string): void {
  state.opaque.remove(kind, id, state, journal);
  if (kind !== ACL_METHODS) return;
  for (const child of [ACL_RULES, ACL_TOKENS]) {
    for (const record of state.opaque.all(child)) {
      const fields = mapFields(record);
      if (textField(fields, 'AuthMethod') === id) {
        state.opaque.remove(child, textField(fields, child.id), state, journal);
      }
    }
  }
}

const BOOTSTRAP_INDEX = 'acl-token-bootstrap';

function bootstrap(state: State, journal: Journal, fields: Map<string, Uint8Array>): ApplyResult {
  const done = state.indexes.get(BOOTSTRAP_INDEX);
  const reset = numberField(fields, 'ResetIndex');
  if (done > 0 && reset === 0) return { error: 'ACL bootstrap no longer allowed' };
  if (done > 0 && reset !== done)
    return { error: `Invalid bootstrap reset index (specified ${reset}, reset index: ${done})` };
  const token = fields.get('Token');
  if (token === undefined) return { error: 'Missing token' };
  state.opaque.put(ACL_TOKENS, named(state, token), state, journal);
  state.indexes.bump(BOOTSTRAP_INDEX, journal);
  return null;
}

const SERIAL_INDEX = 'connect-ca-builtin-serial';

function applyCa(state: State, journal: Journal, fields: Map<string, Uint8Array>): ApplyResult {
  const op = textField(fields, 'Op');
  const provider = fields.get('ProviderState');
  switch (op) {
    case 'set-config':
      return setCaConfig(state, journal, fields, configIndex(fields) !== 0);
    case 'set-roots':
    case 'set-roots-config':
      return setCaRoots(state, journal, fields, op === 'set-roots-config');
    case 'set-provider-state':
      if (provider !== undefined) state.opaque.put(CA_PROVIDER, provider, state, journal);
      return true;
    case 'delete-provider-state':
      if (provider !== undefined) {
        state.opaque.remove(CA_PROVIDER, textField(mapFields(provider), 'ID'), state, journal);
      }
      return true;
    case 'increment-provider-serial': {
      const serial = state.indexes.get(SERIAL_INDEX) + 1;
      const next = serial === 1 ? journal.index : serial;
      state.indexes.set(SERIAL_INDEX, next, journal);
      return next;
    }
    default:
      return { error: `Invalid CA operation '${op}'` };
  }
}

/** The index that a configuration was read at. */
function configIndex(request: Map<string, Uint8Array>): number {
  return isNilField(request, 'Config') ? 0 : numberField(mapFields(request.get('Config') as Uint8Array), 'ModifyIndex');
}

/** With `isConditional` only over the configuration that the new one was made from. */
function setCaConfig(state: State, journal: Journal, fields: Map<string, Uint8Array>, isConditional: boolean): boolean {
  if (isNilField(fields, 'Config')) return true;
  const present = state.opaque.get(CA_CONFIG, '');
  const index = present === undefined ? 0 : numberField(mapFields(present), 'ModifyIndex');
  if (isConditional && index !== configIndex(fields)) return false;
  state.opaque.put(CA_CONFIG, fields.get('Config') as Uint8Array, state, journal);
  return true;
}

/** Replaces all roots if none was changed since `Index`. */
function setCaRoots(state: State, journal: Journal, fields: Map<string, Uint8Array>, withConfig: boolean): boolean {
  if (state.indexes.get(CA_ROOTS.table) !== numberField(fields, 'Index')) return false;
  const roots = arrayItems(fields.get('Roots'));
  configIndex(fields); // Fails before changes.
  const kept = new Set(roots.map((root) => textField(mapFields(root), CA_ROOTS.id)));
  for (const old of state.opaque.all(CA_ROOTS)) {
    const id = textField(mapFields(old), CA_ROOTS.id);
    if (!kept.has(id)) state.opaque.remove(CA_ROOTS, id, state, journal);
  }
  for (const root of roots) state.opaque.put(CA_ROOTS, root, state, journal);
  return !withConfig || setCaConfig(state, journal, fields, true);
}
