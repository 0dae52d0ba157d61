import { hex, unhex } from '@proconsul/base';
import { decodeAny, decodeGoTime, Reader } from '@proconsul/msgpack';
import { describe, expect, test } from 'vitest';
import pairs from '../testdata/rpc-pairs.json' with { type: 'json' };
import { wireMethods } from './table.ts';
import type { AnyWireMethod } from './wire-method.ts';

interface Halves {
  readonly header: Record<string, unknown>;
  readonly body: Uint8Array;
}

function halves(text: string): Halves {
  const bytes = unhex(text);
  const reader = new Reader(bytes);
  const header = decodeAny(reader) as Record<string, unknown>;
  return { header, body: bytes.subarray(reader.offset) };
}

/** Raw values that hold more values are taken apart, so that the order of maps in them does not matter either. */
function tree(body: Uint8Array): unknown {
  const reader = new Reader(body);
  const kind = reader.peekKind();
  if (kind !== 'str') return plain(decodeAny(reader, { rawAs: 'auto' }));
  const inner = reader.bytes() as Uint8Array;
  return nested(inner) ?? plain(decodeAny(body, { rawAs: 'auto' }));
}

function nested(bytes: Uint8Array): unknown[] | undefined {
  const values: unknown[] = [];
  try {
    const reader = new Reader(bytes);
    while (reader.remaining > 0) values.push(plain(decodeAny(reader, { rawAs: 'auto' })));
  } catch {
    return undefined;
  }
  return values;
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    const inner = value.length > 32 ? nested(value) : undefined;
    return inner ?? hex(value);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => [key, plain((value as Record<string, unknown>)[key])]),
    );
  }
  return value;
}

const known = pairs.vectors
  .map((v) => ({ ...v, request: halves(v.request), response: halves(v.response) }))
  .map((v) => ({ ...v, method: wireMethods.get(v.request.header['ServiceMethod'] as string) as AnyWireMethod }))
  .filter((v) => v.method !== undefined);

/** What servers do not look at is not kept: a source without a node, and what agents allow their own caches. */
function withoutIdle(request: unknown): unknown {
  if (typeof request !== 'object' || Array.isArray(request)) return request;
  const { MaxStaleDuration: _, ...kept } = request as Record<string, unknown>;
  const { Source, ...rest } = kept;
  const source = Source as { Node: string; DisableNode: boolean } | undefined;
  return source === undefined || source.Node === '' || source.DisableNode ? rest : kept;
}

const entryOf = (command: unknown): { Kind: string } => (command as [string, { Entry: { Kind: string } }])[1].Entry;

const matchEntries = (request: unknown): object[] =>
  (request as { readonly Match?: { readonly Entries: object[] } | null }).Match?.Entries ?? [];

/** Autopilot keeps milliseconds of the moment since which a server is stable. */
function toMillis(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toMillis);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key !== 'StableSince') return [key, toMillis(inner)];
      const { seconds, nanos } = decodeGoTime(unhex(inner as string));
      return [key, seconds * 1000 + Math.round(nanos / 1e6)];
    }),
  );
}

describe('requests between real agents', () => {
  test.for(known)('$name is read and written again alike', ({ method, request }) => {
    const { args, options } = method.decodeRequest(request.body);
    const again = method.encodeRequest(args, options);
    const [want, got] = [tree(request.body), tree(again)];
    // The kind stands before the map already; the reference leaves it empty inside.
    if (method.name === 'ConfigEntry.Delete') Object.assign(entryOf(want), { Kind: entryOf(got).Kind });
    // Namespaces and partitions are of another edition.
    for (const entry of matchEntries(want)) Object.assign(entry, { Namespace: '', Partition: '' });
    expect(withoutIdle(got)).toEqual(withoutIdle(want));
  });
});

describe('answers between real agents', () => {
  const answered = known.filter((v) => v.response.header['Error'] === '');
  test.for(answered)('$name is read and written again alike', ({ method, request, response }) => {
    const { args } = method.decodeRequest(request.body);
    const { value, meta } = method.decodeReply(response.body, args);
    const again = method.encodeReply(value, meta, args);
    expect(toMillis(tree(again))).toEqual(toMillis(tree(response.body)));
    expect(again.length).toBe(response.body.length);
  });

  test('all methods of the table but these were captured', () => {
    const captured = new Set(known.map((v) => v.method.name));
    const missing = [...wireMethods.keys()].filter((name) => !captured.has(name));
    expect(missing).toEqual([
      'Catalog.ServiceList',
      'Operator.RaftRemovePeerByID',
      'Operator.RaftRemovePeerByAddress',
      'Operator.TransferLeader',
      'Internal.NodeDump',
      'Internal.ServiceDump',
      'PreparedQuery.ExecuteRemote',
      'ConfigEntry.ListAll',
      'FederationState.List',
      'FederationState.Get',
      'FederationState.Apply',
      'Intention.Get',
    ]);
  });
});
