import { errorText, fromUtf8, type Log } from '@proconsul/base';
import type { IncomingQuery, SerfMember } from './events.ts';
import { answerKeyQuery, type KeyAnswersDependencies } from './key-answers.ts';
import { InternalQuery } from './key-messages.ts';
import { encodeConflictResponse } from './member-codec.ts';

export interface InternalQueriesDependencies {
  readonly log: Log;
  readonly selfName: string;
  member(name: string): SerfMember | undefined;
  keys(query: IncomingQuery): KeyAnswersDependencies;
}

/** True when Serf answers that query itself. */
export function isInternal(name: string): boolean {
  return name.startsWith(InternalQuery.prefix);
}

/** Answers a query of Serf itself. Never rejects. Source: gossip wire notes, section 4. */
export async function answerInternal(query: IncomingQuery, d: InternalQueriesDependencies): Promise<void> {
  try {
    if (query.name === InternalQuery.ping) return; // The acknowledgement has said it all.
    if (query.name === InternalQuery.conflict) return answerConflict(query, d);
    const answer = await answerKeyQuery(query, d.keys(query));
    if (answer === undefined) d.log.warn(`serf: Unhandled internal query '${query.name}'`);
    else query.respond(answer);
  } catch (error) {
    d.log.error(`serf: Failed to respond to ${query.name}: ${errorText(error)}`);
  }
}

function answerConflict(query: IncomingQuery, d: InternalQueriesDependencies): void {
  const name = fromUtf8(query.payload);
  if (name === d.selfName) return; // Whose name it is has no say.
  d.log.debug(`serf: Got conflict resolution query for '${name}'`);
  const member = d.member(name);
  if (member === undefined) d.log.warn(`serf: No member status found for '${name}'`);
  else query.respond(encodeConflictResponse(member));
}
