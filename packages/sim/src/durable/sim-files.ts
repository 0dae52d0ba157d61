import type { Disk, Millis, Rng } from '@proconsul/base';
import type { EventQueue } from '../event-queue.ts';
import { Mount } from './sim-mount.ts';

/** What a power cut leaves of a write is decided for each of these. */
export const SECTOR_BYTES = 512;

/** Bits that flip together stand within this many bytes. */
const SCRAMBLED_BYTES_MAX = 64;

/** Lies that a disk may tell, to prove that the checks notice. */
export type DiskLie =
  | 'none'
  /** A sync says that it is done and does nothing. */
  | 'sync'
  /** A sync that failed says that it succeeded. */
  | 'sync-error'
  /** A directory sync does nothing. */
  | 'sync-dir'
  /** An atomic write is not durable when it says so. */
  | 'write-atomic'
  /** An atomic write that changes nothing is not carried out: what only the cache holds is then trusted after a restart. */
  | 'rewrite'
  /** A write that did not fit says that it did. */
  | 'no-space';

/** One file: what programs read, and what is on the medium. Beyond `durable` nothing survives for certain. */
export interface Inode {
  bytes: Uint8Array;
  size: number;
  durable: Uint8Array;
  /** From here on `bytes` was never synced. */
  dirtyFrom: number;
  /** Zeros are read from `size` up to here. */
  reserved: number;
  open: boolean;
  /** Where appends began that were not synced. */
  unsynced: number[];
  /** Where the newest append begins that was synced and is whole; 0 when that is not known. */
  lastSoundAt: number;
}

type TreeOp =
  | { readonly kind: 'put'; readonly path: string; readonly inode: Inode | 'dir' }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string };

type Tree = Map<string, Inode | 'dir'>;

/**
 * A medium of bytes that outlives the processes writing to it. A kill keeps what was written; a power cut keeps what was synced,
 * a random part of the rest sector by sector, and of the changes of names a random number of the first ones. After a failed
 * sync the pages count as clean and never reach the medium, as on real systems ("fsyncgate", 2018).
 */
export class SimFiles {
  readonly #events: EventQueue;
  readonly #rng: Rng;
  #tree: Tree = new Map([['', 'dir']]);
  #durableTree: Tree = new Map([['', 'dir']]);
  #treeOps: TreeOp[] = [];
  #mount: Mount | undefined;
  isFull = false;
  /** The next sync of a file fails. */
  failNextSync = false;
  /** Longest time an operation takes. */
  latencyMs: Millis = 0.5;
  lie: DiskLie = 'none';

  constructor(events: EventQueue, rng: Rng) {
    this.#events = events;
    this.#rng = rng;
  }

  /** Another medium with the same content, and with the same that is not durable yet. No process has it. */
  copy(events: EventQueue, rng: Rng): SimFiles {
    const other = new SimFiles(events, rng);
    const copies = new Map<Inode, Inode>();
    const inodeOf = (inode: Inode | 'dir'): Inode | 'dir' => {
      if (inode === 'dir') return inode;
      const known = copies.get(inode);
      if (known) return known;
      const { bytes, durable, unsynced } = inode;
      const fresh = { ...inode, bytes: bytes.slice(), durable: durable.slice(), unsynced: [...unsynced], open: false };
      copies.set(inode, fresh);
      return fresh;
    };
    const treeOf = (tree: Tree): Tree => new Map([...tree].map(([path, inode]) => [path, inodeOf(inode)]));
    other.#tree = treeOf(this.#tree);
    other.#durableTree = treeOf(this.#durableTree);
    other.#treeOps = this.#treeOps.map((op) => (op.kind === 'put' ? { ...op, inode: inodeOf(op.inode) } : op));
    return other;
  }

  /** The disk as one process sees it. Ends the view of the process before. */
  mount(): Disk {
    this.#unmount();
    this.#mount = new Mount(this);
    return this.#mount;
  }

  /** The process is gone: what it had under way does not happen. What it had written stays. */
  kill(): void {
    this.#unmount();
  }

  /** As {@link kill}, and everything that was not synced is at the mercy of chance. */
  cutPower(): void {
    const reserved = new Map<Inode, number>();
    for (const inode of this.#tree.values()) {
      if (inode === 'dir') continue;
      reserved.set(inode, inode.reserved);
      inode.reserved = 0;
    }
    this.#unmount();
    const kept = this.#rng.int(this.#treeOps.length + 1);
    for (const op of this.#treeOps.splice(0, kept)) applyOp(this.#durableTree, op);
    this.#treeOps = [];
    this.#tree = new Map(this.#durableTree);
    for (const inode of this.#tree.values()) if (inode !== 'dir') this.#tear(inode, reserved.get(inode) ?? 0);
  }

  #unmount(): void {
    if (this.#mount) this.#mount.isDead = true;
    this.#mount = undefined;
    for (const inode of this.#tree.values()) {
      if (inode === 'dir') continue;
      inode.open = false;
      // Nobody is left who knows where the content ends.
      if (inode.reserved > inode.size) this.#pad(inode, inode.reserved);
      inode.reserved = 0;
    }
  }

  #tear(inode: Inode, reserved: number): void {
    const { durable, bytes, size } = inode;
    const grown = Math.max(0, size - durable.length);
    const cut = durable.length + this.#rng.int(grown + 1);
    // In reserved space no size is recorded that could end a sector early.
    const kept = reserved > 0 ? Math.min(size, Math.ceil(cut / SECTOR_BYTES) * SECTOR_BYTES) : cut;
    // Space that was reserved and never written reads as zeros, if the new size has reached the medium.
    const after = new Uint8Array(this.#rng.float() < 0.8 ? Math.max(kept, reserved) : kept);
    after.set(durable);
    const inOrder = this.#rng.float() < 0.5;
    for (let at = durable.length; at < kept; ) {
      const end = Math.min(kept, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
      const fate = inOrder ? 0 : this.#rng.float();
      if (fate < 0.6) after.set(bytes.subarray(at, end), at);
      else if (fate > 0.8) after.set(this.#rng.bytes(end - at), at);
      at = end;
    }
    this.#settle(inode, after);
  }

  #settle(inode: Inode, content: Uint8Array): void {
    inode.bytes = content;
    inode.size = content.length;
    inode.durable = content.slice();
    inode.dirtyFrom = content.length;
    inode.reserved = 0;
    inode.unsynced = [];
  }

  /** Everything is removed, and that is durable. No process may have the medium. */
  erase(): void {
    this.#unmount();
    this.#tree = new Map([['', 'dir']]);
    this.#durableTree = new Map([['', 'dir']]);
    this.#treeOps = [];
  }

  /**
   * Turns one random bit, on the medium and in the cache: of any file, or of any byte of all files. Returns the path; undefined when
   * all are empty. Only below `under`.
   */
  flipBit(among: 'files' | 'bytes' = 'files', under = ''): string | undefined {
    const [path, inode] = (among === 'files' ? this.#pickFile(under) : this.#pickByWeight(under)) ?? [];
    if (!inode) return undefined;
    const bit = this.#rng.int(inode.durable.length * 8);
    turn(inode, bit);
    return path;
  }

  /**
   * Turns some bits that stand close together, before the last append that is sound, of a random file. Returns its path; undefined
   * when there is none below `under`.
   */
  scramble(under = ''): string | undefined {
    const files = [...this.#tree].filter(
      (f): f is [string, Inode] => f[1] !== 'dir' && f[1].lastSoundAt > 0 && f[0].startsWith(under),
    );
    const [path, inode] = files[this.#rng.int(Math.max(1, files.length))] ?? [];
    if (!inode) return undefined;
    const from = this.#rng.int(inode.lastSoundAt);
    const span = Math.min(inode.lastSoundAt - from, 1 + this.#rng.int(SCRAMBLED_BYTES_MAX));
    const bits = new Set<number>();
    for (let i = 2 + this.#rng.int(30); i > 0; i--) bits.add(from * 8 + this.#rng.int(span * 8));
    for (const bit of bits) turn(inode, bit);
    return path;
  }

  /**
   * A write meant for elsewhere lands on a random sector of a random file, but not of one that `isSpared` names. Returns its path.
   */
  misdirect(isSpared: (path: string) => boolean): string | undefined {
    const [path, inode] = this.#pickFile() ?? [];
    const [, source] = this.#pickFile() ?? [];
    if (path === undefined || !inode || !source || isSpared(path)) return undefined;
    const sector = this.#rng.int(Math.ceil(inode.durable.length / SECTOR_BYTES)) * SECTOR_BYTES;
    const from = this.#rng.int(source.durable.length);
    const stray = source.durable.slice(from, from + Math.min(SECTOR_BYTES, inode.durable.length - sector));
    if (equalAt(inode.durable, sector, stray)) return undefined;
    inode.durable.set(stray, sector);
    inode.lastSoundAt = 0;
    inode.bytes.set(stray.subarray(0, Math.max(0, inode.size - sector)), sector);
    return path;
  }

  #files(under: string): [string, Inode][] {
    const files: [string, Inode][] = [];
    for (const [path, inode] of this.#tree) {
      if (inode !== 'dir' && inode.durable.length > 0 && path.startsWith(under)) files.push([path, inode]);
    }
    return files;
  }

  #pickFile(under = ''): [string, Inode] | undefined {
    const files = this.#files(under);
    return files.length === 0 ? undefined : files[this.#rng.int(files.length)]!;
  }

  /** Large files more often. */
  #pickByWeight(under: string): [string, Inode] | undefined {
    const files = this.#files(under);
    let at = this.#rng.int(
      Math.max(
        1,
        files.reduce((sum, [, { durable }]) => sum + durable.length, 0),
      ),
    );
    return files.find(([, { durable }]) => {
      at -= durable.length;
      return at < 0;
    });
  }

  /** Every file with the bytes that programs see and those that would survive. For people. */
  describe(): string {
    const lines: string[] = [];
    for (const [path, inode] of this.#tree) {
      if (inode !== 'dir') lines.push(`${path} ${inode.size} bytes, ${inode.durable.length} durable`);
    }
    return lines.sort().join('\n');
  }

  // What mounts do.

  /** Resolves after a random time, unless the process is gone by then: then never. */
  wait(mount: Mount): Promise<void> {
    return new Promise((resolve) => {
      this.#events.after(this.#rng.float() * this.latencyMs, () => {
        if (!mount.isDead) resolve();
      });
    });
  }

  get(path: string): Inode | 'dir' | undefined {
    return this.#tree.get(path);
  }

  names(dir: string): string[] {
    const prefix = dir === '' ? '' : `${dir}/`;
    const out: string[] = [];
    for (const path of this.#tree.keys()) {
      if (path !== '' && path.startsWith(prefix) && !path.includes('/', prefix.length))
        out.push(path.slice(prefix.length));
    }
    return out.sort();
  }

  change(op: TreeOp): void {
    applyOp(this.#tree, op);
    this.#treeOps.push(op);
  }

  /** Metadata reaches the medium in order, so that syncing one directory carries everything before it along. */
  syncNames(): void {
    for (const op of this.#treeOps.splice(0)) applyOp(this.#durableTree, op);
  }

  createInode(): Inode {
    const [bytes, durable] = [new Uint8Array(256), new Uint8Array(0)];
    return { bytes, size: 0, durable, dirtyFrom: 0, reserved: 0, open: false, unsynced: [], lastSoundAt: 0 };
  }

  write(inode: Inode, chunk: Uint8Array): void {
    const end = inode.size + chunk.length;
    if (end > inode.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * inode.bytes.length));
      grown.set(inode.bytes.subarray(0, inode.size));
      inode.bytes = grown;
    }
    inode.bytes.set(chunk, inode.size);
    inode.size = end;
  }

  #pad(inode: Inode, size: number): void {
    const clean = inode.dirtyFrom === inode.size;
    this.write(inode, new Uint8Array(size - inode.size));
    // A hole in a file is never torn.
    if (clean) this.finishSync(inode, size, true);
  }

  /** Writes only what differs, into the same file, and syncs only that. */
  overwrite(inode: Inode, chunks: readonly Uint8Array[]): void {
    const before = inode.bytes.slice(0, inode.size);
    inode.size = 0;
    for (const chunk of chunks) this.write(inode, chunk);
    const same = before.length === inode.size ? inode.size : Math.min(before.length, inode.dirtyFrom);
    for (let i = 0; i < same; i++)
      if (before[i] !== inode.bytes[i]) return this.#settle(inode, inode.bytes.slice(0, inode.size));
    this.finishSync(inode, inode.size, true);
  }

  /** Part of what did not fit may be in the file. */
  writePart(inode: Inode, chunks: readonly Uint8Array[]): void {
    const chunk = chunks[0];
    if (chunk) this.write(inode, chunk.subarray(0, this.#rng.int(chunk.length + 1)));
  }

  /** What was dirty when the sync began, at `upTo`, is durable; or, when it fails, clean and lost. */
  finishSync(inode: Inode, upTo: number, ok: boolean): void {
    const end = Math.min(upTo, inode.size);
    if (end <= inode.dirtyFrom) return;
    noteSync(inode, end, ok);
    const durable = new Uint8Array(Math.max(end, inode.durable.length));
    durable.set(inode.durable);
    if (ok) durable.set(inode.bytes.subarray(inode.dirtyFrom, end), inode.dirtyFrom);
    if (ok) inode.durable = durable;
    else if (this.#rng.float() < 0.5) inode.durable = durable; // The size is known, the pages are not.
    inode.dirtyFrom = end;
  }

  cut(inode: Inode, size: number): void {
    inode.size = size;
    if (inode.lastSoundAt >= size) inode.lastSoundAt = 0;
    inode.unsynced = inode.unsynced.filter((at) => at < size);
    inode.durable = inode.durable.slice(0, size);
    inode.dirtyFrom = Math.min(inode.dirtyFrom, size);
    inode.reserved = 0;
  }

  /** A new file whose whole content is durable. */
  solid(content: Uint8Array): Inode {
    const inode = this.createInode();
    this.#settle(inode, content);
    return inode;
  }
}

/** A failed sync leaves nothing to rely on after it. */
function noteSync(inode: Inode, end: number, ok: boolean): void {
  const starts = inode.unsynced.filter((at) => at < end);
  inode.unsynced = inode.unsynced.slice(starts.length);
  if (ok && starts.length > 0) inode.lastSoundAt = starts[starts.length - 1]!;
}

function turn(inode: Inode, bit: number): void {
  const at = bit >>> 3;
  inode.durable[at]! ^= 1 << (bit & 7);
  if (at < inode.size) inode.bytes[at]! ^= 1 << (bit & 7);
  if (at >= inode.lastSoundAt) inode.lastSoundAt = 0;
}

function equalAt(bytes: Uint8Array, at: number, other: Uint8Array): boolean {
  return other.every((byte, i) => bytes[at + i] === byte);
}

function applyOp(tree: Tree, op: TreeOp): void {
  switch (op.kind) {
    case 'put':
      tree.set(op.path, op.inode);
      return;
    case 'remove':
      for (const path of [...tree.keys()]) if (path === op.path || path.startsWith(`${op.path}/`)) tree.delete(path);
      return;
    case 'rename':
      for (const [path, inode] of [...tree]) {
        if (path !== op.from && !path.startsWith(`${op.from}/`)) continue;
        tree.delete(path);
        tree.set(op.to + path.slice(op.from.length), inode);
      }
  }
}
