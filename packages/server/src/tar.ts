import { fromUtf8, ProtocolError, utf8 } from '@proconsul/base';

const BLOCK = 512;

/** The header of a plain file in the ustar format. Source: POSIX.1-1988 tar, IEEE Std 1003.1 pax. */
function header(name: string, sizeBytes: number, mtimeSeconds: number): Uint8Array {
  const h = new Uint8Array(BLOCK);
  const text = (at: number, s: string) => h.set(utf8(s), at);
  const octal = (at: number, width: number, n: number) => text(at, n.toString(8).padStart(width - 1, '0'));
  text(0, name);
  octal(100, 8, 0o600);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, sizeBytes);
  octal(136, 12, mtimeSeconds);
  text(148, '        ');
  text(156, '0');
  text(257, 'ustar\u000000');
  let sum = 0;
  for (const b of h) sum += b;
  text(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return h;
}

/** One file, header and padding included. */
export function tarFile(name: string, content: readonly Uint8Array[], mtimeSeconds: number): Uint8Array[] {
  let size = 0;
  for (const c of content) size += c.length;
  const pad = (BLOCK - (size % BLOCK)) % BLOCK;
  return [header(name, size, mtimeSeconds), ...content, new Uint8Array(pad)];
}

/** What closes an archive: two empty blocks. Consul's reader accepts nothing after them. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

export interface TarSink {
  begin(name: string, sizeBytes: number): void;
  data(bytes: Uint8Array): void;
  end(): void;
}

/** Longest extended header that is read; real ones have some hundred bytes. */
export const PAX_BYTES_MAX = 64 * 1024;

/**
 * Reads an archive in pieces of any size, in bounded memory. Knows plain files, and pax headers (skipped, their facts
 * are not needed for the three short names of a snapshot). Throws ProtocolError with the code TAR.
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #head = new Uint8Array(BLOCK);
  #headFill = 0;
  #left = 0;
  #padding = 0;
  #inFile = false;
  #emptyBlocks = 0;
  #trailing = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#emptyBlocks >= 2) {
        this.#trailing += bytes.length - at;
        return;
      }
      if (this.#left > 0) {
        const n = Math.min(this.#left, bytes.length - at);
        if (this.#inFile) this.#sink.data(bytes.subarray(at, at + n));
        this.#left -= n;
        at += n;
        if (this.#left === 0 && this.#inFile) this.#sink.end();
      } else if (this.#padding > 0) {
        const n = Math.min(this.#padding, bytes.length - at);
        this.#padding -= n;
        at += n;
      } else {
        const n = Math.min(BLOCK - this.#headFill, bytes.length - at);
        this.#head.set(bytes.subarray(at, at + n), this.#headFill);
        this.#headFill += n;
        at += n;
        if (this.#headFill === BLOCK) this.#readHeader();
      }
    }
  }

  /** Says that nothing follows. Throws when a file was cut short, or when something stood after the end. */
  finish(): void {
    if (this.#left > 0 || this.#headFill > 0) throw new ProtocolError('TAR', 'unexpected EOF');
    if (this.#trailing > 0) throw new ProtocolError('TAR', `${this.#trailing} unread uncompressed bytes remain`);
  }

  #readHeader(): void {
    this.#headFill = 0;
    const h = this.#head;
    if (h.every((b) => b === 0)) {
      this.#emptyBlocks++;
      return;
    }
    if (this.#emptyBlocks > 0) throw new ProtocolError('TAR', 'archive/tar: invalid tar header');
    const sum = octalAt(h, 148, 8);
    let have = 0;
    for (let i = 0; i < BLOCK; i++) have += i >= 148 && i < 156 ? 0x20 : (h[i] as number);
    if (sum !== have) throw new ProtocolError('TAR', 'archive/tar: invalid tar header');
    const size = octalAt(h, 124, 12);
    const type = String.fromCharCode(h[156] as number);
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (type === 'x' || type === 'g') {
      if (size > PAX_BYTES_MAX) throw new ProtocolError('TAR', 'archive/tar: invalid tar header');
      this.#inFile = false;
      return;
    }
    if (type !== '0' && type !== '\0')
      throw new ProtocolError('TAR', `unexpected entry of type ${JSON.stringify(type)}`);
    this.#inFile = true;
    this.#sink.begin(textAt(h, 0, 100), size);
    if (size === 0) this.#sink.end();
  }
}

function textAt(h: Uint8Array, at: number, width: number): string {
  let end = at;
  while (end < at + width && h[end] !== 0) end++;
  return fromUtf8(h.subarray(at, end));
}

function octalAt(h: Uint8Array, at: number, width: number): number {
  const text = textAt(h, at, width).trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw new ProtocolError('TAR', 'archive/tar: invalid tar header');
  return Number.parseInt(text, 8);
}
