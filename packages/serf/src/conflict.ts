import { errorText, type Log, utf8 } from '@proconsul/base';
import type { SerfMember } from './events.ts';
import { InternalQuery } from './key-messages.ts';
import { decodeConflictResponse } from './member-codec.ts';
import type { QueryOptions } from './pool.ts';

export interface ConflictDependencies {
  readonly log: Log;
  self(): SerfMember;
  ask(name: string, payload: Uint8Array, options: QueryOptions): Promise<void>;
  /** The pool knows another member by our name: there is no place for us. */
  quit(): void;
}

/**
 * Two members claim our name: asks everybody else whom they know by it. Without a majority for our address we quit.
 * Source: gossip wire notes, section 4; texts recorded by running the reference.
 */
export async function resolveConflict(d: ConflictDependencies): Promise<void> {
  const self = d.self();
  let responses = 0;
  let matching = 0;
  await d.ask(InternalQuery.conflict, utf8(self.name), {
    onResponse: (from, payload) => {
      try {
        const member = decodeConflictResponse(payload);
        responses++;
        if (member.address === self.address && member.port === self.port) matching++;
      } catch (error) {
        d.log.error(`serf: Failed to decode conflict query response of ${from}: ${errorText(error)}`);
      }
    },
  });
  const count = `[${matching} / ${responses}]`;
  if (matching >= Math.floor(responses / 2) + 1) {
    d.log.info(`serf: majority in name conflict resolution ${count}`);
    return;
  }
  d.log.warn(`serf: minority in name conflict resolution, quitting ${count}`);
  d.quit();
}
