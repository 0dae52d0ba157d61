import { formatDuration, parseDuration } from '@proconsul/base';
import type { RaftStats } from '@proconsul/schema';
import type { Consensus } from './consensus.ts';

/** How this server follows the log, as autopilot asks: `LastContact` is `0`, a duration text, or `never`. Source: RPC wire. */
export function raftStats(consensus: Consensus): RaftStats {
  const ms = consensus.lastContactMs();
  return {
    LastContact: ms === 0 ? '0' : Number.isFinite(ms) ? formatDuration(Math.round(ms * 1e6)) : 'never',
    LastTerm: consensus.lastTerm(),
    LastIndex: consensus.lastIndex(),
  };
}

/** Milliseconds of a `LastContact`; Infinity for `never` and for what is no duration. */
export function lastContactMs(text: string): number {
  if (text === '0') return 0;
  const ns = parseDuration(text);
  return ns === undefined ? Number.POSITIVE_INFINITY : ns / 1e6;
}
