import {
  type DeregisterRequest,
  type HealthCheck,
  type HealthCheckDefinition,
  metaFault,
  type Node,
  type NodeService,
  type RegisterRequest,
} from '@proconsul/schema';
import { connectKey, type Instance, type NodeEntry, PROXY_KIND } from './catalog-table.ts';
import { putCheck, putInstance, putNode, removeCheck, removeInstance, removeNode } from './catalog-write.ts';
import { withGatewayAddresses } from './gateway-addresses.ts';
import { type Journal, journalFor } from './journal.ts';
import { goQuote } from './kv-apply.ts';
import { ownRow } from './own.ts';
import type { ApplyResult } from './result.ts';
import { sameButIndexes } from './same.ts';
import type { State } from './state.ts';
import { assignVirtualIp } from './virtual-ips.ts';

/** Key of the virtual address among an instance's tagged addresses. */
export const VIRTUAL_TAG = 'consul-virtual';
/** Check that says whether a node's agent is alive. */
export const SERF_HEALTH = 'serfHealth';

/** A record cannot be stored; the message is Consul's. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/**
 * Registers a node with a service and checks: all of it or, with an error, none. What is stored already in the same form
 * keeps its indexes and wakes nobody.
 */
export function applyRegister(state: State, journal: Journal, request: RegisterRequest): ApplyResult {
  const { PeerName } = request;
  return refusable(journal, () => register(state.peer(PeerName), journalFor(journal, PeerName), request));
}

/** Runs a change that may be refused halfway. */
export function refusable(journal: Journal, change: () => void): ApplyResult {
  let error: string | null = null;
  journal.attempt(() => {
    try {
      change();
    } catch (thrown) {
      if (!(thrown instanceof RefusedError)) throw thrown;
      error = thrown.message;
    }
    return error === null;
  });
  return error === null ? null : { error };
}

function register(state: State, journal: Journal, request: RegisterRequest): void {
  const { Service } = request;
  const checks = [...(request.Check === null ? [] : [request.Check]), ...(request.Checks ?? [])];
  for (const check of checks) refuseStray(state, request, check);
  const node = registeredNode(state, journal, request);
  if (Service !== null) inserting('service', () => ensureService(state, journal, node, Service));
  for (const check of checks) {
    if (check.CheckID === '' && check.Name === '') {
      const lookup = 'failed health check lookup: index error: object is missing a value for this index';
      throw new RefusedError(`failed inserting check on node ${goQuote(check.Node || request.Node)}: ${lookup}`);
    }
    ensureCheck(state, journal, node, { ...check, Type: check.Type || inferredType(check.Definition) });
  }
}

/** A check belongs to the node that is registered, and to a service that is there or comes with it. */
function refuseStray(state: State, { Node, Service }: RegisterRequest, given: HealthCheck): void {
  const id = given.CheckID === '' ? given.Name : given.CheckID;
  if (given.Node !== '' && given.Node.toLowerCase() !== Node.toLowerCase()) {
    throw new RefusedError(`Node '${given.Node}' for check '${id}' doesn't match register request node '${Node}'`);
  }
  if (given.ServiceID === '' || given.ServiceID === (Service?.ID || Service?.Service)) return;
  if (state.catalog.node(Node)?.services.get(given.ServiceID)?.row.ID !== given.ServiceID) {
    throw new RefusedError(`Unknown service ID '${given.ServiceID}' for check ID '${id}'`);
  }
}

/** Says in which part of a registration something was refused. */
function inserting<T>(what: string, insert: () => T): T {
  try {
    return insert();
  } catch (thrown) {
    if (thrown instanceof RefusedError) throw new RefusedError(`failed inserting ${what}: ${thrown.message}`);
    throw thrown;
  }
}

function registeredNode(state: State, journal: Journal, request: RegisterRequest): NodeEntry {
  if (request.Node === '') throw new RefusedError('Must provide node');
  const known = state.catalog.node(request.Node);
  if (request.SkipNodeUpdate && known !== undefined) return known;
  return inserting('node', () =>
    ensureNode(state, journal, {
      ID: request.ID,
      Node: request.Node,
      Address: request.Address,
      Datacenter: request.Datacenter === '' ? state.datacenter : request.Datacenter,
      Partition: '',
      TaggedAddresses: request.TaggedAddresses,
      Meta: request.NodeMeta,
      PeerName: state.peerName,
      Locality: request.Locality,
      CreateIndex: 0,
      ModifyIndex: 0,
    }),
  );
}

/**
 * Stores a node under the rules of identity. A known id under a new name renames: the old node goes with all that is on
 * it. A known name under a new id takes the node over, unless the agent behind it is alive. Throws {@link RefusedError}.
 */
export function ensureNode(state: State, journal: Journal, given: Node): NodeEntry {
  const named = state.catalog.node(given.Node);
  const owner = given.ID === '' ? undefined : state.catalog.nodeById(given.ID);
  if (given.ID !== '' && named !== undefined && named !== owner) refuseIfReserved(named, given);
  let CreateIndex = named?.row.CreateIndex ?? journal.index;
  if (owner !== undefined && owner !== named) {
    CreateIndex = owner.row.CreateIndex;
    removeNode(state, journal, owner);
  }
  // A name in another case is the same name.
  const isSame = named !== undefined && sameButIndexes(named.row, { ...given, Node: named.row.Node });
  if (isSame && CreateIndex === named.row.CreateIndex) return named;
  return putNode(state, journal, ownRow(given, CreateIndex, journal.index));
}

function refuseIfReserved(present: NodeEntry, given: Node): void {
  const { ID, Node, Address } = present.row;
  if (ID === '' || ID.toLowerCase() === given.ID.toLowerCase()) return;
  const alive = present.checks.get(SERF_HEALTH);
  if (alive === undefined || alive.Status === 'critical') return;
  throw new RefusedError(
    `Error while renaming Node ID: ${goQuote(given.ID)}: Node name ${given.Node} is reserved by node ${ID} with name ${Node} (${Address})`,
  );
}

/** Stores an instance: id and weights get their defaults, mesh members a virtual address. Throws {@link RefusedError}. */
export function ensureService(state: State, journal: Journal, node: NodeEntry, given: NodeService): Instance {
  if (given.Service === '' && given.ID !== '') {
    throw new RefusedError('Must provide service name (Service.Service) when service ID is provided');
  }
  refuseMeta(node.row.Node, given);
  const row = withVirtualIp(state, journal, {
    ...given,
    ID: given.ID === '' ? given.Service : given.ID,
    Weights: validWeights(given.Weights),
  });
  const old = node.services.get(row.ID);
  if (old !== undefined && sameButIndexes(old.row, row)) return old;
  const CreateIndex = old?.row.CreateIndex ?? journal.index;
  return putInstance(state, journal, node, ownRow(row, CreateIndex, journal.index));
}

const DEFAULT_WEIGHTS = { Passing: 1, Warning: 1 };
/** The most that a DNS record can say. */
const WEIGHT_MAX = 65_535;

/** Weights that make no sense become the default. Source: records of the reference after such writes. */
function validWeights(given: NodeService['Weights']): NodeService['Weights'] {
  if (given === null || given.Passing < 1 || given.Warning < 0) return DEFAULT_WEIGHTS;
  return Math.max(given.Passing, given.Warning) > WEIGHT_MAX ? DEFAULT_WEIGHTS : given;
}

function withVirtualIp(state: State, journal: Journal, row: NodeService): NodeService {
  if (row.Kind === 'terminating-gateway' && state.peerName === '') {
    return withGatewayAddresses(state, row, state.config.servicesBehind(row.Service));
  }
  if (connectKey(row) === undefined) return row;
  const service = row.Kind === PROXY_KIND ? row.Proxy.DestinationServiceName : row.Service;
  if (service === '') return row;
  const Address = assignVirtualIp(state, journal, service);
  if (Address === undefined) return row;
  const TaggedAddresses = { ...row.TaggedAddresses, [VIRTUAL_TAG]: { Address, Port: row.Port } };
  return { ...row, TaggedAddresses };
}

/** Throws {@link RefusedError} for metadata that an instance must not have. */
export function refuseMeta(node: string, { Meta, ID, Service }: NodeService): void {
  const fault = Meta === null ? undefined : metaFault(Meta);
  if (fault === undefined) return;
  throw new RefusedError(`Invalid Service Meta for node ${node} and serviceID ${ID || Service}: ${fault}`);
}

/** Stores a check: names, status and the service's part are filled in. Throws {@link RefusedError}. */
export function ensureCheck(state: State, journal: Journal, node: NodeEntry, given: HealthCheck): HealthCheck {
  const service = given.ServiceID === '' ? undefined : node.services.get(given.ServiceID);
  if (given.ServiceID !== '' && service === undefined) throw new RefusedError('Missing service registration');
  const row: HealthCheck = {
    ...given,
    Node: node.row.Node,
    CheckID: given.CheckID === '' ? given.Name : given.CheckID,
    Status: given.Status === '' ? 'critical' : given.Status,
    ServiceName: service === undefined ? given.ServiceName : service.row.Service,
    ServiceTags: service === undefined ? given.ServiceTags : service.row.Tags,
  };
  const old = node.checks.get(row.CheckID);
  if (old !== undefined && sameButIndexes(old, row)) return old;
  const CreateIndex = old?.CreateIndex ?? journal.index;
  const stored = ownRow(row, CreateIndex, journal.index);
  putCheck(state, journal, node, stored);
  return stored;
}

/** The kind of check that a definition describes; empty when it describes none. */
function inferredType(d: HealthCheckDefinition): string {
  if (d.TTL > 0) return 'ttl';
  if (d.HTTP !== '') return 'http';
  if (d.TCP !== '') return 'tcp';
  if (d.UDP !== '') return 'udp';
  if (d.GRPC !== '') return 'grpc';
  if (d.H2PING !== '') return 'h2ping';
  if (d.AliasNode !== '' || d.AliasService !== '') return 'alias';
  if (d.DockerContainerID !== '') return 'docker';
  if (d.OSService !== '') return 'os_service';
  return (d.ScriptArgs ?? []).length > 0 ? 'script' : '';
}

/** Removes the service when one is named, else the check, else the whole node. What is not there is no error. */
export function applyDeregister(main: State, told: Journal, request: DeregisterRequest): ApplyResult {
  const state = main.peer(request.PeerName);
  const journal = journalFor(told, request.PeerName);
  const node = state.catalog.node(request.Node);
  if (node === undefined) return null;
  if (request.ServiceID !== '') {
    const instance = node.services.get(request.ServiceID);
    if (instance !== undefined) removeInstance(state, journal, instance);
  } else if (request.CheckID !== '') removeCheck(state, journal, node, request.CheckID);
  else removeNode(state, journal, node);
  return null;
}
