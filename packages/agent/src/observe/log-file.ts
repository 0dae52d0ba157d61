import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { LineSink } from './logger.ts';

export interface LogFileOptions {
  /** A path that ends with `/` is a directory for `consul.log`. */
  readonly path: string;
  readonly rotateBytes: number;
  readonly rotateDurationMs: number;
  /** Archives kept; 0 keeps all, a negative number none. */
  readonly maxFiles: number;
}

/** Appends lines to a file and turns it over by size and age. Source: log_file in the configuration reference. */
export class LogFile {
  readonly #options: LogFileOptions;
  readonly #path: string;
  readonly #wallMs: () => number;
  #fd: number;
  #bytes = 0;
  #closed = false;
  #openedAt: number;

  /** Throws the error of the system when the file cannot be opened. */
  constructor(options: LogFileOptions, wallMs: () => number) {
    this.#options = options;
    this.#wallMs = wallMs;
    this.#path = options.path.endsWith('/') ? join(options.path, 'consul.log') : options.path;
    mkdirSync(dirname(this.#path), { recursive: true });
    this.#fd = openSync(this.#path, 'a', 0o640);
    this.#openedAt = statSync(this.#path).mtimeMs || wallMs();
    this.#prune();
  }

  readonly sink: LineSink = (line) => {
    if (this.#closed) return;
    const { rotateBytes, rotateDurationMs } = this.#options;
    const tooLarge = rotateBytes > 0 && this.#bytes >= rotateBytes;
    const tooOld = rotateDurationMs > 0 && this.#wallMs() - this.#openedAt >= rotateDurationMs;
    if (tooLarge || tooOld) this.#rotate();
    try {
      this.#bytes += writeSync(this.#fd, `${line}\n`);
    } catch {
      // A full disk costs lines of this file; the agent and its other logs go on.
    }
  };

  /** Lines that come after this are lost. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  #archiveName(): string {
    const ext = extname(this.#path) || '.log';
    const base = basename(this.#path, extname(this.#path));
    return join(dirname(this.#path), `${base}-${BigInt(Math.floor(this.#wallMs() * 1000)) * 1000n}${ext}`);
  }

  /** When the file cannot be renamed or opened anew, writing goes on with the one that is open. */
  #rotate(): void {
    this.#bytes = 0;
    this.#openedAt = this.#wallMs();
    try {
      if (existsSync(this.#path)) renameSync(this.#path, this.#archiveName());
      const fd = openSync(this.#path, 'a', 0o640);
      closeSync(this.#fd);
      this.#fd = fd;
      this.#prune();
    } catch {
      // Tried again when the file has grown, or aged, as much once more.
    }
  }

  #prune(): void {
    const { maxFiles } = this.#options;
    if (maxFiles === 0) return;
    const ext = extname(this.#path) || '.log';
    const base = basename(this.#path, extname(this.#path));
    const dir = dirname(this.#path);
    const archives = readdirSync(dir)
      .filter(
        (n) =>
          n.startsWith(`${base}-`) && n.endsWith(ext) && /^\d+$/.test(n.slice(base.length + 1, n.length - ext.length)),
      )
      .sort();
    const surplus = maxFiles < 0 ? archives : archives.slice(0, Math.max(0, archives.length - maxFiles));
    for (const name of surplus) unlinkSync(join(dir, name));
  }
}
