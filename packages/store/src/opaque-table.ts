import { MessageType } from '@proconsul/schema';
import type { Journal } from './journal.ts';
import { mapFields, numberField, textField, withNumbers } from './raw-map.ts';
import type { State } from './state.ts';

/** A table whose records are kept as the bytes that they came in: nothing here looks into them. */
export interface OpaqueKind {
  /** Name of the table's index. */
  readonly table: string;
  /** Record type in snapshots. */
  readonly record: MessageType;
  /** Field that tells records apart; empty for tables of one record. */
  readonly id: string;
  /** The table has no index of its own, as in snapshots of the reference; its record tells its own. */
  readonly unindexed?: true;
}

export const ACL_TOKENS: OpaqueKind = { table: 'acl-tokens', record: MessageType.ACLTokenSet, id: 'AccessorID' };
export const ACL_POLICIES: OpaqueKind = { table: 'acl-policies', record: MessageType.ACLPolicySet, id: 'ID' };
export const ACL_ROLES: OpaqueKind = { table: 'acl-roles', record: MessageType.ACLRoleSet, id: 'ID' };
export const ACL_RULES: OpaqueKind = { table: 'acl-binding-rules', record: MessageType.ACLBindingRuleSet, id: 'ID' };
export const ACL_METHODS: OpaqueKind = { table: 'acl-auth-methods', record: MessageType.ACLAuthMethodSet, id: 'Name' };
export const INTENTIONS: OpaqueKind = { table: 'connect-intentions', record: MessageType.Intention, id: 'ID' };
export const CA_ROOTS: OpaqueKind = { table: 'connect-ca-roots', record: MessageType.ConnectCA, id: 'ID' };
export const CA_PROVIDER: OpaqueKind = {
  table: 'connect-ca-builtin',
  record: MessageType.ConnectCAProviderState,
  id: 'ID',
};
export const CA_CONFIG: OpaqueKind = {
  table: 'connect-ca-config',
  record: MessageType.ConnectCAConfig,
  id: '',
  unindexed: true,
};
export const PEERINGS: OpaqueKind = { table: 'peering', record: MessageType.PeeringWrite, id: '' };
export const TRUST_BUNDLES: OpaqueKind = {
  table: 'peering-trust-bundles',
  record: MessageType.PeeringTrustBundleWrite,
  id: '',
};
export const PEERING_SECRETS: OpaqueKind = {
  table: 'peering-secrets',
  record: MessageType.PeeringSecretsWrite,
  id: '',
};
export const RESOURCES: OpaqueKind = { table: 'resources', record: MessageType.ResourceOperation, id: '' };

export const OPAQUE_KINDS: readonly OpaqueKind[] = [
  ACL_TOKENS,
  ACL_POLICIES,
  ACL_ROLES,
  ACL_RULES,
  ACL_METHODS,
  INTENTIONS,
  CA_ROOTS,
  CA_PROVIDER,
  CA_CONFIG,
  PEERINGS,
  TRUST_BUNDLES,
  PEERING_SECRETS,
  RESOURCES,
];

/** Records of other layers (access control, mesh certificates, peering), kept so that snapshots lose nothing. */
export class OpaqueTable {
  readonly #rows = new Map<string, Map<string, Uint8Array>>(OPAQUE_KINDS.map((kind) => [kind.table, new Map()]));

  #of(kind: OpaqueKind): Map<string, Uint8Array> {
    return this.#rows.get(kind.table) as Map<string, Uint8Array>;
  }

  get(kind: OpaqueKind, id: string): Uint8Array | undefined {
    return this.#of(kind).get(id);
  }

  count(kind: OpaqueKind): number {
    return this.#of(kind).size;
  }

  /** Sorted by id. */
  all(kind: OpaqueKind): Uint8Array[] {
    return [...this.#of(kind)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => bytes);
  }

  bytes(kind: OpaqueKind): number {
    let sum = 0;
    for (const [id, bytes] of this.#of(kind)) sum += id.length + bytes.length;
    return sum;
  }

  /** Records without an id of their own are told apart by their number. */
  load(kind: OpaqueKind, id: string, bytes: Uint8Array): void {
    this.#of(kind).set(id, bytes);
  }

  /** Whether there was such a record. */
  drop(kind: OpaqueKind, id: string): boolean {
    return this.#of(kind).delete(id);
  }

  clear(kind: OpaqueKind): void {
    this.#of(kind).clear();
  }

  /**
   * Stores a record under the index of the command, also when it says what the old one did, keeping its CreateIndex.
   * Throws ProtocolError when `record` is not a map. Source: snapshots of the reference before and after.
   */
  put(kind: OpaqueKind, record: Uint8Array, state: State, journal: Journal): void {
    const id = kind.id === '' ? '' : textField(mapFields(record), kind.id);
    const old = this.get(kind, id);
    const CreateIndex = old === undefined ? journal.index : numberField(mapFields(old), 'CreateIndex');
    this.#of(kind).set(id, withNumbers(record, { CreateIndex, ModifyIndex: journal.index }));
    touch(kind, state, journal);
  }

  remove(kind: OpaqueKind, id: string, state: State, journal: Journal): void {
    if (this.#of(kind).delete(id)) touch(kind, state, journal);
  }
}

function touch(kind: OpaqueKind, state: State, journal: Journal): void {
  if (kind.unindexed !== true) state.indexes.bump(kind.table, journal);
  journal.touch('table', kind.table);
}
