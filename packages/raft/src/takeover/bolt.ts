import { fromUtf8, viewOf } from '@proconsul/base';
import { getU64 } from '../disk/segment.ts';
import { DamageError } from '../errors.ts';

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const PAGE_HEADER_BYTES = 16;
const ELEMENT_BYTES = 16;
const META_BYTES = 64;
/** Where the checksum of a meta page stands, counted from the end of the page's header. It covers what is before it. */
const META_CHECKSUM_AT = 56;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 64 * 1024;
const BUCKET_HEADER_BYTES = 16;
const BUCKET_FLAG = 1;
const PageFlag = { branch: 1, leaf: 2, meta: 4 } as const;

export interface BoltPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface Meta {
  readonly pageBytes: number;
  readonly root: number;
  readonly transaction: number;
}

/** A page, or one that a bucket carries in its value. */
interface Page {
  readonly view: DataView;
  /** Of the page in the file, for errors. */
  readonly at: number;
  readonly flags: number;
  readonly count: number;
}

/**
 * A file of bbolt, read and never written: pages of a B+ tree, all numbers little-endian.
 *     page     u64 its number | u16 flags | u16 count | u32 pages that follow and belong to it | elements
 *     leaf     elements of u32 flags | u32 place of the key, from the element | u32 key size | u32 value size
 *     branch   elements of u32 place of the key | u32 key size | u64 page
 *     meta     (pages 0 and 1) u32 magic | u32 version | u32 page size | u32 flags | u64 root | u64 | u64 free list | u64 pages |
 *              u64 transaction | u64 FNV-1a of these; the sound one of the later transaction counts
 *     bucket   a value with flag 1 in the tree of the root: u64 root page | u64; root 0: a page follows in the value itself
 * Throws DamageError where the structure does not hold together; values themselves have no checksum.
 * Source: files that servers of Consul 1.21.0 wrote; raft wire, section 4; the layout as bbolt's package documentation describes it.
 */
export class BoltFile {
  readonly #path: string;
  readonly #bytes: Uint8Array;
  readonly #meta: Meta;

  constructor(path: string, bytes: Uint8Array) {
    this.#path = path;
    this.#bytes = bytes;
    this.#meta = this.#newestMeta();
  }

  /** What a bucket holds, in the order of its keys. Nothing when there is no such bucket. */
  *bucket(name: string): Generator<BoltPair> {
    for (const { key, value, flags } of this.#tree(this.#page(this.#meta.root), new Set())) {
      if ((flags & BUCKET_FLAG) === 0 || fromUtf8(key) !== name) continue;
      for (const pair of this.#tree(this.#rootOf(value), new Set())) yield { key: pair.key, value: pair.value };
      return;
    }
  }

  /** One value of a bucket. */
  value(bucket: string, key: string): Uint8Array | undefined {
    for (const pair of this.bucket(bucket)) if (fromUtf8(pair.key) === key) return pair.value;
    return undefined;
  }

  #rootOf(value: Uint8Array): Page {
    const at = value.byteOffset - this.#bytes.byteOffset;
    if (value.length < BUCKET_HEADER_BYTES) this.#damaged(at, 'a bucket without a header');
    const root = getU64(viewOf(value), 0);
    if (root !== 0) return this.#page(root);
    if (value.length < BUCKET_HEADER_BYTES + PAGE_HEADER_BYTES) this.#damaged(at, 'a bucket without a page');
    return pageOf(viewOf(value.subarray(BUCKET_HEADER_BYTES)), at + BUCKET_HEADER_BYTES);
  }

  *#tree(page: Page, seen: Set<number>): Generator<BoltPair & { readonly flags: number }> {
    // Each page once: a damaged tree must end, too.
    if (seen.has(page.at)) this.#damaged(page.at, 'a page that stands in the tree twice');
    seen.add(page.at);
    const isBranch = (page.flags & PageFlag.branch) !== 0;
    if (!isBranch && (page.flags & PageFlag.leaf) === 0) this.#damaged(page.at, 'neither a branch nor a leaf');
    for (let i = 0; i < page.count; i++) {
      const element = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
      if (element + ELEMENT_BYTES > page.view.byteLength) this.#damaged(page.at, 'more elements than bytes');
      if (isBranch) yield* this.#tree(this.#page(getU64(page.view, element + 8)), seen);
      else yield this.#pair(page, element);
    }
  }

  #pair({ view, at }: Page, element: number): BoltPair & { readonly flags: number } {
    const from = element + view.getUint32(element + 4, true);
    const valueFrom = from + view.getUint32(element + 8, true);
    const to = valueFrom + view.getUint32(element + 12, true);
    if (to > view.byteLength) this.#damaged(at, 'a value beyond the end of its page');
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    return {
      key: bytes.subarray(from, valueFrom),
      value: bytes.subarray(valueFrom, to),
      flags: view.getUint32(element, true),
    };
  }

  #page(number: number): Page {
    const { pageBytes } = this.#meta;
    const at = number * pageBytes;
    if (at + pageBytes > this.#bytes.length) this.#damaged(at, 'the page is missing');
    const head = viewOf(this.#bytes.subarray(at));
    if (getU64(head, 0) !== number) this.#damaged(at, 'another page stands there');
    const end = at + (head.getUint32(12, true) + 1) * pageBytes;
    if (end > this.#bytes.length) this.#damaged(at, 'the page is cut short');
    return pageOf(viewOf(this.#bytes.subarray(at, end)), at);
  }

  #newestMeta(): Meta {
    const first = readMeta(this.#bytes);
    const metas = first === undefined ? [] : [first];
    // Without the first one the size of a page is not known.
    const sizes = first === undefined ? powersOfTwo(PAGE_BYTES_MIN, PAGE_BYTES_MAX) : [first.pageBytes];
    for (const size of sizes) {
      const second = readMeta(this.#bytes.subarray(size));
      if (second?.pageBytes === size) metas.push(second);
    }
    const [newest] = metas.sort((a, b) => b.transaction - a.transaction);
    return newest ?? this.#damaged(0, 'no sound meta page');
  }

  #damaged(at: number, why: string): never {
    throw new DamageError(this.#path, at, why);
  }
}

const pageOf = (view: DataView, at: number): Page => ({
  view,
  at,
  flags: view.getUint16(8, true),
  count: view.getUint16(10, true),
});

function readMeta(page: Uint8Array): Meta | undefined {
  if (page.length < PAGE_HEADER_BYTES + META_BYTES) return undefined;
  const bytes = page.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + META_BYTES);
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION) return undefined;
  if (view.getBigUint64(META_CHECKSUM_AT, true) !== fnv1a64(bytes.subarray(0, META_CHECKSUM_AT))) return undefined;
  const pageBytes = view.getUint32(8, true);
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) return undefined;
  return { pageBytes, root: getU64(view, 16), transaction: getU64(view, 48) };
}

function powersOfTwo(from: number, to: number): number[] {
  const powers: number[] = [];
  for (let n = from; n <= to; n *= 2) powers.push(n);
  return powers;
}

/** For a few bytes. Source: FNV hash, 64 bits, variant 1a (IETF draft-eastlake-fnv). */
export function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}
