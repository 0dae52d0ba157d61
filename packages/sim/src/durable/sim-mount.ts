import { type AppendFile, checkedParts, type Disk, DiskError } from '@proconsul/base';
import type { Inode, SimFiles } from './sim-files.ts';

const key = (path: string): string => checkedParts(path).join('/');

/** The disk of one process. */
export class Mount implements Disk {
  isDead = false;
  readonly #files: SimFiles;

  constructor(files: SimFiles) {
    this.#files = files;
  }

  async openAppend(path: string): Promise<AppendFile> {
    await this.#files.wait(this);
    const at = key(path);
    let inode = this.#files.get(at);
    if (inode === 'dir') throw new DiskError('EISDIR', path);
    if (inode?.open) throw new DiskError('EBUSY', path);
    if (!inode) {
      this.#checkParent(at, path);
      if (this.#files.isFull) throw new DiskError('ENOSPC', path);
      inode = this.#files.createInode();
      this.#files.change({ kind: 'put', path: at, inode });
    }
    inode.open = true;
    return new SimAppendFile(this.#files, this, inode, path);
  }

  async read(path: string): Promise<Uint8Array> {
    await this.#files.wait(this);
    const inode = this.#files.get(key(path));
    if (inode === undefined) throw new DiskError(this.#missing(key(path)), path);
    if (inode === 'dir') throw new DiskError('EISDIR', path);
    const bytes = new Uint8Array(Math.max(inode.size, inode.reserved));
    bytes.set(inode.bytes.subarray(0, inode.size));
    return bytes;
  }

  async writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const chunks = bytes instanceof Uint8Array ? [bytes.slice()] : bytes.map((chunk) => chunk.slice());
    await this.#files.wait(this);
    const at = key(path);
    this.#checkParent(at, path);
    if (this.#files.isFull) throw new DiskError('ENOSPC', path);
    const existing = this.#files.get(at);
    if (existing === 'dir') throw new DiskError('EISDIR', path);
    if (this.#files.lie === 'rewrite' && existing) return this.#files.overwrite(existing, chunks);
    let inode = this.#files.createInode();
    for (const chunk of chunks) this.#files.write(inode, chunk);
    if (this.#files.lie !== 'write-atomic') inode = this.#files.solid(inode.bytes.slice(0, inode.size));
    this.#files.change({ kind: 'put', path: at, inode });
    if (this.#files.lie !== 'write-atomic') this.#files.syncNames();
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#files.wait(this);
    if (this.#files.get(key(from)) === undefined) throw new DiskError(this.#missing(key(from)), from);
    this.#checkParent(key(to), to);
    this.#files.change({ kind: 'rename', from: key(from), to: key(to) });
  }

  async remove(path: string): Promise<void> {
    await this.#files.wait(this);
    if (key(path) === '') throw new DiskError('EINVAL', path);
    if (this.#files.get(key(path)) !== undefined) this.#files.change({ kind: 'remove', path: key(path) });
  }

  async list(path: string): Promise<string[]> {
    await this.#files.wait(this);
    const found = this.#files.get(key(path));
    if (found !== undefined && found !== 'dir') throw new DiskError('ENOTDIR', path);
    return this.#files.names(key(path));
  }

  async mkdir(path: string): Promise<void> {
    await this.#files.wait(this);
    let dir = '';
    for (const part of checkedParts(path)) {
      dir = dir === '' ? part : `${dir}/${part}`;
      const found = this.#files.get(dir);
      if (found === 'dir') continue;
      if (found) throw new DiskError(dir === key(path) ? 'EEXIST' : 'ENOTDIR', path);
      if (this.#files.isFull) throw new DiskError('ENOSPC', path);
      this.#files.change({ kind: 'put', path: dir, inode: 'dir' });
    }
  }

  async syncDir(path: string): Promise<void> {
    await this.#files.wait(this);
    if (this.#files.get(key(path)) !== 'dir') throw new DiskError(this.#missing(key(path)), path);
    if (this.#files.lie !== 'sync-dir') this.#files.syncNames();
  }

  /** A file or directory may be put at `at`. */
  #checkParent(at: string, path: string): void {
    if (this.#files.get(parentOf(at)) !== 'dir') throw new DiskError(this.#missing(at), path);
  }

  /** Why there is nothing at `at`. */
  #missing(at: string): string {
    for (let dir = parentOf(at); dir !== ''; dir = parentOf(dir)) {
      const found = this.#files.get(dir);
      if (found !== undefined && found !== 'dir') return 'ENOTDIR';
    }
    return 'ENOENT';
  }
}

const parentOf = (at: string): string => at.slice(0, Math.max(0, at.lastIndexOf('/')));

class SimAppendFile implements AppendFile {
  readonly #files: SimFiles;
  readonly #mount: Mount;
  readonly #inode: Inode;
  readonly #path: string;
  #isClosed = false;

  constructor(files: SimFiles, mount: Mount, inode: Inode, path: string) {
    this.#files = files;
    this.#mount = mount;
    this.#inode = inode;
    this.#path = path;
  }

  get sizeBytes(): number {
    return this.#inode.size;
  }

  append(chunks: readonly Uint8Array[]): void {
    // A process that is gone writes nothing, though its last steps may still run here.
    if (this.#mount.isDead) return;
    this.#checkOpen();
    if (this.#files.isFull) {
      this.#files.writePart(this.#inode, chunks);
      if (this.#files.lie === 'no-space') return;
      throw new DiskError('ENOSPC', this.#path);
    }
    this.#inode.unsynced.push(this.#inode.size);
    for (const chunk of chunks) this.#files.write(this.#inode, chunk);
  }

  async sync(): Promise<void> {
    this.#checkOpen();
    const upTo = this.#inode.size;
    await this.#files.wait(this.#mount);
    if (this.#files.failNextSync) {
      this.#files.failNextSync = false;
      this.#files.finishSync(this.#inode, upTo, false);
      if (this.#files.lie !== 'sync-error') throw new DiskError('EIO', this.#path);
      return;
    }
    if (this.#files.lie !== 'sync') this.#files.finishSync(this.#inode, upTo, true);
  }

  reserve(sizeBytes: number): void {
    if (this.#mount.isDead) return;
    this.#checkOpen();
    this.#inode.reserved = sizeBytes;
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#checkOpen();
    await this.#files.wait(this.#mount);
    if (sizeBytes < 0 || sizeBytes > this.#inode.size) throw new DiskError('EINVAL', this.#path);
    this.#files.cut(this.#inode, sizeBytes);
    this.#files.finishSync(this.#inode, sizeBytes, true);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#mount.isDead) return;
    this.#inode.open = false;
    this.#inode.reserved = 0;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new DiskError('EBADF', this.#path);
  }
}
