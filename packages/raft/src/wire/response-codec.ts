import { ProtocolError } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import { PROTOCOL_VERSION } from './protocol.ts';

/** Who answers: the header of most responses. */
export interface Responder {
  readonly id: string;
  readonly address: string;
}

/** What came back: an answer, or the text of an error. */
export type ReceivedResponse =
  | { readonly response: RaftResponse; readonly error?: undefined }
  | { readonly error: string };

/** Error text and map. With an error, the map says "no" to everything. */
export function encodeResponse(response: RaftResponse, by: Responder, error = ''): Uint8Array {
  const w = new Writer('raft');
  w.str(error);
  switch (response.kind) {
    case 'append-entries':
      w.mapHeader(7);
      putHeader(w, by);
      w.key('LastLog');
      w.uint(response.lastLog);
      putBool(w, 'NoRetryBackoff', response.noRetryBackoff);
      putVersion(w, PROTOCOL_VERSION);
      putBool(w, 'Success', response.success);
      putTerm(w, response.term);
      break;
    case 'request-vote':
    case 'request-pre-vote':
      putVoteResponse(w, by, response);
      break;
    case 'install-snapshot':
      w.mapHeader(5);
      putEmptyHeader(w);
      putVersion(w, 0);
      putBool(w, 'Success', response.success);
      putTerm(w, response.term);
      break;
    case 'timeout-now':
      w.mapHeader(3);
      putEmptyHeader(w);
      putVersion(w, 0);
  }
  return w.take();
}

function putVoteResponse(
  w: Writer,
  by: Responder,
  response: Extract<RaftResponse, { kind: 'request-vote' | 'request-pre-vote' }>,
): void {
  const hasPeers = response.kind === 'request-vote';
  w.mapHeader(hasPeers ? 6 : 5);
  w.key('Addr');
  w.str(by.address);
  putBool(w, 'Granted', response.granted);
  w.key('ID');
  w.str(by.id);
  if (hasPeers) {
    w.key('Peers');
    w.nil();
  }
  putVersion(w, PROTOCOL_VERSION);
  putTerm(w, response.term);
}

function putHeader(w: Writer, { id, address }: Responder): void {
  w.key('Addr');
  w.str(address);
  w.key('ID');
  w.str(id);
}

function putEmptyHeader(w: Writer): void {
  w.key('Addr');
  w.nil();
  w.key('ID');
  w.nil();
}

function putVersion(w: Writer, version: number): void {
  w.key('ProtocolVersion');
  w.int(version);
}

function putBool(w: Writer, key: string, value: boolean): void {
  w.key(key);
  w.bool(value);
}

function putTerm(w: Writer, term: number): void {
  w.key('Term');
  w.uint(term);
}

/** An answer that grants nothing, to go with an error. */
export function refusalOf(kind: RaftRequest['kind']): RaftResponse {
  switch (kind) {
    case 'append-entries':
      return { kind, term: 0, lastLog: 0, success: false, noRetryBackoff: false };
    case 'install-snapshot':
      return { kind, term: 0, success: false };
    case 'timeout-now':
      return { kind };
    default:
      return { kind, term: 0, granted: false };
  }
}

/** Servers that do not know pre-votes say so with this; the candidate takes it for a vote, as theirs does. */
const UNKNOWN_RPC = 'unexpected command';

/** Reads error text and map of the answer to `request`. Throws ProtocolError. */
export function decodeResponse(request: RaftRequest, bytes: Uint8Array): ReceivedResponse {
  const r = new Reader(bytes);
  const error = r.isNil() ? '' : r.str();
  const fields = readFields(r);
  const { kind } = request;
  if (error !== '') {
    if (kind !== 'request-pre-vote' || !error.includes(UNKNOWN_RPC)) return { error };
    return { response: { kind, term: request.term, granted: true } };
  }
  const { term, lastLog, success, noRetryBackoff, granted } = fields;
  switch (kind) {
    case 'append-entries':
      return { response: { kind, term, lastLog, success, noRetryBackoff } };
    case 'install-snapshot':
      return { response: { kind, term, success } };
    case 'timeout-now':
      return { response: { kind } };
    default:
      return { response: { kind, term, granted } };
  }
}

interface Fields {
  term: number;
  lastLog: number;
  success: boolean;
  noRetryBackoff: boolean;
  granted: boolean;
}

function readFields(r: Reader): Fields {
  const f: Fields = { term: 0, lastLog: 0, success: false, noRetryBackoff: false, granted: false };
  const count = r.mapHeader();
  for (let i = 0; i < count; i++) {
    const key = r.key();
    if (key === 'Term') f.term = readIndex(r);
    else if (key === 'LastLog') f.lastLog = readIndex(r);
    else if (key === 'Success') f.success = r.bool();
    else if (key === 'NoRetryBackoff') f.noRetryBackoff = r.bool();
    else if (key === 'Granted') f.granted = r.bool();
    else r.skip();
  }
  return f;
}

function readIndex(r: Reader): number {
  const value = r.int();
  if (value < 0) throw new ProtocolError('RAFT_MESSAGE', 'a negative index or term');
  return value;
}
