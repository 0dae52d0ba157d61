import { EMPTY_BYTES, equalBytes, type Log, type Metrics, utf8 } from '@proconsul/base';
import { CountedNames } from './counted-names.ts';
import { SerfError } from './errors.ts';
import type { SerfEvent } from './events.ts';
import { LamportClock } from './lamport-clock.ts';
import { encodeUserEvent, type UserEventMessage } from './messages.ts';
import { type SerfOptions, USER_EVENT_SIZE_CAP } from './options.ts';
import type { EventsAt, PushPullState } from './push-pull-state.ts';

/** Logical times for which events are remembered, so that each is delivered once. */
export const EVENT_RING = 512;

/** Different events of one logical time; more are dropped. */
export const EVENTS_PER_TIME_MAX = 128;

interface Slot {
  readonly LTime: number;
  readonly Events: { readonly Name: string; readonly Payload: Uint8Array | null }[];
}

export interface UserEventsDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  emit(event: SerfEvent): void;
}

/** Events that users send to everybody: delivered once each, remembered for members that join soon after. */
export class UserEvents {
  readonly clock = new LamportClock();
  /** Events before this time are old news for us. */
  minTime = 0;
  readonly #options: SerfOptions;
  readonly #d: UserEventsDependencies;
  readonly #counted: CountedNames;
  readonly #ring: (Slot | null)[] = new Array<Slot | null>(EVENT_RING).fill(null);

  constructor(options: SerfOptions, dependencies: UserEventsDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#counted = new CountedNames(dependencies.metrics, 'serf.events', options.metricLabels);
  }

  /** Stamps and delivers a new event. Answers the message to spread. Throws SerfError EVENT_TOO_LARGE. */
  create(name: string, payload: Uint8Array, coalesce: boolean): Uint8Array {
    const event: UserEventMessage = { CC: coalesce, LTime: this.clock.time, Name: name, Payload: payload };
    const message = encodeUserEvent(event);
    this.#checkSize(utf8(name).length + payload.length, message.length);
    this.clock.next();
    this.receive(event);
    return message;
  }

  #checkSize(plainBytes: number, encodedBytes: number): void {
    const { userEventSizeLimit: limit } = this.#options;
    const refuse = (text: string) => new SerfError('EVENT_TOO_LARGE', text);
    if (plainBytes > limit) throw refuse(`user event exceeds configured limit of ${limit} bytes before encoding`);
    if (plainBytes > USER_EVENT_SIZE_CAP) {
      throw refuse(`user event exceeds sane limit of ${USER_EVENT_SIZE_CAP} bytes before encoding`);
    }
    if (encodedBytes > limit)
      throw refuse(`encoded user event exceeds configured limit of ${limit} bytes after encoding`);
  }

  /** True when the event is news: it was delivered, and is to be spread. */
  receive(event: UserEventMessage): boolean {
    this.clock.witness(event.LTime);
    if (event.LTime < this.minTime) return false;
    const now = this.clock.time;
    if (event.LTime < now - EVENT_RING) {
      this.#d.log.warn(`serf: received old event ${event.Name} from time ${event.LTime} (current: ${now})`);
      return false;
    }
    if (!this.#remember(event)) return false;
    this.#counted.count(event.Name);
    this.#d.emit({
      kind: 'user',
      time: event.LTime,
      name: event.Name,
      payload: event.Payload ?? EMPTY_BYTES,
      coalesce: event.CC,
    });
    return true;
  }

  #remember({ LTime, Name, Payload }: UserEventMessage): boolean {
    if (Payload !== null && Payload.length > USER_EVENT_SIZE_CAP) return false;
    const at = LTime % EVENT_RING;
    let slot = this.#ring[at] ?? null;
    if (slot === null || slot.LTime !== LTime) {
      slot = { LTime, Events: [] };
      this.#ring[at] = slot;
    } else if (slot.Events.some((seen) => seen.Name === Name && samePayload(seen.Payload, Payload))) return false;
    if (slot.Events.length >= EVENTS_PER_TIME_MAX) {
      this.#d.log.warn(`serf: dropped event ${Name}: too many events at time ${LTime}`);
      return false;
    }
    slot.Events.push({ Name, Payload });
    return true;
  }

  /** The whole ring, for a full exchange. */
  state(): Pick<PushPullState, 'EventLTime' | 'Events'> {
    return { EventLTime: this.clock.time, Events: this.#ring as readonly (EventsAt | null)[] };
  }

  /** Takes over what the other side remembers. `ignoreOld`: what happened before is not for us. */
  merge(state: Pick<PushPullState, 'EventLTime' | 'Events'>, ignoreOld: boolean): void {
    if (state.EventLTime > 0) this.clock.witness(state.EventLTime - 1);
    if (ignoreOld && state.EventLTime > this.minTime) this.minTime = state.EventLTime;
    for (const slot of state.Events) {
      if (slot === null) continue;
      for (const { Name, Payload } of slot.Events) this.receive({ CC: false, LTime: slot.LTime, Name, Payload });
    }
  }
}

function samePayload(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return equalBytes(a ?? EMPTY_BYTES, b ?? EMPTY_BYTES);
}
