import type { Millis } from '@proconsul/base';
import type { Sent } from './inputs.ts';
import type { RaftState } from './state.ts';

/** What the answer to a request that a leader sends now will be judged by. */
export function sentNow(s: RaftState, at: Millis, kind: Sent['kind'], prevLogIndex: number, lastIndex: number): Sent {
  return { kind, term: s.term, at, round: s.round, prevLogIndex, lastIndex, heartbeat: false };
}
