import { hex, unhex } from '@proconsul/base';
import { nodeAesGcm } from '@proconsul/io-node';
import { expect, test } from 'vitest';
import { vectors } from '../testing/vectors.ts';
import { decodeCompound, encodeCompound } from './compound.ts';
import { openBody, STREAM_HEADER_BYTES, sealBody, streamHeader } from './encryption.ts';
import { lzwCompress, lzwDecompress } from './lzw.ts';
import { MessageType } from './message-type.ts';
import { accusation, ack, alive, err, indirectPing, nack, ping } from './messages.ts';
import { encodePushPull, PushPullReader } from './push-pull.ts';
import { userMessage } from './user-message.ts';
import { addCrc, compressMessage, decompressMessage, labelHeader, splitLabel, stripCrc } from './wrappers.ts';

/** A decoded tree, as testdata/memberlist-messages.json writes it. */
interface Tree {
  readonly type: number;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly inner?: Tree;
  readonly parts?: readonly Tree[];
  readonly header?: { readonly Join: boolean; readonly Nodes: number; readonly UserStateLen: number };
  readonly nodes?: readonly Readonly<Record<string, unknown>>[];
  readonly crcOK?: boolean;
  readonly label?: string;
}

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly decoded?: Tree;
}

const LIMIT = 1 << 20;
const STRUCTS = new Map<number, { decode(b: Uint8Array): object; encode(type: number, value: never): Uint8Array }>([
  [MessageType.ping, ping],
  [MessageType.indirectPing, indirectPing],
  [MessageType.ack, ack],
  [MessageType.suspect, accusation],
  [MessageType.alive, alive],
  [MessageType.dead, accusation],
  [MessageType.nack, nack],
  [MessageType.err, err],
]);

/** What of a tree can be compared without the layer above: names, numbers, and bytes that are given as hex. */
function expectFields(value: object, body: Readonly<Record<string, unknown>>): void {
  for (const [name, wanted] of Object.entries(body)) {
    const got = (value as Record<string, unknown>)[name];
    if (got instanceof Uint8Array) {
      const bytes = (wanted as { $hex?: string } | null)?.$hex;
      if (bytes !== undefined) expect(hex(got), name).toBe(bytes);
    } else expect(got, name).toEqual(wanted);
  }
}

/** Decodes, compares with the tree, encodes again to the same bytes. */
function check(bytes: Uint8Array, tree: Tree): void {
  expect(bytes[0]).toBe(tree.type);
  const same = (again: Uint8Array): void => expect(hex(again)).toBe(hex(bytes));
  const struct = STRUCTS.get(tree.type);
  if (struct !== undefined) {
    const value = struct.decode(bytes);
    expectFields(value, tree.body!);
    return same(struct.encode(tree.type, value as never));
  }
  switch (tree.type) {
    case MessageType.compound: {
      const { messages, truncated } = decodeCompound(bytes);
      expect([messages.length, truncated]).toEqual([tree.parts!.length, 0]);
      messages.forEach((message, i) => {
        check(message, tree.parts![i]!);
      });
      return same(encodeCompound(messages));
    }
    case MessageType.compress: {
      const plain = decompressMessage(bytes, LIMIT);
      check(plain, tree.inner!);
      return same(compressMessage(plain));
    }
    case MessageType.hasCrc: {
      const inner = stripCrc(bytes);
      check(inner, tree.inner!);
      return same(addCrc(inner));
    }
    case MessageType.hasLabel: {
      const { label, rest } = splitLabel(bytes)!;
      expect(label).toBe(tree.label);
      check(rest, tree.inner!);
      return same(Uint8Array.of(...labelHeader(label), ...rest));
    }
    case MessageType.pushPull: {
      const state = new PushPullReader().step(bytes)!;
      const { Join, Nodes, UserStateLen } = tree.header!;
      expect([state.join, state.nodes.length, state.userState.length]).toEqual([Join, Nodes, UserStateLen]);
      state.nodes.forEach((node, i) => {
        expectFields(node, tree.nodes![i]!);
      });
      return same(encodePushPull(state));
    }
    case MessageType.user:
      return same(userMessage(bytes.subarray(1)));
    default:
      throw new Error(`type ${tree.type} is not in the vectors`);
  }
}

test.for(vectors<Vector[]>('memberlist-messages').filter((v) => v.decoded !== undefined))(
  'message of the reference codec: $name',
  ({ hex: bytes, decoded }) => check(unhex(bytes), decoded!),
);

test.for(vectors<Vector[]>('gossip-captured'))('captured from real agents: $name', ({ hex: bytes, decoded }) =>
  check(unhex(bytes), decoded!),
);

interface SealedVector {
  readonly name: string;
  readonly hex: string;
  readonly params: {
    readonly aad_hex: string;
    readonly key_hex: string;
    readonly nonce_hex: string;
    readonly plain_hex: string;
    readonly version: 0 | 1;
  };
}

test.for(vectors<SealedVector[]>('gossip-encrypted'))('sealed as a live node accepts it: $name', (vector) => {
  const { version, ...p } = vector.params;
  const [key, nonce, plain, additional] = [p.key_hex, p.nonce_hex, p.plain_hex, p.aad_hex].map(unhex) as Uint8Array[];
  const body = sealBody(nodeAesGcm, key!, plain!, { version, nonce: nonce!, additional: additional! });
  const label = splitLabel(unhex(vector.hex))!;
  const isStream = vector.name.startsWith('stream');
  const header = isStream ? streamHeader(body.length) : new Uint8Array(0);
  expect(hex(labelHeader(label.label)) + hex(header) + hex(body)).toBe(vector.hex);
  const opened = label.rest.subarray(isStream ? STREAM_HEADER_BYTES : 0);
  const wrong = new Uint8Array(16);
  expect(hex(openBody(nodeAesGcm, [wrong, key!], opened, additional!))).toBe(p.plain_hex);
  expect(() => openBody(nodeAesGcm, [wrong], opened, additional!)).toThrow('No installed keys could decrypt');
  expect(() => openBody(nodeAesGcm, [key!], opened, Uint8Array.of(1))).toThrow('No installed keys could decrypt');
});

interface LzwVector {
  readonly name: string;
  readonly length: number;
  readonly lzw_hex: string;
  readonly plain_hex?: string;
}

/** The two long inputs are given by rule. */
function plainOf(vector: LzwVector): Uint8Array {
  if (vector.plain_hex !== undefined) return unhex(vector.plain_hex);
  const out = new Uint8Array(vector.length);
  if (vector.name.startsWith('repeating')) {
    for (let i = 0; i < out.length; i++) out[i] = 'consul-gossip-'.charCodeAt(i % 14);
    return out;
  }
  let x = 1;
  for (let i = 0; i < out.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

test.for(vectors<LzwVector[]>('lzw'))('LZW of the reference library: $name', (vector) => {
  const plain = plainOf(vector);
  expect(hex(lzwCompress(plain))).toBe(vector.lzw_hex);
  expect(hex(lzwDecompress(unhex(vector.lzw_hex), LIMIT))).toBe(hex(plain));
});
