import { type AppendFile, type Disk, DiskError } from './disk.ts';

/** Most bytes that a {@link MemoryDisk} holds before it says ENOSPC, unless told otherwise. */
export const MEMORY_DISK_MAX_BYTES = 2 ** 32;

/** A file's bytes in a buffer that doubles as it grows. */
interface MemoryFile {
  bytes: Uint8Array;
  size: number;
  open: boolean;
}

/**
 * A disk that forgets everything with the process: for `-dev` and for tests. Answers and errors are those of the real one
 * (one test suite runs against both); syncing is free.
 */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryFile>();
  readonly #dirs = new Set<string>(['']);
  readonly #maxBytes: number;
  #usedBytes = 0;

  constructor(options: { readonly maxBytes?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? MEMORY_DISK_MAX_BYTES;
  }

  async openAppend(path: string): Promise<AppendFile> {
    const key = normalise(path);
    this.#checkTarget(key, path);
    const existing = this.#files.get(key);
    if (existing?.open) throw new DiskError('EBUSY', path);
    const file = existing ?? { bytes: new Uint8Array(0), size: 0, open: false };
    file.open = true;
    this.#files.set(key, file);
    return new MemoryAppendFile(file, path, (growth) => this.#take(growth, path));
  }

  async read(path: string): Promise<Uint8Array> {
    const key = normalise(path);
    const file = this.#files.get(key);
    if (file) return file.bytes.slice(0, file.size);
    throw new DiskError(this.#dirs.has(key) ? 'EISDIR' : this.#missing(key), path);
  }

  async writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const key = normalise(path);
    this.#checkTarget(key, path);
    const chunks = bytes instanceof Uint8Array ? [bytes] : bytes;
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#take(size - (this.#files.get(key)?.size ?? 0), path);
    const copy = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      copy.set(chunk, at);
      at += chunk.length;
    }
    this.#files.set(key, { bytes: copy, size, open: false });
  }

  async rename(from: string, to: string): Promise<void> {
    const source = normalise(from);
    const target = normalise(to);
    const file = this.#files.get(source);
    if (file) {
      this.#checkTarget(target, to);
      if (source === target) return;
      this.#usedBytes -= this.#files.get(target)?.size ?? 0;
      this.#files.delete(source);
      this.#files.set(target, file);
      return;
    }
    if (!this.#dirs.has(source) || source === '') throw new DiskError(this.#missing(source), from);
    this.#renameDir(source, target, to);
  }

  async remove(path: string): Promise<void> {
    const key = normalise(path);
    if (key === '') throw new DiskError('EINVAL', path);
    for (const [name, file] of this.#files) {
      if (name !== key && !name.startsWith(`${key}/`)) continue;
      this.#usedBytes -= file.size;
      this.#files.delete(name);
    }
    for (const name of this.#dirs) if (name === key || name.startsWith(`${key}/`)) this.#dirs.delete(name);
  }

  async list(path: string): Promise<string[]> {
    const key = normalise(path);
    if (this.#files.has(key)) throw new DiskError('ENOTDIR', path);
    const names: string[] = [];
    for (const name of this.#files.keys()) if (parentOf(name) === key) names.push(baseOf(name));
    for (const name of this.#dirs) if (name !== '' && parentOf(name) === key) names.push(baseOf(name));
    return names.sort();
  }

  async mkdir(path: string): Promise<void> {
    const key = normalise(path);
    if (this.#files.has(key)) throw new DiskError('EEXIST', path);
    for (let dir = key; dir !== ''; dir = parentOf(dir)) {
      if (this.#files.has(dir)) throw new DiskError('ENOTDIR', path);
    }
    for (let dir = key; dir !== ''; dir = parentOf(dir)) this.#dirs.add(dir);
  }

  async syncDir(path: string): Promise<void> {
    const key = normalise(path);
    if (!this.#dirs.has(key)) throw new DiskError(this.#files.has(key) ? 'ENOTDIR' : 'ENOENT', path);
  }

  #renameDir(source: string, target: string, to: string): void {
    if (target === source) return;
    if (target.startsWith(`${source}/`)) throw new DiskError('EINVAL', to);
    if (this.#files.has(target)) throw new DiskError('ENOTDIR', to);
    if (!this.#dirs.has(parentOf(target))) throw new DiskError(this.#missing(target), to);
    for (const name of [...this.#files.keys(), ...this.#dirs]) {
      if (name.startsWith(`${target}/`)) throw new DiskError('ENOTEMPTY', to);
    }
    for (const [name, file] of [...this.#files]) {
      if (!name.startsWith(`${source}/`)) continue;
      this.#files.delete(name);
      this.#files.set(target + name.slice(source.length), file);
    }
    for (const name of [...this.#dirs]) {
      if (name !== source && !name.startsWith(`${source}/`)) continue;
      this.#dirs.delete(name);
      this.#dirs.add(target + name.slice(source.length));
    }
  }

  /** A file may stand at `key`: its parent is a directory and it is not one itself. */
  #checkTarget(key: string, path: string): void {
    if (this.#dirs.has(key)) throw new DiskError('EISDIR', path);
    if (!this.#dirs.has(parentOf(key))) throw new DiskError(this.#missing(key), path);
  }

  #missing(key: string): string {
    for (let dir = parentOf(key); dir !== ''; dir = parentOf(dir)) if (this.#files.has(dir)) return 'ENOTDIR';
    return 'ENOENT';
  }

  #take(growth: number, path: string): void {
    if (growth > 0 && this.#usedBytes + growth > this.#maxBytes) throw new DiskError('ENOSPC', path);
    this.#usedBytes += growth;
  }
}

class MemoryAppendFile implements AppendFile {
  readonly #file: MemoryFile;
  readonly #path: string;
  readonly #take: (growth: number) => void;
  #closed = false;

  constructor(file: MemoryFile, path: string, take: (growth: number) => void) {
    this.#file = file;
    this.#path = path;
    this.#take = take;
  }

  get sizeBytes(): number {
    return this.#file.size;
  }

  append(chunks: readonly Uint8Array[]): void {
    this.#checkOpen();
    const file = this.#file;
    for (const chunk of chunks) {
      this.#take(chunk.length);
      const end = file.size + chunk.length;
      if (end > file.bytes.length) {
        const grown = new Uint8Array(Math.max(end, 2 * file.bytes.length, 256));
        grown.set(file.bytes.subarray(0, file.size));
        file.bytes = grown;
      }
      file.bytes.set(chunk, file.size);
      file.size = end;
    }
  }

  async sync(): Promise<void> {
    this.#checkOpen();
  }

  /** Nothing to gain: syncs are free. */
  reserve(): void {
    this.#checkOpen();
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#checkOpen();
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > this.#file.size) {
      throw new DiskError('EINVAL', this.#path);
    }
    this.#take(sizeBytes - this.#file.size);
    this.#file.size = sizeBytes;
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#file.open = false;
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new DiskError('EBADF', this.#path);
  }
}

function normalise(path: string): string {
  const parts = checkedParts(path);
  return parts.join('/');
}

/**
 * The parts of a path on a {@link Disk}; `''` and `.` are its root. Throws DiskError EINVAL for a path that is absolute,
 * climbs with `..` or holds a NUL byte: no name may lead out of the root.
 */
export function checkedParts(path: string): string[] {
  if (path.startsWith('/') || path.includes('\0')) throw new DiskError('EINVAL', path);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new DiskError('EINVAL', path);
  return parts;
}

const parentOf = (key: string): string => key.slice(0, Math.max(0, key.lastIndexOf('/')));
const baseOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);
