import { CodedError } from '@proconsul/base';
import { ENTRY_MAX_BYTES } from '../disk/segment.ts';

/**
 * The raft transport of Consul's servers. Source of everything in this folder: raft wire, section 1, and vectors recorded from
 * a real cluster (testdata/raft-rpc.json). A connection carries requests, each a type byte and a MessagePack map, and answers,
 * each a MessagePack string (an error, empty when there is none) and a map, strictly in the order of the requests.
 */
export const RpcType = {
  appendEntries: 0,
  requestVote: 1,
  installSnapshot: 2,
  timeoutNow: 3,
  requestPreVote: 4,
} as const;
export type RpcType = (typeof RpcType)[keyof typeof RpcType];

export const PROTOCOL_VERSION = 3;
/** Requests of older protocols than this are refused. */
export const PROTOCOL_VERSION_MIN = 2;

/** Largest request that may carry entries: a batch of entries just under the largest one. */
export const APPEND_MESSAGE_MAX_BYTES = ENTRY_MAX_BYTES + 32 * 1024 * 1024;
/** Largest request or answer of any other kind; an install-snapshot request is measured without its state. */
export const MESSAGE_MAX_BYTES = 1024 * 1024;
/** Entries in one request that we take. Others send up to 64. */
export const RECEIVED_ENTRIES_MAX = 4096;
/** Bytes of requests under way on all connections of one transport; a connection that would pass it is closed. */
export const RECEIVING_MAX_BYTES = 512 * 1024 * 1024;
/** Requests of one connection that wait for their answers; then no more are read. */
export const SERVED_IN_ORDER_MAX = 64;
/** Requests of one connection that are read in one turn of the event loop: small ones come by the thousand in one piece. */
export const SERVED_AT_ONCE_MAX = 128;
/** Requests under way on one connection of ours. */
export const LANE_IN_FLIGHT_MAX = 64;
/** Bytes of a snapshot's state that may wait for the disk before the sender is held up. */
export const STATE_BUFFER_BYTES = 1024 * 1024;
/** The time for a snapshot grows with its size: one `timeoutMs` for each of these. */
export const SNAPSHOT_TIMEOUT_SCALE_BYTES = 256 * 1024;
/** A connection of ours without anything under way is closed after this time. */
export const LANE_IDLE_MS = 60_000;

export type RaftTransportErrorCode =
  /** No connection, or it broke. */
  | 'RAFT_CONNECTION'
  /** No answer in time. */
  | 'RAFT_TIMEOUT'
  /** Too much is under way to that server already. */
  | 'RAFT_BUSY'
  /** The other server answered with an error; the message is its text. */
  | 'RAFT_REMOTE'
  | 'RAFT_CLOSED';

/** Why a request got no answer. */
export class RaftTransportError extends CodedError {
  override readonly name = 'RaftTransportError';
  declare readonly code: RaftTransportErrorCode;
  constructor(code: RaftTransportErrorCode, message: string) {
    super(code, message);
  }
}

/** Text that the other implementation answers with, too. */
export const UNSUPPORTED_VERSION = 'operation not supported with current protocol version';
