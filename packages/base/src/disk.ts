/**
 * A directory tree as a dependency. Paths are relative to the root of the disk, with `/` between the parts. The real one
 * is in io-node; the simulated one tears writes, loses what was not synced, flips bits, fills up and fails.
 *
 * Errors are `DiskError` with `code` `ENOENT`, `ENOSPC`, `EIO`, `EEXIST`, `EACCES` or another name of POSIX.
 */
export interface Disk {
  /** Opens for appending, creating the file if it is missing. `mode` is applied at creation (default 0o600). */
  openAppend(path: string, mode?: number): Promise<AppendFile>;
  /** The whole content. */
  read(path: string): Promise<Uint8Array>;
  /** Replaces the content in one step: a reader or a crash sees the old bytes or the new ones, durable when it resolves. */
  writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[], mode?: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with everything in it. Missing is fine. */
  remove(path: string): Promise<void>;
  /** Names (not paths) in a directory, sorted by code unit; empty when the directory is missing. */
  list(path: string): Promise<string[]>;
  /** Creates a directory and its parents. Existing is fine. */
  mkdir(path: string, mode?: number): Promise<void>;
  /** Makes creations, renames and removals in `path` durable. */
  syncDir(path: string): Promise<void>;
}

/** One file open for appending. At most one may be open for each path. */
export interface AppendFile {
  /** Bytes in the file, those not yet synced included. */
  readonly sizeBytes: number;
  /** Appends all chunks in order. May throw DiskError; then an unknown part of them is in the file. Not yet durable. */
  append(chunks: readonly Uint8Array[]): void;
  /** Resolves when everything appended before the call is durable. After a rejection the file must not be trusted: reopen. */
  sync(): Promise<void>;
  /**
   * As `sync`, but done when it returns: the caller and everything else of the process stand still meanwhile. Throws DiskError as
   * `sync` rejects. Where a disk cannot, it is not there. Not to be called while a `sync` is under way.
   */
  syncNow?(): void;
  /**
   * Lets the file reach to `sizeBytes` before there is content for it, so that a sync of what is appended need not record a new
   * size each time. `sizeBytes` stays what it is. After a crash, and for a reader meanwhile, zeros follow the content up to there;
   * `truncate` and `close` take them away. Where a disk cannot, it does nothing.
   */
  reserve(sizeBytes: number): void;
  /** Cuts the file to `sizeBytes` and makes that durable. */
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: string;
  readonly path: string;
  constructor(code: string, path: string, message = `${code}: ${path}`) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

/** The whole content; undefined when there is no such file. Throws DiskError for everything else. */
export async function readIfThere(disk: Pick<Disk, 'read'>, path: string): Promise<Uint8Array | undefined> {
  try {
    return await disk.read(path);
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
