import { CodedError, errorText, ProtocolError } from '@proconsul/base';
import { EndpointError } from '@proconsul/endpoints';
import { hopText, RemoteError, RpcError } from '../errors.ts';

/** Texts by which servers are understood, with the status that HTTP answers. Source: RPC wire, texts that clients match. */
const STATUSES: readonly (readonly [text: string, code: string, status: number])[] = [
  ['ACL not found', 'ACL_NOT_FOUND', 403],
  ['Permission denied', 'PERMISSION_DENIED', 403],
  ['ACL support disabled', 'ACL_DISABLED', 401],
  ['Query not found', 'QUERY_NOT_FOUND', 404],
  ['Service not found', 'SERVICE_NOT_FOUND', 404],
  ['rate limit exceeded, try again later or against a different server', 'RATE_LIMITED', 429],
  ['rate limit exceeded for operation that can only be performed by the leader', 'LEADER_RATE_LIMITED', 503],
  ['No cluster leader', 'NO_LEADER', 500],
  ['No path to datacenter', 'NO_PATH_TO_DC', 500],
  ['Remote DC has no server currently reachable', 'DC_UNREACHABLE', 500],
  ['No known Consul servers', 'NO_SERVERS', 500],
  ['Not ready to serve consistent reads', 'NOT_READY', 500],
  ["rpc: can't find method", 'NO_METHOD', 500],
  ["rpc: can't find service", 'NO_METHOD', 500],
];

/**
 * A failed call as the caller's error: its text tells the hop before it, and status and code come back from the text,
 * since errors travel as texts.
 */
export function callError(error: unknown): EndpointError {
  if (error instanceof RemoteError) return fromText(hopText(error));
  // An answer that cannot be read failed on this hop as well.
  const text = error instanceof ProtocolError ? `rpc error making call: ${error.message}` : hopText(error);
  return new EndpointError(error instanceof CodedError ? error.code : 'RPC', text);
}

function fromText(text: string): EndpointError {
  for (const [part, code, status] of STATUSES) if (text.includes(part)) return new EndpointError(code, text, status);
  return new EndpointError('REMOTE', text);
}

/** Refusals by which nothing was done: the same server a little later, or another one, may do it. */
const NOTHING_DONE = [
  'No cluster leader',
  'Raft leader not found in server lookup mapping',
  'Not ready to serve consistent reads',
  'node is not the leader',
  'leadership transfer in progress',
  'please resubmit call for rechunking',
  'rate limit exceeded, try again later or against a different server',
  'rpc error getting client: ',
];

/** A server that could not reach the next one in time: what was asked for may have been done. */
const BROKEN_BEHIND = [
  'EOF',
  'session shutdown',
  'stream closed',
  'connection reset',
  'leadership lost while committing log',
];

const holds = (text: string, parts: readonly string[]): boolean => parts.some((part) => text.includes(part));

/** Whether a call that failed so may be made again: a change only when nothing was done. */
export function mayRetry(error: unknown, kind: 'read' | 'write'): boolean {
  if (error instanceof RpcError) return !error.isSent || (kind === 'read' && error.code !== 'RPC_TIMEOUT');
  const text = errorText(error);
  return holds(text, NOTHING_DONE) || (kind === 'read' && holds(text, BROKEN_BEHIND));
}

const OTHER_SERVER = 'try again later or against a different server';

/** Whether the server, rather than the call, is at fault. */
export const isServerFault = (error: unknown): boolean =>
  error instanceof RpcError || errorText(error).includes(OTHER_SERVER);
