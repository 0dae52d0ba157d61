import { ProtocolError } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';
import { readFields, readLTime, readUint } from './fields.ts';

/**
 * First byte of every message between members; a MessagePack struct follows it.
 * Source: gossip wire notes, section 4. Vectors: testdata/serf-messages.json, recorded from live Serf agents.
 */
export const MessageType = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
} as const;

/** Bits in the flags of a query: an acknowledgement is wanted; do not spread it. Of a response: it is one. */
export const QUERY_ACK = 1;
export const QUERY_NO_BROADCAST = 2;

export interface LeaveIntent {
  readonly LTime: number;
  readonly Node: string;
  /** Forget the member, do not just mark it. */
  readonly Prune: boolean;
}

export interface JoinIntent {
  readonly LTime: number;
  readonly Node: string;
}

export interface UserEventMessage {
  readonly CC: boolean;
  readonly LTime: number;
  readonly Name: string;
  readonly Payload: Uint8Array | null;
}

export interface QueryMessage {
  /** 4 or 16 bytes: where to answer. */
  readonly Addr: Uint8Array;
  /** One type byte and a MessagePack value each. */
  readonly Filters: readonly Uint8Array[] | null;
  readonly Flags: number;
  readonly ID: number;
  readonly LTime: number;
  readonly Name: string;
  readonly Payload: Uint8Array | null;
  readonly Port: number;
  readonly RelayFactor: number;
  readonly SourceNode: string;
  /** Nanoseconds. */
  readonly Timeout: number;
}

export interface QueryResponseMessage {
  readonly Flags: number;
  readonly From: string;
  readonly ID: number;
  readonly LTime: number;
  readonly Payload: Uint8Array | null;
}

export interface RelayMessage {
  readonly address: Uint8Array;
  readonly port: number;
  readonly destination: string;
  /** A whole message, type byte included. Aliases the input. */
  readonly message: Uint8Array;
}

function start(type: number, fields: number): Writer {
  const w = new Writer('gossip');
  w.byte(type);
  w.mapHeader(fields);
  return w;
}

/** A reader behind the type byte. Throws ProtocolError when the message is not of that type. */
export function bodyOf(message: Uint8Array, type: number): Reader {
  if (message[0] !== type) throw new ProtocolError('SERF_TYPE', `serf: not a message of type ${type}`);
  return new Reader(message, 1);
}

export function encodeLeave(m: LeaveIntent): Uint8Array {
  const w = start(MessageType.leave, 3);
  w.key('LTime');
  w.uint(m.LTime);
  w.key('Node');
  w.str(m.Node);
  w.key('Prune');
  w.bool(m.Prune);
  return w.finish();
}

export function decodeLeave(message: Uint8Array): LeaveIntent {
  const r = bodyOf(message, MessageType.leave);
  const m = { LTime: 0, Node: '', Prune: false };
  readFields(r, {
    LTime: () => (m.LTime = readLTime(r)),
    Node: () => (m.Node = r.str()),
    Prune: () => (m.Prune = r.bool()),
  });
  return m;
}

export function encodeJoin(m: JoinIntent): Uint8Array {
  const w = start(MessageType.join, 2);
  w.key('LTime');
  w.uint(m.LTime);
  w.key('Node');
  w.str(m.Node);
  return w.finish();
}

export function decodeJoin(message: Uint8Array): JoinIntent {
  const r = bodyOf(message, MessageType.join);
  const m = { LTime: 0, Node: '' };
  readFields(r, {
    LTime: () => (m.LTime = readLTime(r)),
    Node: () => (m.Node = r.str()),
  });
  return m;
}

export function encodeUserEvent(m: UserEventMessage): Uint8Array {
  const w = start(MessageType.userEvent, 4);
  w.key('CC');
  w.bool(m.CC);
  w.key('LTime');
  w.uint(m.LTime);
  w.key('Name');
  w.str(m.Name);
  w.key('Payload');
  w.bytes(m.Payload);
  return w.finish();
}

export function decodeUserEvent(message: Uint8Array): UserEventMessage {
  const r = bodyOf(message, MessageType.userEvent);
  const m = { CC: false, LTime: 0, Name: '', Payload: null as Uint8Array | null };
  readFields(r, {
    CC: () => (m.CC = r.bool()),
    LTime: () => (m.LTime = readLTime(r)),
    Name: () => (m.Name = r.str()),
    Payload: () => (m.Payload = r.bytes()),
  });
  return m;
}

export function encodeQuery(m: QueryMessage): Uint8Array {
  const w = start(MessageType.query, 11);
  w.key('Addr');
  w.bytes(m.Addr);
  w.key('Filters');
  if (m.Filters === null) w.nil();
  else {
    w.arrayHeader(m.Filters.length);
    for (const filter of m.Filters) w.bytes(filter);
  }
  w.key('Flags');
  w.uint(m.Flags);
  w.key('ID');
  w.uint(m.ID);
  w.key('LTime');
  w.uint(m.LTime);
  w.key('Name');
  w.str(m.Name);
  w.key('Payload');
  w.bytes(m.Payload);
  w.key('Port');
  w.uint(m.Port);
  w.key('RelayFactor');
  w.uint(m.RelayFactor);
  w.key('SourceNode');
  w.str(m.SourceNode);
  w.key('Timeout');
  w.int(m.Timeout);
  return w.finish();
}

export function decodeQuery(message: Uint8Array): QueryMessage {
  const r = bodyOf(message, MessageType.query);
  const m = {
    Addr: new Uint8Array(0),
    Filters: null as Uint8Array[] | null,
    Flags: 0,
    ID: 0,
    LTime: 0,
    Name: '',
    Payload: null as Uint8Array | null,
    Port: 0,
    RelayFactor: 0,
    SourceNode: '',
    Timeout: 0,
  };
  readFields(r, {
    Addr: () => (m.Addr = new Uint8Array(r.bytes() ?? [])),
    Filters: () => (m.Filters = readFilters(r)),
    Flags: () => (m.Flags = readUint(r, 0xffff_ffff)),
    ID: () => (m.ID = readUint(r, 0xffff_ffff)),
    LTime: () => (m.LTime = readLTime(r)),
    Name: () => (m.Name = r.str()),
    Payload: () => (m.Payload = r.bytes()),
    Port: () => (m.Port = readUint(r, 0xffff)),
    RelayFactor: () => (m.RelayFactor = readUint(r, 0xff)),
    SourceNode: () => (m.SourceNode = r.str()),
    Timeout: () => (m.Timeout = Number(r.intOrBig())),
  });
  return m;
}

/** Filters of one query. The size limit of queries leaves no room for more. */
export const FILTERS_MAX = 512;

function readFilters(r: Reader): Uint8Array[] {
  const count = r.arrayHeader();
  if (count > FILTERS_MAX) throw new ProtocolError('SERF_RANGE', `serf: ${count} filters`);
  const filters: Uint8Array[] = [];
  for (let i = 0; i < count; i++) filters.push(r.bytes() ?? new Uint8Array(0));
  return filters;
}

export function encodeQueryResponse(m: QueryResponseMessage): Uint8Array {
  const w = start(MessageType.queryResponse, 5);
  w.key('Flags');
  w.uint(m.Flags);
  w.key('From');
  w.str(m.From);
  w.key('ID');
  w.uint(m.ID);
  w.key('LTime');
  w.uint(m.LTime);
  w.key('Payload');
  w.bytes(m.Payload);
  return w.finish();
}

export function decodeQueryResponse(message: Uint8Array): QueryResponseMessage {
  const r = bodyOf(message, MessageType.queryResponse);
  const m = { Flags: 0, From: '', ID: 0, LTime: 0, Payload: null as Uint8Array | null };
  readFields(r, {
    Flags: () => (m.Flags = readUint(r, 0xffff_ffff)),
    From: () => (m.From = r.str()),
    ID: () => (m.ID = readUint(r, 0xffff_ffff)),
    LTime: () => (m.LTime = readLTime(r)),
    Payload: () => (m.Payload = r.bytes()),
  });
  return m;
}

/** A header that says to whom the message behind it goes. */
export function encodeRelay(m: RelayMessage): Uint8Array {
  const w = start(MessageType.relay, 2);
  w.key('DestAddr');
  w.mapHeader(3);
  w.key('IP');
  w.bytes(m.address);
  w.key('Port');
  w.uint(m.port);
  w.key('Zone');
  w.str('');
  w.key('DestName');
  w.str(m.destination);
  w.raw(m.message);
  return w.finish();
}

export function decodeRelay(message: Uint8Array): RelayMessage {
  const r = bodyOf(message, MessageType.relay);
  let address = new Uint8Array(0);
  let port = 0;
  let destination = '';
  const readAddress = () =>
    readFields(r, {
      IP: () => (address = new Uint8Array(r.bytes() ?? [])),
      Port: () => (port = readUint(r, 0xffff)),
    });
  readFields(r, { DestAddr: readAddress, DestName: () => (destination = r.str()) });
  return { address, port, destination, message: message.subarray(r.offset) };
}
