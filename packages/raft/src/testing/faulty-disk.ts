import { type AppendFile, type Disk, DiskError, MemoryDisk } from '@proconsul/base';

/** A disk in memory that counts, waits and fails on demand. */
export class FaultyDisk implements Disk {
  readonly inner: MemoryDisk;
  appends = 0;
  syncs = 0;
  /** Syncs wait until {@link release} while this is set. */
  holdSyncs = false;
  failAppend: string | undefined;
  /** Bytes that reach the file before a failing append throws. */
  partialBytes = 0;
  failSync: string | undefined;
  /** Set before a file is opened: it can be synced at once, and this is what happens then. */
  onSyncNow: (() => void) | undefined;
  syncsNow = 0;
  #held: (() => void)[] = [];

  constructor(inner = new MemoryDisk()) {
    this.inner = inner;
  }

  release(): void {
    this.holdSyncs = false;
    for (const go of this.#held.splice(0)) go();
  }

  #syncNow(path: string): void {
    this.syncsNow++;
    if (this.failSync !== undefined) throw new DiskError(this.failSync, path);
    this.onSyncNow?.();
  }

  async openAppend(path: string): Promise<AppendFile> {
    const file = await this.inner.openAppend(path);
    const disk = this;
    return {
      get sizeBytes() {
        return file.sizeBytes;
      },
      append(chunks) {
        disk.appends++;
        if (disk.failAppend === undefined) return file.append(chunks);
        const first = chunks[0];
        if (first && disk.partialBytes > 0) file.append([first.subarray(0, disk.partialBytes)]);
        throw new DiskError(disk.failAppend, path);
      },
      async sync() {
        disk.syncs++;
        if (disk.holdSyncs) await new Promise<void>((resolve) => disk.#held.push(resolve));
        if (disk.failSync !== undefined) throw new DiskError(disk.failSync, path);
        return file.sync();
      },
      ...(disk.onSyncNow === undefined ? {} : { syncNow: () => disk.#syncNow(path) }),
      reserve: (size) => file.reserve(size),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  }

  read(path: string): Promise<Uint8Array> {
    return this.inner.read(path);
  }
  writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.failAppend !== undefined) return Promise.reject(new DiskError(this.failAppend, path));
    return this.inner.writeAtomic(path, bytes);
  }
  rename(from: string, to: string): Promise<void> {
    return this.inner.rename(from, to);
  }
  remove(path: string): Promise<void> {
    return this.inner.remove(path);
  }
  list(path: string): Promise<string[]> {
    return this.inner.list(path);
  }
  mkdir(path: string): Promise<void> {
    return this.inner.mkdir(path);
  }
  syncDir(path: string): Promise<void> {
    return this.inner.syncDir(path);
  }
}

/** A copy of everything on `disk`: what another process would find there. */
export async function copyOf(disk: Disk): Promise<MemoryDisk> {
  const copy = new MemoryDisk();
  const visit = async (dir: string): Promise<void> => {
    for (const name of await disk.list(dir)) {
      const path = dir === '' ? name : `${dir}/${name}`;
      try {
        await copy.writeAtomic(path, await disk.read(path));
      } catch (error) {
        if (!(error instanceof DiskError) || error.code !== 'EISDIR') throw error;
        await copy.mkdir(path);
        await visit(path);
      }
    }
  };
  await visit('');
  return copy;
}
