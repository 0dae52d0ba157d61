import type { Reader } from '@proconsul/msgpack';
import { Writer } from '@proconsul/msgpack';
import { readFields, readLTime } from './fields.ts';
import { bodyOf, MessageType } from './messages.ts';

/** User events of one logical time. */
export interface EventsAt {
  readonly LTime: number;
  readonly Events: readonly { readonly Name: string; readonly Payload: Uint8Array | null }[];
}

/** What two members exchange beside the state of the gossip pool. */
export interface PushPullState {
  readonly EventLTime: number;
  /** The ring of recent events as it is, nil for free slots. */
  readonly Events: readonly (EventsAt | null)[];
  readonly LTime: number;
  readonly LeftMembers: readonly string[];
  readonly QueryLTime: number;
  /** By member: the time of the last intent about it. */
  readonly StatusLTimes: ReadonlyMap<string, number>;
}

/** Source: gossip wire notes, section 4. Vectors: the streams in testdata/serf-messages.json. */
export function encodePushPull(m: PushPullState): Uint8Array {
  const w = new Writer('gossip', 2048);
  w.byte(MessageType.pushPull);
  w.mapHeader(6);
  w.key('EventLTime');
  w.uint(m.EventLTime);
  w.key('Events');
  w.arrayHeader(m.Events.length);
  for (const slot of m.Events) writeSlot(w, slot);
  w.key('LTime');
  w.uint(m.LTime);
  w.key('LeftMembers');
  w.arrayHeader(m.LeftMembers.length);
  for (const name of m.LeftMembers) w.str(name);
  w.key('QueryLTime');
  w.uint(m.QueryLTime);
  w.key('StatusLTimes');
  w.mapHeader(m.StatusLTimes.size);
  for (const [name, time] of m.StatusLTimes) {
    w.key(name);
    w.uint(time);
  }
  return w.finish();
}

function writeSlot(w: Writer, slot: EventsAt | null): void {
  if (slot === null) {
    w.nil();
    return;
  }
  w.mapHeader(2);
  w.key('Events');
  w.arrayHeader(slot.Events.length);
  for (const event of slot.Events) {
    w.mapHeader(2);
    w.key('Name');
    w.str(event.Name);
    w.key('Payload');
    w.bytes(event.Payload);
  }
  w.key('LTime');
  w.uint(slot.LTime);
}

/** Throws ProtocolError. Free slots of the ring are left out. */
export function decodePushPull(message: Uint8Array): PushPullState {
  const r = bodyOf(message, MessageType.pushPull);
  const m = {
    EventLTime: 0,
    Events: [] as EventsAt[],
    LTime: 0,
    LeftMembers: [] as string[],
    QueryLTime: 0,
    StatusLTimes: new Map<string, number>(),
  };
  readFields(r, {
    EventLTime: () => (m.EventLTime = readLTime(r)),
    Events: () => (m.Events = readSlots(r)),
    LTime: () => (m.LTime = readLTime(r)),
    LeftMembers: () => (m.LeftMembers = readNames(r)),
    QueryLTime: () => (m.QueryLTime = readLTime(r)),
    StatusLTimes: () => {
      for (let pairs = r.mapHeader(); pairs > 0; pairs--) m.StatusLTimes.set(r.str(), readLTime(r));
    },
  });
  return m;
}

function readNames(r: Reader): string[] {
  const names: string[] = [];
  for (let count = r.arrayHeader(); count > 0; count--) names.push(r.str());
  return names;
}

function readSlots(r: Reader): EventsAt[] {
  const slots: EventsAt[] = [];
  for (let count = r.arrayHeader(); count > 0; count--) {
    if (r.isNil()) continue;
    let LTime = 0;
    const Events: { Name: string; Payload: Uint8Array | null }[] = [];
    readFields(r, {
      LTime: () => (LTime = readLTime(r)),
      Events: () => {
        for (let left = r.arrayHeader(); left > 0; left--) Events.push(readEvent(r));
      },
    });
    slots.push({ LTime, Events });
  }
  return slots;
}

function readEvent(r: Reader): { Name: string; Payload: Uint8Array | null } {
  let Name = '';
  let Payload: Uint8Array | null = null;
  readFields(r, { Name: () => (Name = r.str()), Payload: () => (Payload = r.bytes()) });
  return { Name, Payload };
}
