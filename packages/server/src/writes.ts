import { type Clock, type Rng, uuid } from '@proconsul/base';
import {
  type ArgsOf,
  applyFailed,
  Catalog,
  type CommonArgs,
  ConfigEntryMethods,
  CoordinateMethods,
  FederationState,
  invalid,
  KVS,
  noLeader,
  Operator,
  PreparedQueryMethods,
  SessionMethods,
  Txn,
  type WriteMethod,
} from '@proconsul/endpoints';
import {
  AutopilotConfig,
  type Coordinate,
  FederationStateRequest,
  MessageType,
  PreparedQuery,
  PreparedQueryRequest,
  type Session,
  SessionRequest,
  type TxnOp,
  type TxnResponse,
} from '@proconsul/schema';
import type { Command, EntryView } from '@proconsul/store';
import { configCommand, isStored } from './config-entries/apply.ts';
import type { Consensus } from './consensus.ts';
import type { LockGate, LockRefusal } from './lock-gate.ts';
import { checkQueryId } from './queries/execute.ts';
import { isTemplate, templateError } from './queries/template.ts';
import { checkQuery } from './queries/validate.ts';
import type { SessionTimers } from './session-timers.ts';
import { checkWriteOps, withIds } from './txn-ops.ts';
import { checkRegistration, checkSession } from './validate.ts';

/** What write handlers reach. */
export interface WriteContext {
  readonly datacenter: string;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly lockGate: LockGate;
  readonly sessionTimers: SessionTimers;
  readonly sessionTtlMinNs: number;
  session(id: string): Session | null;
  sessionExists(id: string): boolean;
  /** While the end of a session whose time is over is under way: resolves when that is decided. */
  sessionEnding(id: string): Promise<void> | undefined;
  hasQuery(id: string): boolean;
  /** What stands against storing a query beside the others; null when nothing does. */
  queryConflict(query: PreparedQuery): string | null;
  readonly configEntries: EntryView;
  /** Collects a coordinate for the next batch. */
  updateCoordinate(coordinate: Coordinate): void;
}

/** Values of this many numbers and kind of magnitude are coordinates. Source: network coordinates documentation. */
export const COORDINATE_DIMENSIONS = 8;

/** Proposes a command; a refusal by the state machine becomes an error with `prefix` before its text. */
async function commit(c: WriteContext, command: Command, prefix = ''): Promise<unknown> {
  const result = await c.consensus.propose(command);
  if (typeof result === 'object' && result !== null && 'error' in result) {
    throw applyFailed(`${prefix}${String((result as { error: unknown }).error)}`);
  }
  return result;
}

export type WriteHandler = (c: WriteContext, args: never) => Promise<unknown>;
type Table = Map<string, WriteHandler>;

function add<A extends CommonArgs, R>(
  table: Table,
  method: WriteMethod<A, R>,
  handler: (c: WriteContext, args: A) => Promise<R>,
): void {
  table.set(method.name, handler as unknown as WriteHandler);
}

/** Write methods by name. */
export function writeHandlers(): ReadonlyMap<string, WriteHandler> {
  const t: Table = new Map();
  add(t, Catalog.Register, register);
  add(t, Catalog.Deregister, deregister);
  add(t, KVS.Apply, kvApply);
  add(t, SessionMethods.Apply, sessionApply);
  add(t, SessionMethods.Renew, renew);
  add(t, Txn.Apply, txnApply);
  add(t, CoordinateMethods.Update, updateCoordinate);
  add(t, Operator.AutopilotSetConfiguration, setAutopilot);
  add(t, Operator.RaftRemovePeer, removePeer);
  add(t, Operator.TransferLeader, transferLeader);
  add(t, PreparedQueryMethods.Apply, queryApply);
  add(t, ConfigEntryMethods.Apply, configApply);
  add(t, FederationState.Apply, federationApply);
  return t;
}

async function register(c: WriteContext, args: ArgsOf<typeof Catalog.Register>): Promise<null> {
  // The state machines of all servers take it from the command.
  const Datacenter = args.Datacenter || c.datacenter;
  await commit(c, { type: MessageType.Register, request: { ...checkRegistration(args), Datacenter } });
  return null;
}

async function deregister(c: WriteContext, args: ArgsOf<typeof Catalog.Deregister>): Promise<null> {
  if (args.Node === '') throw invalid('Must provide node');
  await commit(c, { type: MessageType.Deregister, request: args });
  return null;
}

const EMPTY_KEY_OPS = new Set(['delete-tree']);

async function kvApply(c: WriteContext, args: ArgsOf<typeof KVS.Apply>): Promise<boolean> {
  const { Op, DirEnt } = args;
  if (DirEnt.Key === '' && !EMPTY_KEY_OPS.has(Op)) throw invalid('Must provide key');
  if (Op === 'lock') {
    if (DirEnt.Session === '') throw applyFailed('raft apply failed: missing session');
    if (c.sessionExists(DirEnt.Session)) {
      const wants = new Map([[DirEnt.Key, DirEnt.Session]]);
      const passed = await c.lockGate.pass(wants, () => commitKv(c, args));
      return 'done' in passed && passed.done;
    }
  }
  return await commitKv(c, args);
}

async function commitKv(c: WriteContext, request: ArgsOf<typeof KVS.Apply>): Promise<boolean> {
  return (await commit(c, { type: MessageType.KVS, request }, 'raft apply failed: ')) !== false;
}

async function sessionApply(c: WriteContext, args: ArgsOf<typeof SessionMethods.Apply>): Promise<string> {
  if (args.Op === 'destroy') {
    if (args.Session.ID === '') throw invalid('Must provide ID');
    await commit(c, { type: MessageType.Session, request: args }, 'apply failed: ');
    return '';
  }
  const checked = checkSession(args.Session, c.sessionTtlMinNs);
  let ID = uuid(c.rng);
  while (c.sessionExists(ID)) ID = uuid(c.rng);
  const Session = { ...checked, ID };
  await commit(c, { type: MessageType.Session, request: SessionRequest.make({ ...args, Session }) }, 'apply failed: ');
  return ID;
}

async function renew(c: WriteContext, args: ArgsOf<typeof SessionMethods.Renew>): Promise<Session | null> {
  const ending = c.sessionEnding(args.SessionID);
  if (ending !== undefined) {
    await ending;
    if (!c.consensus.leads()) throw noLeader();
  }
  const session = c.session(args.SessionID);
  if (session !== null) c.sessionTimers.reset(session);
  return session;
}

/** Operations that may free a key for another one of the same transaction. */
const FREEING_VERBS = new Set(['unlock', 'delete', 'delete-cas', 'delete-tree']);

/** Locks that a transaction asks for, by key. */
function lockWants(c: WriteContext, ops: readonly TxnOp[]): ReadonlyMap<string, string> {
  const wants = new Map<string, string>();
  for (const { KV } of ops) {
    if (KV?.Verb === 'lock' && c.sessionExists(KV.DirEnt.Session)) wants.set(KV.DirEnt.Key, KV.DirEnt.Session);
  }
  return wants;
}

function lockErrors(refused: ReadonlyMap<string, LockRefusal>, ops: readonly TxnOp[]) {
  return ops.flatMap(({ KV }, OpIndex) => {
    const why = KV?.Verb === 'lock' ? refused.get(KV.DirEnt.Key) : undefined;
    if (KV === null || why === undefined) return [];
    const reason = why === 'held' ? ', lock is already held' : ' due to lock delay';
    return [{ OpIndex, What: `failed to lock key ${JSON.stringify(KV.DirEnt.Key)}${reason}` }];
  });
}

async function txnApply(c: WriteContext, args: ArgsOf<typeof Txn.Apply>): Promise<TxnResponse> {
  const ops = withIds(args.Ops ?? []);
  const errors = checkWriteOps(ops);
  if (errors.length > 0) return { Results: null, Errors: errors };
  const wants = lockWants(c, ops);
  const propose = async () =>
    (await commit(c, { type: MessageType.Txn, request: { ...args, Ops: ops } })) as TxnResponse;
  if (wants.size === 0) return await propose();
  const mayFree = ops.some((op) => FREEING_VERBS.has(op.KV?.Verb ?? ''));
  const passed = await c.lockGate.pass(wants, propose, mayFree);
  return 'done' in passed ? passed.done : { Results: null, Errors: lockErrors(passed.refused, ops) };
}

async function updateCoordinate(c: WriteContext, args: ArgsOf<typeof CoordinateMethods.Update>): Promise<null> {
  const vec = args.Coord?.Vec ?? [];
  const numbers = args.Coord === null ? [] : [...vec, args.Coord.Error, args.Coord.Adjustment, args.Coord.Height];
  if (!numbers.every(Number.isFinite)) throw invalid('rejected bad coordinate: {}');
  if (vec.length !== COORDINATE_DIMENSIONS) throw invalid('incompatible coordinate');
  c.updateCoordinate({ Node: args.Node, Segment: args.Segment, Partition: '', Coord: args.Coord });
  return null;
}

async function setAutopilot(
  c: WriteContext,
  args: ArgsOf<typeof Operator.AutopilotSetConfiguration>,
): Promise<boolean> {
  const result = await commit(c, {
    type: MessageType.Autopilot,
    request: { ...args, Config: AutopilotConfig.make(args.Config) },
  });
  return result !== false;
}

async function removePeer(c: WriteContext, args: ArgsOf<typeof Operator.RaftRemovePeer>): Promise<null> {
  const members = c.consensus.members();
  const found =
    args.ID !== '' ? members.find((m) => m.id === args.ID) : members.find((m) => m.address === args.Address);
  if (found === undefined) {
    const what = args.ID !== '' ? `id "${args.ID}"` : `address "${args.Address}"`;
    throw invalid(`${what} was not found in the Raft configuration`);
  }
  if (members.filter((m) => m.voter && m.id !== found.id).length === 0) {
    throw invalid('need at least one voter in configuration: {[]}');
  }
  await c.consensus.removeMember(found.id);
  return null;
}

async function transferLeader(c: WriteContext, args: ArgsOf<typeof Operator.TransferLeader>): Promise<boolean> {
  const self = c.consensus.leaderId();
  const others = c.consensus.members().filter((m) => m.id !== self);
  if (args.ID !== '' && args.ID === self) throw invalid('cannot transfer leadership to itself');
  if (args.ID !== '' && !others.some((m) => m.id === args.ID)) {
    throw invalid(`Could not find address for server id ${args.ID}`);
  }
  if (!others.some((m) => m.voter)) throw invalid('cannot find peer');
  await c.consensus.transferLeadership(args.ID);
  return true;
}

async function configApply(c: WriteContext, args: ArgsOf<typeof ConfigEntryMethods.Apply>): Promise<boolean> {
  const command = configCommand(args, c.configEntries);
  // What is there already is not written again, whatever index it was asked for at. Source: probed.
  if (args.Op.startsWith('upsert') && isStored(c.configEntries, command)) return true;
  return (await commit(c, command)) !== false;
}

/** Texts: probed. */
async function federationApply(c: WriteContext, args: FederationStateRequest): Promise<boolean> {
  if ((args.State?.Datacenter ?? '') === '') throw invalid('invalid request: missing federation state datacenter');
  if (args.Op !== 'upsert' && args.Op !== 'delete') {
    throw invalid(`Invalid federation state operation: ${args.Op}`);
  }
  await commit(c, { type: MessageType.FederationState, request: FederationStateRequest.encodeWire(args) });
  return args.Op === 'upsert';
}

async function queryApply(c: WriteContext, args: ArgsOf<typeof PreparedQueryMethods.Apply>): Promise<string> {
  const given = args.Query ?? PreparedQuery.zero();
  let query = given;
  if (args.Op === 'create') {
    if (given.ID !== '') throw invalid('ID must be empty when creating a new prepared query');
    query = { ...given, ID: uuid(c.rng) };
  } else {
    checkQueryId(given.ID);
    if (!c.hasQuery(given.ID)) throw invalid(`Cannot modify non-existent prepared query: '${given.ID}'`);
  }
  if (args.Op !== 'delete') {
    checkQuery(query);
    // A conflict with others is told before what is wrong with the template; the tables look for it again.
    const conflict = isTemplate(query) ? c.queryConflict(query) : null;
    if (conflict !== null) throw applyFailed(`raft apply failed: ${conflict}`);
    const fault = isTemplate(query) ? templateError(query) : null;
    if (fault !== null) throw applyFailed(`raft apply failed: failed compiling template: ${fault}`);
  }
  await commit(
    c,
    { type: MessageType.PreparedQuery, request: PreparedQueryRequest.make({ ...args, Query: query }) },
    'raft apply failed: ',
  );
  return query.ID;
}
