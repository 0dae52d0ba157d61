import type { RaftEffect, RaftInput } from '@proconsul/raft';

/** One input or effect in a few words; empty when it says nothing. */
export function describe(x: RaftInput | RaftEffect): string {
  switch (x.kind) {
    case 'request':
      return `request ${x.request.kind} of ${x.request.from}`;
    case 'response':
      return `${x.response ? 'response' : 'no response'} ${x.sent.kind} of ${x.from} ${JSON.stringify(x.response ?? {})}`;
    case 'send':
      return `send ${x.request.kind} to ${x.to.id}`;
    case 'send-entries':
      return `send ${x.from}-${x.last} to ${x.to.id}`;
    case 'append':
      return `append ${x.entries.map((e) => `${e.index}/${e.term}`).join(' ')}${x.truncateFrom ? ' truncating' : ''}`;
    case 'respond':
      return `respond ${JSON.stringify(x.response)}`;
    case 'log':
    case 'count':
    case 'set-timer':
    case 'observe':
      return '';
    default:
      return 'index' in x ? `${x.kind} ${x.index}` : x.kind;
  }
}
