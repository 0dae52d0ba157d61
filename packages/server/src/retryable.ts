import { errorText } from '@proconsul/base';

/** Texts of refusals by which nothing was done: another server, or the same one a little later, may do it. */
const NOTHING_DONE = [
  'No cluster leader',
  'Raft leader not found in server lookup mapping',
  'Not ready to serve consistent reads',
  'node is not the leader',
  'leadership transfer in progress',
  'please resubmit call for rechunking',
  'rpc error getting client: ',
];

/** Texts of connections that broke under a call: what it asked for may have been done. */
const BROKEN = ['EOF', 'session shutdown', 'stream closed', 'connection reset', 'leadership lost while committing log'];

const holds = (text: string, parts: readonly string[]): boolean => parts.some((part) => text.includes(part));

/**
 * Whether a call that failed so may be made again without anybody telling the difference: a write only if nothing was
 * done, a read also if its connection broke. Source: RPC wire, texts that clients match.
 */
export function isRetryable(error: unknown, kind: 'read' | 'write'): boolean {
  const text = errorText(error);
  if (holds(text, NOTHING_DONE)) return true;
  return kind === 'read' && holds(text, BROKEN);
}
