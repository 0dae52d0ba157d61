import { errorText, type Log } from '@proconsul/base';
import type { UserEvent } from '@proconsul/http-api';
import type { SerfEvent } from '@proconsul/serf';
import { decodeEventPayload, EVENT_PREFIX } from './event-payload.ts';

/** The servers tell everybody who leads now; the payload is the name of its node. Source: gossip wire, section 5. */
export const NEW_LEADER_EVENT = 'consul:new-leader';

const INTERNAL_PREFIX = 'consul:';

export interface UserEventHandlers {
  newLeader(node: string): void;
  userEvent(event: UserEvent): void;
}

/** Takes a Serf event apart that agents fired; those of other programs in the pool mean nothing to us. */
export function handleUserEvent(
  event: Extract<SerfEvent, { kind: 'user' }>,
  log: Log,
  handlers: UserEventHandlers,
): void {
  const { name, payload, time } = event;
  if (name === NEW_LEADER_EVENT) {
    const node = new TextDecoder().decode(payload);
    log.info('New leader elected', { payload: node });
    handlers.newLeader(node);
    return;
  }
  if (!name.startsWith(EVENT_PREFIX)) {
    if (name.startsWith(INTERNAL_PREFIX)) log.warn('Unhandled local event', { event: name });
    return;
  }
  log.debug('User event', { event: name.slice(EVENT_PREFIX.length) });
  let decoded: UserEvent;
  try {
    decoded = decodeEventPayload(payload, time);
  } catch (error) {
    log.error('Failed to decode event', { event: name, error: errorText(error) });
    return;
  }
  handlers.userEvent(decoded);
}
