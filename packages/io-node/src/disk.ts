import * as fs from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AppendFile, checkedParts, type Disk, DiskError } from '@proconsul/base';

/** Ends the names of files that `writeAtomic` has not yet put in place. A crash may leave some; they are never listed. */
export const TEMPORARY_SUFFIX = '.proconsul-tmp';

const FILE_MODE = 0o600;

/**
 * So many zeros are written ahead into reserved space. Where blocks of a file are there already, a sync of what is written into them
 * need not wait for the file system's journal: half the time for 16 KiB on ext4. Longer appends gain nothing from it.
 */
const ZEROS_AHEAD = new Uint8Array(256 * 1024);
const LONG_APPEND_BYTES = 64 * 1024;
const DIR_MODE = 0o755;

/** A directory of this machine. Writes to an AppendFile are synchronous calls; syncs run in Node's thread pool. */
export class NodeDisk implements Disk {
  readonly root: string;
  readonly #open = new Set<string>();
  #temporaries = 0;

  /** The directory `root` must exist, or be made with `mkdir('')`. */
  constructor(root: string) {
    this.root = root;
  }

  async openAppend(path: string, mode: number = FILE_MODE): Promise<AppendFile> {
    const full = this.#full(path);
    if (this.#open.has(full)) throw new DiskError('EBUSY', path);
    this.#open.add(full);
    try {
      const handle = await open(full, fs.constants.O_CREAT | fs.constants.O_RDWR, mode);
      const { size } = await handle.stat();
      return new NodeAppendFile(handle, path, size, () => this.#open.delete(full));
    } catch (error) {
      this.#open.delete(full);
      throw diskError(error, path);
    }
  }

  async read(path: string): Promise<Uint8Array> {
    const full = this.#full(path);
    return attempt(path, () => readFile(full));
  }

  async writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[], mode: number = FILE_MODE): Promise<void> {
    const full = this.#full(path);
    const temporary = `${full}.${process.pid}-${this.#temporaries++}${TEMPORARY_SUFFIX}`;
    try {
      const handle = await open(temporary, 'wx', mode);
      try {
        await writeChunks(handle, bytes instanceof Uint8Array ? [bytes] : bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, full);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw diskError(error, path);
    }
    await attempt(path, () => syncDirectory(parentOf(full)));
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#full(from);
    const target = this.#full(to);
    await attempt(from, () => rename(source, target));
  }

  async remove(path: string): Promise<void> {
    if (checkedParts(path).length === 0) throw new DiskError('EINVAL', path);
    const full = this.#full(path);
    await attempt(path, () => rm(full, { recursive: true, force: true }));
  }

  async list(path: string): Promise<string[]> {
    const full = this.#full(path);
    try {
      const names = await readdir(full);
      return names.filter((name) => !name.endsWith(TEMPORARY_SUFFIX)).sort();
    } catch (error) {
      const failure = diskError(error, path);
      if (failure.code === 'ENOENT') return [];
      throw failure;
    }
  }

  async mkdir(path: string, mode: number = DIR_MODE): Promise<void> {
    const full = this.#full(path);
    await attempt(path, () => mkdir(full, { recursive: true, mode }));
  }

  async syncDir(path: string): Promise<void> {
    const full = this.#full(path);
    await attempt(path, () => syncDirectory(full));
  }

  #full(path: string): string {
    return join(this.root, ...checkedParts(path));
  }
}

class NodeAppendFile implements AppendFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #onClosed: () => void;
  #size: number;
  /** Where the file ends for the system; more than `#size` when space is reserved. */
  #end: number;
  /** Up to here the file has blocks. */
  #filled: number;
  #closed = false;
  /** A failed sync may have dropped the dirty pages for good, so a later success would prove nothing. */
  #failed: DiskError | undefined;

  constructor(handle: FileHandle, path: string, size: number, onClosed: () => void) {
    this.#handle = handle;
    this.#path = path;
    this.#size = size;
    this.#end = size;
    this.#filled = size;
    this.#onClosed = onClosed;
  }

  get sizeBytes(): number {
    return this.#size;
  }

  append(chunks: readonly Uint8Array[]): void {
    this.#check();
    let rest: readonly Uint8Array[] = chunks.filter((chunk) => chunk.length > 0);
    const from = this.#size;
    try {
      while (rest.length > 0) {
        const written = fs.writevSync(this.#handle.fd, rest, this.#size);
        this.#size += written;
        if (this.#size > this.#end) this.#end = this.#size;
        rest = without(rest, written);
      }
    } catch (error) {
      throw diskError(error, this.#path);
    }
    if (this.#size > this.#filled) this.#fillAhead(this.#size - from < LONG_APPEND_BYTES);
  }

  async sync(): Promise<void> {
    this.#check();
    try {
      await datasync(this.#handle.fd);
    } catch (error) {
      this.#failed = diskError(error, this.#path);
      throw this.#failed;
    }
  }

  syncNow(): void {
    this.#check();
    try {
      fs.fdatasyncSync(this.#handle.fd);
    } catch (error) {
      this.#failed = diskError(error, this.#path);
      throw this.#failed;
    }
  }

  reserve(sizeBytes: number): void {
    this.#check();
    if (sizeBytes <= this.#end) return;
    try {
      fs.ftruncateSync(this.#handle.fd, sizeBytes);
      this.#end = sizeBytes;
    } catch {
      // It only saves time.
    }
  }

  /** An append has gone beyond the blocks that were there. */
  #fillAhead(isWorthwhile: boolean): void {
    this.#filled = this.#size;
    const length = Math.min(ZEROS_AHEAD.length, this.#end - this.#size);
    if (length === 0 || !isWorthwhile) return;
    try {
      this.#filled += fs.writeSync(this.#handle.fd, ZEROS_AHEAD, 0, length, this.#size);
    } catch {
      // It only saves time.
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#check();
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > this.#size) {
      throw new DiskError('EINVAL', this.#path);
    }
    await attempt(this.#path, async () => {
      await this.#handle.truncate(sizeBytes);
      this.#size = sizeBytes;
      this.#end = sizeBytes;
      this.#filled = sizeBytes;
      await this.#handle.sync();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await attempt(this.#path, async () => {
        if (this.#end > this.#size && !this.#failed) await this.#handle.truncate(this.#size);
        await this.#handle.close();
      });
    } finally {
      this.#onClosed();
    }
  }

  #check(): void {
    if (this.#closed) throw new DiskError('EBADF', this.#path);
    if (this.#failed) throw this.#failed;
  }
}

/** The call with a callback is cheaper than that of the handle, and a write waits for it. */
function datasync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error))));
}

/** What is left of `chunks` after `written` bytes of them. A short write happens when the disk fills up. */
function without(chunks: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let index = 0;
  let left = written;
  while (index < chunks.length && left >= chunks[index]!.length) left -= chunks[index++]!.length;
  const rest = chunks.slice(index);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

async function writeChunks(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let rest: readonly Uint8Array[] = chunks.filter((chunk) => chunk.length > 0);
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest);
    rest = without(rest, bytesWritten);
  }
}

async function syncDirectory(full: string): Promise<void> {
  const handle = await open(full, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path);
  }
}

function diskError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new DiskError(code ?? 'EIO', path, message);
}

const parentOf = (full: string): string => join(full, '..');
