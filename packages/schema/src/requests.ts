import { Coordinate, HealthCheck, Locality, NodeService } from './catalog.ts';
import { any, bool, checkId, index, list, map, nodeId, pointer, str } from './kind.ts';
import { DirEntry, Session, TxnOp } from './kv.ts';
import { AutopilotConfig, FederationState, SystemMetadataEntry } from './operator.ts';
import { PreparedQuery } from './query.ts';
import { type Infer, struct } from './struct.ts';

/**
 * First byte of a command in the log, and of a record in a snapshot. Bit 128 on a type means that a server that does
 * not know it may skip it. Source: recorded logs and snapshots.
 */
export const MessageType = {
  Register: 0,
  Deregister: 1,
  KVS: 2,
  Session: 3,
  Tombstone: 5,
  CoordinateBatchUpdate: 6,
  PreparedQuery: 7,
  Txn: 8,
  Autopilot: 9,
  ACLBootstrap: 11,
  Intention: 12,
  ConnectCA: 13,
  ConnectCAProviderState: 14,
  ConnectCAConfig: 15,
  Index: 16,
  ACLTokenSet: 17,
  ACLTokenDelete: 18,
  ACLPolicySet: 19,
  ACLPolicyDelete: 20,
  ConnectCALeaf: 21,
  ConfigEntry: 22,
  ACLRoleSet: 23,
  ACLRoleDelete: 24,
  ACLBindingRuleSet: 25,
  ACLBindingRuleDelete: 26,
  ACLAuthMethodSet: 27,
  ACLAuthMethodDelete: 28,
  ChunkingState: 29,
  FederationState: 30,
  SystemMetadata: 31,
  ServiceVirtualIP: 32,
  FreeVirtualIP: 33,
  PeeringWrite: 35,
  PeeringDelete: 36,
  PeeringTerminateByID: 37,
  PeeringTrustBundleWrite: 38,
  PeeringTrustBundleDelete: 39,
  PeeringSecretsWrite: 40,
  RaftLogVerifierCheckpoint: 41,
  ResourceOperation: 42,
  UpdateVirtualIP: 43,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

export const IGNORE_UNKNOWN = 128;

const write = { Datacenter: str, Token: { kind: str, json: null } };

export const RegisterRequest = struct('RegisterRequest', {
  ...write,
  ID: nodeId,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  Service: pointer(NodeService),
  Check: pointer(HealthCheck),
  Checks: list(HealthCheck, 'structs.HealthChecks'),
  Locality: pointer(Locality),
  SkipNodeUpdate: bool,
  PeerName: str,
  CreateIndex: { kind: index, json: null },
  ModifyIndex: { kind: index, json: null },
});
export type RegisterRequest = Infer<typeof RegisterRequest>;

export const DeregisterRequest = struct('DeregisterRequest', {
  ...write,
  Node: str,
  ServiceID: str,
  CheckID: checkId,
  PeerName: str,
  // Accepted from old clients and not looked at.
  Address: { kind: str, wire: null },
});
export type DeregisterRequest = Infer<typeof DeregisterRequest>;

export const KVSRequest = struct('KVSRequest', { ...write, Op: str, DirEnt: DirEntry });
export type KVSRequest = Infer<typeof KVSRequest>;

export const SessionRequest = struct('SessionRequest', { ...write, Op: str, Session });
export type SessionRequest = Infer<typeof SessionRequest>;

export const TxnRequest = struct('TxnRequest', { ...write, Ops: list(TxnOp) });
export type TxnRequest = Infer<typeof TxnRequest>;

export const TombstoneRequest = struct('TombstoneRequest', { ...write, Op: str, ReapIndex: index });
export type TombstoneRequest = Infer<typeof TombstoneRequest>;

export const CoordinateBatch = list(Coordinate);

export const AutopilotSetConfigRequest = struct('AutopilotSetConfigRequest', {
  ...write,
  CAS: bool,
  Config: AutopilotConfig,
});
export type AutopilotSetConfigRequest = Infer<typeof AutopilotSetConfigRequest>;

export const PreparedQueryRequest = struct('PreparedQueryRequest', {
  ...write,
  Op: str,
  Query: pointer(PreparedQuery),
});
export type PreparedQueryRequest = Infer<typeof PreparedQueryRequest>;

export const SystemMetadataRequest = struct('SystemMetadataRequest', {
  ...write,
  Op: str,
  Entry: pointer(SystemMetadataEntry),
});
export type SystemMetadataRequest = Infer<typeof SystemMetadataRequest>;

export const FederationStateRequest = struct('FederationStateRequest', {
  ...write,
  Op: str,
  State: pointer(FederationState),
});
export type FederationStateRequest = Infer<typeof FederationStateRequest>;

/** A change of intentions outside of config entries. New leaders write `delete-all`, without anything else in it. */
export const IntentionRequest = struct('IntentionRequest', { ...write, Op: str, Intention: any, Mutation: any });
export type IntentionRequest = Infer<typeof IntentionRequest>;

/** The map after the kind in a config entry command; `Entry` has its own fields by kind. */
export const ConfigEntryCommand = struct('ConfigEntryRequest', { ...write, Op: str, Entry: any });
export type ConfigEntryCommand = Infer<typeof ConfigEntryCommand>;
