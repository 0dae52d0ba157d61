import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { hex, ProtocolError, unhex } from '@proconsul/base';
import { decodeAny, Reader } from '@proconsul/msgpack';
import { MessageType } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { mapFields, textField } from './raw-map.ts';
import { Store } from './store.ts';

/*
 * Every command that a leader of the reference writes when all writes of its API are used, and snapshots of that leader: what
 * we hold must be what it holds, record by record.
 */

interface Recorded {
  readonly commands: readonly (readonly [index: number, hex: string])[];
  readonly snapshots: readonly { readonly name: string; readonly index: number; readonly state: string }[];
}

const recorded: Recorded = JSON.parse(
  gunzipSync(readFileSync(new URL('./testdata/leader-log.json.gz', import.meta.url))).toString('utf8'),
);

/** Numbers that every server computes on its own. */
const OWN_FIELDS = ['Hash'];

/** Differences that mean nothing: leaders of the reference share memory between what they keep and what they work on. */
const SHARED: Readonly<Record<string, string>> = { 'api-gateway': 'Status', 'service-defaults': 'UpstreamConfig' };

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** Maps in any order; what cannot be decoded as its bytes. */
function readable(bytes: Uint8Array): unknown {
  try {
    return plain(decodeAny(bytes));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return hex(bytes);
  }
}

function entryRecord(value: Uint8Array): [string, unknown] {
  const bytes = new Reader(value).bytes() as Uint8Array;
  const held = new Reader(bytes);
  const kind = held.str();
  const wrapped = mapFields(bytes.subarray(held.offset)).get('Entry') as Uint8Array;
  const entry = kind === 'proxy-defaults' ? (new Reader(wrapped).bytes() as Uint8Array) : wrapped;
  const fields = readable(entry) as Record<string, unknown>;
  if (kind === 'service-intentions') for (const field of OWN_FIELDS) delete fields[field];
  delete fields[SHARED[kind] ?? ''];
  return [`${kind} ${textField(mapFields(entry), 'Name')}`, fields];
}

/** Records by what they are of. */
function records(state: Uint8Array): Map<string, unknown> {
  const reader = new Reader(state);
  reader.skip();
  const found = new Map<string, unknown>();
  while (reader.remaining > 0) {
    const type = state[reader.offset] as number;
    reader.offset++;
    const start = reader.offset;
    reader.skip();
    const value = state.slice(start, reader.offset);
    if (type === MessageType.ConfigEntry) found.set(...entryRecord(value));
    else if (type === MessageType.Index) {
      const { Key, Value } = readable(value) as { readonly Key: string; readonly Value: string };
      if (isCompared(Key)) found.set(`index ${Key}`, Value);
    } else if (type >= MessageType.PeeringWrite && type <= MessageType.PeeringSecretsWrite) {
      found.set(`${type} ${hex(value)}`, type); // Messages that hold no maps.
    } else found.set(`${type} ${JSON.stringify(sorted(readable(value)))}`, type);
  }
  return found;
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
};

/** Indexes of reads that only we keep apart, of mere names, and of reads about gateways that follow protocols as well. */
const isCompared = (name: string): boolean =>
  !/^(connect-destination\.|service-virtual-ips\.|gateway-services$|kind_service_names\.destination$)/.test(name);

describe('the state that commands of a leader of the reference lead to', () => {
  const store = new Store({ datacenter: 'dc1' });
  let next = 0;
  test.for(recorded.snapshots)('is its state: $name', ({ index, state }) => {
    for (; (recorded.commands[next]?.[0] ?? Number.POSITIVE_INFINITY) <= index; next++) {
      const [at, command] = recorded.commands[next] as readonly [number, string];
      store.apply(at, unhex(command));
    }
    store.skipTo(index);
    const ours = records(new Uint8Array(Buffer.concat([...store.snapshot().chunks()])));
    const theirs = records(new Uint8Array(Buffer.from(state, 'base64')));
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
    expect(ours.size).toBeGreaterThan(50);
  });

  test('and comes back from a snapshot of it', () => {
    for (const { state } of recorded.snapshots) {
      const again = new Store({ datacenter: 'dc1' });
      const restore = again.restore();
      restore.push(new Uint8Array(Buffer.from(state, 'base64')));
      restore.finish();
      const ours = records(new Uint8Array(Buffer.concat([...again.snapshot().chunks()])));
      expect(Object.fromEntries(ours)).toEqual(
        Object.fromEntries(records(new Uint8Array(Buffer.from(state, 'base64')))),
      );
    }
  });
});
