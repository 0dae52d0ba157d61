import { fromBase64 } from './base64.ts';
import type { Http } from './http.ts';
import { type Answer, escapeSegment, type ReadOptions, type RequestOptions } from './query.ts';
import type { UserEvent } from './types.ts';

/** Who shall see an event; regular expressions, applied by each agent that receives it. */
export interface EventFilters {
  readonly node?: string | undefined;
  readonly service?: string | undefined;
  /** Needs `service`. */
  readonly tag?: string | undefined;
}

export type RawEvent = Omit<UserEvent, 'Payload'> & { Payload: string | null };

/** User events, spread by gossip. Source: HTTP API documentation, event. */
export class Events {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Fires an event. The payload must stay below about 400 bytes. */
  async fire(
    name: string,
    payload: Uint8Array | string = '',
    options: RequestOptions & EventFilters = {},
  ): Promise<UserEvent> {
    const { node, service, tag } = options;
    const body = payload.length === 0 ? undefined : payload;
    const path = `/v1/event/fire/${escapeSegment(name)}`;
    return decodeEvent(await this.#http.write<RawEvent>('PUT', path, body, options, { node, service, tag }));
  }

  /**
   * The last events that this agent saw, oldest first. The index is no Raft index: it identifies the last event, may
   * be 64 bits wide and go down, and a blocking call waits while it stays equal.
   */
  async list(options: ReadOptions & { readonly name?: string | undefined } = {}): Promise<Answer<UserEvent[]>> {
    const answer = await this.#http.read<RawEvent[]>('/v1/event/list', options, { name: options.name });
    return { value: answer.value.map(decodeEvent), meta: answer.meta };
  }
}

function decodeEvent(raw: RawEvent): UserEvent {
  return { ...raw, Payload: fromBase64(raw.Payload) };
}
