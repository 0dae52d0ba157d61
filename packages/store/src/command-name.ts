import { MessageType } from '@proconsul/schema';
import { type Command, commandType } from './command.ts';
import { decodeConfigCommand } from './config-table.ts';
import { mapFields, textField } from './raw-map.ts';

/** What a command is called in metrics, and what it does where one name stands for several. */
export interface CommandName {
  readonly name: string;
  readonly op: string;
}

/** Names with operations, which the request names. Source: metrics of the reference. */
const WITH_OP: ReadonlyMap<number, string> = new Map([
  [MessageType.KVS as number, 'kvs'],
  [MessageType.Session, 'session'],
  [MessageType.Tombstone, 'tombstone'],
  [MessageType.PreparedQuery, 'prepared-query'],
  [MessageType.Intention, 'intention'],
  [MessageType.ConnectCA, 'ca'],
  [MessageType.ConnectCALeaf, 'ca.leaf'],
  [MessageType.SystemMetadata, 'system_metadata'],
]);

/** Names without, or with one that the type tells. */
const FIXED: ReadonlyMap<number, CommandName> = new Map([
  [MessageType.Register as number, { name: 'register', op: '' }],
  [MessageType.Deregister, { name: 'deregister', op: '' }],
  [MessageType.Txn, { name: 'txn', op: '' }],
  [MessageType.CoordinateBatchUpdate, { name: 'coordinate.batch-update', op: '' }],
  [MessageType.Autopilot, { name: 'autopilot', op: '' }],
  [MessageType.ACLBootstrap, { name: 'acl', op: 'bootstrap' }],
  [MessageType.ACLTokenSet, { name: 'acl.token', op: 'upsert' }],
  [MessageType.ACLTokenDelete, { name: 'acl.token', op: 'delete' }],
  [MessageType.ACLPolicySet, { name: 'acl.policy', op: 'upsert' }],
  [MessageType.ACLPolicyDelete, { name: 'acl.policy', op: 'delete' }],
  [MessageType.ACLBindingRuleSet, { name: 'acl.bindingrule', op: 'upsert' }],
  [MessageType.ACLBindingRuleDelete, { name: 'acl.bindingrule', op: 'delete' }],
  [MessageType.ACLAuthMethodSet, { name: 'acl.authmethod', op: 'upsert' }],
  [MessageType.ACLAuthMethodDelete, { name: 'acl.authmethod', op: 'delete' }],
  [MessageType.PeeringWrite, { name: 'peering', op: 'write' }],
  [MessageType.PeeringDelete, { name: 'peering', op: 'delete' }],
]);

/**
 * The name of a command; undefined for those that have none, and for what cannot be read. `command` is its decoded form where
 * the caller has it.
 */
export function commandName(data: Uint8Array, command?: Command): CommandName | undefined {
  if (data.length === 0) return undefined;
  const type = commandType(data);
  const fixed = FIXED.get(type);
  if (fixed !== undefined) return fixed;
  const name = WITH_OP.get(type);
  try {
    if (name !== undefined) return { name, op: opOf(data, command) };
    if (type !== MessageType.ConfigEntry) return undefined;
    const { kind, op } = decodeConfigCommand(data.subarray(1));
    return { name: `config_entry.${kind}`, op };
  } catch {
    return undefined; // Refused by the state machine as well.
  }
}

function opOf(data: Uint8Array, command: Command | undefined): string {
  const request = command?.request;
  if (typeof request === 'object' && request !== null && 'Op' in request) return String(request.Op);
  return textField(mapFields(data.subarray(1)), 'Op');
}
