import { concatBytes, utf8, viewOf } from '@proconsul/base';
import { encodeBase64 } from '@proconsul/gojson';
import { crc32c } from '../disk/crc32c.ts';
import { setU64 } from '../disk/segment.ts';
import type { Entry } from '../entry.ts';
import { fnv1a64 } from '../takeover/bolt.ts';
import { crc64 } from '../takeover/crc64.ts';

/** Files as Consul's servers write them, for tests. The layouts are told where they are read: `takeover/`. */

type Pairs = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

const PAGE = 4096;

export interface BoltShape {
  /** Pairs in one leaf; more make a branch above several of them. */
  readonly perLeaf?: number;
  /** Small buckets stand in their own value. */
  readonly inline?: boolean;
}

export function boltFile(buckets: Readonly<Record<string, Pairs>>, shape: BoltShape = {}): Uint8Array {
  const pages: Uint8Array[] = [];
  // Two meta pages and the free list come first.
  let next = 3;
  const add = (page: Uint8Array): number => {
    const number = next;
    const size = Math.ceil(page.length / PAGE);
    setU64(viewOf(page), 0, number);
    viewOf(page).setUint32(12, size - 1, true);
    pages.push(concatBytes([page, new Uint8Array(size * PAGE - page.length)]));
    next += size;
    return number;
  };
  const names = Object.keys(buckets).sort();
  const values = names.map((name) => [utf8(name), bucketValue(buckets[name]!, shape, add)] as const);
  const root = add(leaf(values, 1));
  const free = page(0x10, 0, new Uint8Array(0));
  setU64(viewOf(free), 0, 2);
  const metas = [meta(0, root, next, 7), meta(1, root + 100, next, 6)];
  return concatBytes([...metas, concatBytes([free, new Uint8Array(PAGE - free.length)]), ...pages]);
}

function bucketValue(
  pairs: Pairs,
  { perLeaf = 20, inline = false }: BoltShape,
  add: (page: Uint8Array) => number,
): Uint8Array {
  const header = new Uint8Array(16);
  if (inline) return concatBytes([header, leaf(pairs, 0)]);
  const leaves: [Uint8Array, number][] = [];
  for (let i = 0; i === 0 || i < pairs.length; i += perLeaf) {
    const some = pairs.slice(i, i + perLeaf);
    leaves.push([some[0]?.[0] ?? new Uint8Array(0), add(leaf(some, 0))]);
  }
  setU64(viewOf(header), 0, leaves.length === 1 ? leaves[0]![1] : add(branch(leaves)));
  return header;
}

function leaf(pairs: Pairs, flags: number): Uint8Array {
  const elements = new Uint8Array(pairs.length * 16);
  const view = viewOf(elements);
  let at = elements.length;
  for (const [i, [key, value]] of pairs.entries()) {
    view.setUint32(i * 16, flags, true);
    view.setUint32(i * 16 + 4, at - i * 16, true);
    view.setUint32(i * 16 + 8, key.length, true);
    view.setUint32(i * 16 + 12, value.length, true);
    at += key.length + value.length;
  }
  return page(2, pairs.length, concatBytes([elements, ...pairs.flat()]));
}

function branch(children: readonly (readonly [Uint8Array, number])[]): Uint8Array {
  const elements = new Uint8Array(children.length * 16);
  const view = viewOf(elements);
  let at = elements.length;
  for (const [i, [key, child]] of children.entries()) {
    view.setUint32(i * 16, at - i * 16, true);
    view.setUint32(i * 16 + 4, key.length, true);
    setU64(view, i * 16 + 8, child);
    at += key.length;
  }
  return page(1, children.length, concatBytes([elements, ...children.map(([key]) => key)]));
}

function page(flags: number, count: number, content: Uint8Array): Uint8Array {
  const head = new Uint8Array(16);
  viewOf(head).setUint16(8, flags, true);
  viewOf(head).setUint16(10, count, true);
  return concatBytes([head, content]);
}

function meta(number: number, root: number, pages: number, transaction: number): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  const view = viewOf(bytes);
  setU64(view, 0, number);
  view.setUint16(8, 4, true);
  view.setUint32(16, 0xed0cdaed, true);
  view.setUint32(20, 2, true);
  view.setUint32(24, PAGE, true);
  setU64(view, 32, root);
  setU64(view, 48, 2);
  setU64(view, 56, pages);
  setU64(view, 64, transaction);
  view.setBigUint64(72, fnv1a64(bytes.subarray(16, 72)), true);
  return bytes;
}

export function bigEndian(n: number): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(n));
  return bytes;
}

export function littleEndian(n: number): Uint8Array {
  return bigEndian(n).reverse();
}

/** When all entries were written, in seconds. */
export const WRITTEN_AT_S = Date.UTC(2026, 0, 1) / 1000;
const SECONDS_BEFORE_1970 = 62_135_596_800;

/** A segment of the write-ahead log; each list of entries is one write. */
export function walFile(
  id: number,
  baseIndex: number,
  writes: readonly (readonly Entry[])[],
  sizeBytes = 0,
): Uint8Array {
  const header = new Uint8Array(32);
  viewOf(header).setUint32(0, 0x58eb6b0d, true);
  setU64(viewOf(header), 8, baseIndex);
  setU64(viewOf(header), 16, id);
  setU64(viewOf(header), 24, 1);
  const parts: Uint8Array[] = [];
  let open: Uint8Array[] = [header];
  for (const entries of writes) {
    open.push(...entries.map((entry) => frame(1, walEntry(entry))));
    parts.push(...open, frameHeader(3, crc32c(concatBytes(open))));
    open = [];
  }
  const bytes = concatBytes(writes.length === 0 ? [header] : parts);
  return concatBytes([bytes, new Uint8Array(Math.max(0, sizeBytes - bytes.length))]);
}

function frameHeader(kind: number, number: number): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes[0] = kind;
  viewOf(bytes).setUint32(4, number, true);
  return bytes;
}

const frame = (kind: number, payload: Uint8Array): Uint8Array =>
  concatBytes([frameHeader(kind, payload.length), payload, new Uint8Array((8 - (payload.length % 8)) % 8)]);

function walEntry({ index, term, type, data, extensions = new Uint8Array(0) }: Entry): Uint8Array {
  const time = concatBytes([
    Uint8Array.of(1),
    bigEndian(WRITTEN_AT_S + SECONDS_BEFORE_1970),
    Uint8Array.of(0, 0, 0, 0, 0xff, 0xff),
  ]);
  const sized = (bytes: Uint8Array): Uint8Array[] => [uvarint(bytes.length), bytes];
  return concatBytes([uvarint(index), uvarint(term), uvarint(type), ...sized(data), ...sized(extensions), time]);
}

function uvarint(n: number): Uint8Array {
  const bytes: number[] = [];
  for (; n >= 128; n = Math.floor(n / 128)) bytes.push((n % 128) + 128);
  return Uint8Array.of(...bytes, n);
}

/** meta.json of a snapshot on a disk of Consul's. */
export const snapshotJson = (index: number, term: number, state: Uint8Array, servers: readonly string[]): Uint8Array =>
  utf8(
    JSON.stringify({
      Version: 1,
      ID: `${term}-${index}-1`,
      Index: index,
      Term: term,
      Configuration: { Servers: servers.map((ID) => ({ Suffrage: 0, ID, Address: `${ID}:1` })) },
      ConfigurationIndex: 1,
      Size: state.length,
      CRC: encodeBase64(crc64(state)),
    }),
  );
