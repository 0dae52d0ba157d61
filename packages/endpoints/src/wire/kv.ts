import {
  type Coordinate,
  CoordinateUpdateRequest,
  DatacenterMap,
  type DirEntry,
  IndexedCoordinates,
  IndexedDirEntries,
  IndexedKeyList,
  IndexedSessions,
  KeyListRequest,
  KeyRequest,
  KVSRequest,
  list,
  type Session,
  SessionRequest,
  SessionSpecificRequest,
  str,
  TxnReadRequest,
  TxnReadResponse,
  TxnRequest,
  TxnResponse,
} from '@proconsul/schema';
import type { CommonArgs } from '../method.ts';
import {
  CoordinateMethods,
  type KeyArgs,
  type KeyListArgs,
  KVS,
  type SessionArgs,
  SessionMethods,
  Txn,
  type TxnReadArgs,
  type TxnReadReply,
} from '../methods.ts';
import { listing, ofNamedNode } from './catalog.ts';
import { bare, member, nothing, outcome } from './replies.ts';
import { askingNothing, command, reading, writing } from './requests.ts';
import { type AnyWireMethod, metaFields, metaOf, type ReplyCodec, type RequestCodec, wire } from './wire-method.ts';

/** Operations that hold or do not hold; the others are told as false whatever happens. Source: recorded answers. */
const CONDITIONAL: ReadonlySet<string> = new Set(['cas', 'delete-cas', 'lock', 'unlock']);

const oneEntry: ReplyCodec<unknown, DirEntry | null> = (() => {
  const entries = member(IndexedDirEntries, 'Entries');
  return {
    encodeReply: (value, meta, args) => entries.encodeReply(value === null ? null : [value], meta, args),
    decodeReply: (body, args) => {
      const { value, meta } = entries.decodeReply(body, args);
      return { value: value?.[0] ?? null, meta };
    },
  };
})();

const keyed = reading<KeyArgs, KeyRequest>(KeyRequest, { same: ['Key'] });

export const kvMethods: readonly AnyWireMethod[] = [
  wire(KVS.Get, keyed, oneEntry),
  wire(KVS.List, keyed, member(IndexedDirEntries, 'Entries', { emptyIsNil: true })),
  wire(
    KVS.ListKeys,
    reading<KeyListArgs, KeyListRequest>(KeyListRequest, { same: ['Prefix', 'Seperator'] }),
    member(IndexedKeyList, 'Keys', { absent: [] }),
  ),
  wire(
    KVS.Apply,
    command(KVSRequest),
    outcome<KVSRequest>(({ Op }) => CONDITIONAL.has(Op)),
  ),
];

/** Peers fill both names of the id. */
const session: RequestCodec<SessionArgs> = reading<SessionArgs, SessionSpecificRequest>(SessionSpecificRequest, {
  same: ['SessionID'],
  write: ({ SessionID }) => ({ SessionID, Session: SessionID }),
  read: (r) => ({ SessionID: r.SessionID === '' ? r.Session : r.SessionID }),
});
const sessions = member(IndexedSessions, 'Sessions', { absent: [] as readonly Session[] });

const renewed: ReplyCodec<SessionArgs, Session | null> = {
  encodeReply: (value, meta) =>
    IndexedSessions.encodeWire({
      Sessions: value === null ? null : [value],
      ...metaFields({ ...meta, index: value?.ModifyIndex ?? 0, knownLeader: false }),
    }),
  decodeReply: (body, args) => {
    const { value, meta } = sessions.decodeReply(body, args);
    return { value: value?.[0] ?? null, meta };
  },
};

export const sessionMethods: readonly AnyWireMethod[] = [
  wire(SessionMethods.Get, session, sessions),
  wire(
    SessionMethods.List,
    reading<CommonArgs, SessionSpecificRequest>(SessionSpecificRequest, { same: [] }),
    sessions,
  ),
  wire(SessionMethods.NodeSessions, ofNamedNode, sessions),
  wire(SessionMethods.Apply, command(SessionRequest), bare(str)),
  wire(SessionMethods.Renew, session, renewed),
];

/** Operations that were refused unseen come without an index. Source: recorded answers. */
const txnRead: ReplyCodec<TxnReadArgs, TxnReadReply> = {
  encodeReply: ({ Results, Errors, Answered }, meta) =>
    TxnReadResponse.encodeWire({
      Results,
      Errors,
      ...metaFields(Answered ? meta : { index: 0, knownLeader: false, lastContactMs: 0 }),
    }),
  decodeReply: (body) => {
    const { Results, Errors, ...fields } = TxnReadResponse.decodeWire(body);
    return { value: { Results, Errors, Answered: fields.Index > 0 }, meta: metaOf(fields) };
  },
};

export const txnMethods: readonly AnyWireMethod[] = [
  wire(
    Txn.Read,
    reading<TxnReadArgs, TxnReadRequest>(TxnReadRequest, { same: ['Ops'], read: (r) => ({ Ops: r.Ops ?? [] }) }),
    txnRead,
  ),
  wire(Txn.Apply, command(TxnRequest), bare(TxnResponse)),
];

const coordinates = member(IndexedCoordinates, 'Coordinates', { absent: [], emptyIsNil: true });
type CoordinateArgs = CommonArgs & Coordinate;

export const coordinateMethods: readonly AnyWireMethod[] = [
  wire(
    CoordinateMethods.ListDatacenters,
    askingNothing,
    bare(
      list(DatacenterMap),
      (found: readonly DatacenterMap[]) => found,
      (found) => found ?? [],
    ) as never,
  ),
  wire(CoordinateMethods.ListNodes, listing, coordinates),
  wire(CoordinateMethods.Node, ofNamedNode, coordinates),
  wire(
    CoordinateMethods.Update,
    writing<CoordinateArgs, CoordinateUpdateRequest>(CoordinateUpdateRequest, {
      same: ['Node', 'Segment', 'Coord'],
      read: () => ({ Partition: '' }),
    }),
    nothing,
  ),
];
