import { hex, unhex } from '@proconsul/base';
import { describe, expect, test } from 'vitest';
import { type Dialect, decodeAny, goTimeToRfc3339, Reader, Writer } from './index.ts';
import vectors from './testdata/dialects.json' with { type: 'json' };

type Encoded = {
  name: string;
  decoded: unknown;
  consul_net_rpc: string;
  go_msgpack_0_5_5: string;
  go_msgpack_v2_raft: string;
};
const encodings = vectors.encode as Encoded[];

/** Writes the tree of a vector, whose leaves say what they are where JSON cannot. */
function writeTree(w: Writer, tree: unknown): void {
  if (tree === null) w.nil();
  else if (typeof tree === 'string') w.str(tree);
  else if (typeof tree === 'boolean') w.bool(tree);
  else if (typeof tree === 'number') w.int(tree);
  else if (Array.isArray(tree)) {
    w.arrayHeader(tree.length);
    for (const item of tree) writeTree(w, item);
  } else writeObject(w, tree as Record<string, unknown>);
}

function writeObject(w: Writer, map: Record<string, unknown>): void {
  if ('$hex' in map) w.bytes(unhex(map['$hex'] as string));
  else if ('$float' in map) w.float64(map['$float'] as number);
  else if ('$u64' in map) w.int(BigInt(map['$u64'] as string));
  else {
    w.mapHeader(Object.keys(map).length);
    for (const [key, value] of Object.entries(map)) {
      w.key(key);
      writeTree(w, value);
    }
  }
}

/** The tree that these bytes hold, in the notation of the vectors. */
function readTree(r: Reader): unknown {
  switch (r.peekKind()) {
    case 'float':
      return { $float: r.float() };
    case 'int': {
      const value = r.intOrBig();
      return typeof value === 'bigint' ? { $u64: String(value) } : value;
    }
    case 'array':
      return Array.from({ length: r.arrayHeader() }, () => readTree(r));
    case 'map':
      return Object.fromEntries(Array.from({ length: r.mapHeader() }, () => [r.key(), readTree(r)]));
    case 'str': {
      const bytes = r.bytes()!;
      const text = new TextDecoder().decode(bytes);
      return /^[^\u0000-\u001f\ufffd]*$/.test(text) ? text : { $hex: hex(bytes) };
    }
    default:
      return decodeAny(r);
  }
}

const columns: readonly (readonly [Dialect, 'consul_net_rpc' | 'go_msgpack_0_5_5' | 'go_msgpack_v2_raft'])[] = [
  ['rpc', 'consul_net_rpc'],
  ['gossip', 'go_msgpack_0_5_5'],
  ['raft', 'go_msgpack_v2_raft'],
];

describe.for(columns)('dialect %s', ([dialect, column]) => {
  test.for(encodings)('reads $name', (vector) => {
    // Nil slices and maps at the top level are nil in one dialect and empty in the others.
    const expected = vector[column] === 'c0' ? null : vector.decoded;
    const reader = new Reader(unhex(vector[column]));
    expect(readTree(reader)).toEqual(expected);
    expect(reader.remaining).toBe(0);
  });

  // Nothing in Consul writes float32.
  test.for(encodings.filter((v) => v.name !== 'float32 1.5'))('writes $name', (vector) => {
    const w = new Writer(dialect);
    const tree = vector[column] === 'c0' ? null : vector.decoded;
    writeTree(w, tree);
    expect(hex(w.finish())).toBe(vector[column]);
  });

  test.for(encodings)('skips $name', (vector) => {
    const reader = new Reader(unhex(vector[column] + 'c3'));
    reader.skip();
    expect(reader.bool()).toBe(true);
    expect(reader.remaining).toBe(0);
  });
});

test('Go unsigned integers take the unsigned forms in the raft dialect too', () => {
  for (const vector of encodings) {
    if (typeof vector.decoded !== 'number' || vector.decoded < 0) continue;
    const w = new Writer('raft');
    w.uint(vector.decoded);
    expect(hex(w.finish())).toBe(vector.consul_net_rpc);
  }
});

test('event payloads use str8 and bin', () => {
  const written = (fill: (w: Writer) => void): string => {
    const w = new Writer('event');
    fill(w);
    return hex(w.finish());
  };
  expect(written((w) => w.str('a'.repeat(31))).slice(0, 2)).toBe('bf');
  expect(written((w) => w.str('a'.repeat(32))).slice(0, 4)).toBe('d920');
  expect(written((w) => w.str('é'.repeat(100))).slice(0, 4)).toBe('d9c8');
  expect(written((w) => w.str('é'.repeat(128))).slice(0, 6)).toBe('da0100');
  expect(written((w) => w.bytes(unhex('0102')))).toBe('c4020102');
  expect(written((w) => w.bytes(new Uint8Array(256))).slice(0, 6)).toBe('c50100');
  expect(written((w) => w.bytes(new Uint8Array(65536))).slice(0, 10)).toBe('c600010000');
});

/** Typed readers for what the vectors decode into, and the JSON that Go prints for the value. */
const decoders: Readonly<Record<string, (r: Reader) => string>> = {
  'into string': (r) => JSON.stringify(r.isNil() ? '' : r.str()),
  'into bytes': (r) => JSON.stringify(btoa(String.fromCharCode(...(r.bytes() ?? [])))),
  'into int': (r) => String(r.int()),
  'into uint8': (r) => String(r.int()),
  'into float64': (r) => String(r.float()),
  'into bool': (r) => String(r.bool()),
  'time:': (r) => JSON.stringify(goTimeToRfc3339(r.time())),
};

const lenient = vectors.decode.flatMap((vector) => {
  const found = Object.entries(decoders).find(([part]) => vector.name.includes(part));
  // Readers take what any of the three decoders takes, except the range of a field, which is the field's business.
  if (found === undefined || vector.name === '300 into uint8') return [];
  const values = [vector.consul_net_rpc, vector.go_msgpack_0_5_5, vector.go_msgpack_v2_raft];
  const value = values.find((v) => !v.startsWith('error'));
  return [{ name: vector.name, wire: vector.hex, value, read: found[1] }];
});

test.for(lenient)('reads $name as the most tolerant decoder does', ({ name, wire, value, read }) => {
  const reader = new Reader(unhex(wire));
  // A bare nil is no number; fields check for nil first.
  if (value === undefined || name === 'nil into int' || name === 'nil into bool') {
    expect(() => read(reader)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
  } else {
    expect(read(reader)).toBe(value);
  }
});
