import { type Clock, type Millis, type Rng, uuid } from '@proconsul/base';
import { compileRegex, type Regex, RegexError } from '@proconsul/bexpr';
import { AgentError, type UserEvent } from '@proconsul/http-api';
import { EVENT_PREFIX, encodeEventPayload } from './cluster/event-payload.ts';
import type { LocalState } from './local/state.ts';

/** Events that are remembered for `event list`. Source: events documentation. */
export const EVENTS_MAX = 256;

/** Bytes of an event's name and encoded payload in the pool. Source: recorded error of an event that is too large. */
export const EVENT_BYTES_MAX = 512;

export interface EventRequest {
  readonly Name: string;
  readonly Payload: Uint8Array | null;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
}

function regexOf(what: string, text: string): Regex | null {
  if (text === '') return null;
  try {
    return compileRegex(text);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new AgentError(500, `Invalid ${what} filter: ${error.message}`);
  }
}

/** The user events of one agent: those that passed its filters, oldest first. */
export class UserEvents {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #local: LocalState;
  readonly #nodeName: string;
  readonly #ring: UserEvent[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(nodeName: string, dependencies: { clock: Clock; rng: Rng; local: LocalState }) {
    this.#nodeName = nodeName;
    this.#clock = dependencies.clock;
    this.#rng = dependencies.rng;
    this.#local = dependencies.local;
  }

  list(): readonly UserEvent[] {
    return this.#ring;
  }

  /** Checks an event and gives it an id. Throws AgentError with Consul's texts. */
  create(request: EventRequest): UserEvent {
    if (request.TagFilter !== '' && request.ServiceFilter === '') {
      throw new AgentError(500, 'Cannot provide tag filter without service filter');
    }
    regexOf('node', request.NodeFilter);
    regexOf('service', request.ServiceFilter);
    regexOf('tag', request.TagFilter);
    const event: UserEvent = { ID: uuid(this.#rng), ...request, Version: 1, LTime: 0 };
    if (EVENT_PREFIX.length + event.Name.length + encodeEventPayload(event).length > EVENT_BYTES_MAX) {
      throw new AgentError(
        500,
        `error broadcasting event: user event exceeds configured limit of ${EVENT_BYTES_MAX} bytes before encoding`,
      );
    }
    return event;
  }

  /** Takes an event that arrived, if it is meant for this node. */
  deliver(event: UserEvent): void {
    if (!this.isForUs(event)) return;
    this.#ring.push(event);
    if (this.#ring.length > EVENTS_MAX) this.#ring.shift();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fn of waiting) fn();
  }

  /** Whether the filters of an event let it through to this node. A filter that does not compile lets nobody through. */
  isForUs(event: UserEvent): boolean {
    try {
      return this.#passes(event);
    } catch (error) {
      if (error instanceof AgentError) return false;
      throw error;
    }
  }

  #passes(event: UserEvent): boolean {
    const node = regexOf('node', event.NodeFilter);
    if (node !== null && !node.test(this.#nodeName)) return false;
    const service = regexOf('service', event.ServiceFilter);
    if (service === null) return true;
    const tag = regexOf('tag', event.TagFilter);
    for (const { service: s } of this.#local.services.values()) {
      if (service.test(s.Service) && (tag === null || (s.Tags ?? []).some((t) => tag.test(t)))) return true;
    }
    return false;
  }

  /** Calls `done` at the next event or after the wait. The returned function cancels. */
  block(waitMs: Millis, done: () => void): () => void {
    const settle = () => {
      timer.cancel();
      this.#waiting.delete(settle);
      done();
    };
    const timer = this.#clock.after(waitMs, settle);
    this.#waiting.add(settle);
    return () => {
      timer.cancel();
      this.#waiting.delete(settle);
    };
  }
}
