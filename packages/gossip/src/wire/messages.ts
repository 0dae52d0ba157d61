import { Struct, type StructOf } from './struct.ts';

/*
 * Bodies of the messages: a type byte, then a struct. Property names are those on the wire.
 * Source: gossip wire, section 2. Vectors: testdata/memberlist-messages.json.
 */

const pingFields = {
  Node: 'string',
  SeqNo: 'u32',
  SourceAddr: 'bytes?',
  SourceNode: 'string?',
  SourcePort: 'u16?',
} as const;
/** Asks `Node` for an ack, to `SourceAddr:SourcePort` if both are set, else to where the packet comes from. */
export type Ping = StructOf<typeof pingFields>;
export const ping: Struct<typeof pingFields> = new Struct(pingFields);

const indirectPingFields = { ...pingFields, Nack: 'bool', Port: 'u16', Target: 'bytes' } as const;
/** Asks the receiver to ping `Target:Port`, whose name is `Node`, and to forward the ack, or to send a nack. */
export type IndirectPing = StructOf<typeof indirectPingFields>;
export const indirectPing: Struct<typeof indirectPingFields> = new Struct(indirectPingFields);

const ackFields = { Payload: 'bytes', SeqNo: 'u32' } as const;
export type Ack = StructOf<typeof ackFields>;
export const ack: Struct<typeof ackFields> = new Struct(ackFields);

const nackFields = { SeqNo: 'u32' } as const;
export type Nack = StructOf<typeof nackFields>;
export const nack: Struct<typeof nackFields> = new Struct(nackFields);

const accusationFields = { From: 'string', Incarnation: 'u32', Node: 'string' } as const;
/** A suspect or a dead message. Dead with `From` = `Node`: the node left by itself. */
export type Accusation = StructOf<typeof accusationFields>;
export const accusation: Struct<typeof accusationFields> = new Struct(accusationFields);

const aliveFields = {
  Addr: 'bytes',
  Incarnation: 'u32',
  Meta: 'bytes',
  Node: 'string',
  Port: 'u16',
  Vsn: 'bytes',
} as const;
export type Alive = StructOf<typeof aliveFields>;
export const alive: Struct<typeof aliveFields> = new Struct(aliveFields);

const errFields = { Error: 'string' } as const;
export const err: Struct<typeof errFields> = new Struct(errFields);

const compressedFields = { Algo: 'u8', Buf: 'bytes' } as const;
export const compressed: Struct<typeof compressedFields> = new Struct(compressedFields);

const userHeaderFields = { UserMsgLen: 'u32' } as const;
/** In front of a user message on a stream. */
export const userHeader: Struct<typeof userHeaderFields> = new Struct(userHeaderFields);

const pushPullHeaderFields = { Join: 'bool', Nodes: 'u32', UserStateLen: 'u32' } as const;
export type PushPullHeader = StructOf<typeof pushPullHeaderFields>;
export const pushPullHeader: Struct<typeof pushPullHeaderFields> = new Struct(pushPullHeaderFields);

const nodeStateFields = {
  Addr: 'bytes',
  Incarnation: 'u32',
  Meta: 'bytes',
  Name: 'string',
  Port: 'u16',
  State: 'u8',
  Vsn: 'bytes',
} as const;
/** One member in a full exchange. `State` as in NodeState. */
export type NodeStateRecord = StructOf<typeof nodeStateFields>;
export const nodeStateRecord: Struct<typeof nodeStateFields> = new Struct(nodeStateFields);
