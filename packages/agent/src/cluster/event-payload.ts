import { ProtocolError } from '@proconsul/base';
import type { UserEvent } from '@proconsul/http-api';
import { Reader, Writer } from '@proconsul/msgpack';

/** Serf events of this prefix carry user events. Source: gossip wire, section 5. */
export const EVENT_PREFIX = 'consul:event:';

type EventContent = Omit<UserEvent, 'LTime'>;

/**
 * A user event as it travels: a map with sorted keys, in which empty filters and payloads are left out. This payload
 * alone uses str8 and bin. Source: recorded payload (gossip wire, section 5).
 */
export function encodeEventPayload(event: EventContent): Uint8Array {
  const texts = { nf: event.NodeFilter, sf: event.ServiceFilter, tf: event.TagFilter };
  const payload = event.Payload !== null && event.Payload.length > 0 ? event.Payload : null;
  const w = new Writer('event');
  w.mapHeader(3 + (payload === null ? 0 : 1) + Object.values(texts).filter((t) => t !== '').length);
  const text = (key: string, value: string) => {
    w.key(key);
    w.str(value);
  };
  text('ID', event.ID);
  text('n', event.Name);
  if (texts.nf !== '') text('nf', texts.nf);
  if (payload !== null) {
    w.key('p');
    w.bytes(payload);
  }
  if (texts.sf !== '') text('sf', texts.sf);
  if (texts.tf !== '') text('tf', texts.tf);
  w.key('v');
  w.int(event.Version);
  return w.finish();
}

/** Throws ProtocolError for anything that is not such a map. Unknown keys are skipped. */
export function decodeEventPayload(bytes: Uint8Array, LTime: number): UserEvent {
  const r = new Reader(bytes);
  const event = { ID: '', Name: '', NodeFilter: '', ServiceFilter: '', TagFilter: '', Version: 0, LTime };
  let Payload: Uint8Array | null = null;
  const text = (): string => (r.isNil() ? '' : r.str());
  for (let left = r.mapHeader(); left > 0; left--) {
    const key = r.key();
    if (key === 'ID') event.ID = text();
    else if (key === 'n') event.Name = text();
    else if (key === 'nf') event.NodeFilter = text();
    else if (key === 'sf') event.ServiceFilter = text();
    else if (key === 'tf') event.TagFilter = text();
    else if (key === 'v') event.Version = r.int();
    else if (key === 'p') Payload = r.bytes();
    else r.skip();
  }
  if (event.ID === '') throw new ProtocolError('EVENT_ID', 'user event without an id');
  return { ...event, Payload };
}
