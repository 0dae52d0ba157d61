const BLOCK = 512;

export interface TarFile {
  readonly name: string;
  readonly size: number;
  /** Must be read to its end before the next file. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Reads the plain files of a tar as it streams by; ustar and pax headers. Throws Error `unexpected EOF` when cut. */
export class TarReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);
  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async *files(): AsyncGenerator<TarFile> {
    for (;;) {
      const header = await this.#take(BLOCK);
      if (header === undefined || header.every((byte) => byte === 0)) break;
      const size = octal(header, 124, 12);
      checkSum(header);
      const type = String.fromCharCode(header[156]!);
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      if (type === '0' || type === '\0') {
        yield { name: nameOf(header), size, content: this.#content(size) };
        await this.#skip(padded - size);
      } else {
        // Extended headers only repeat what the plain ones of these short names say.
        await this.#skip(padded);
      }
    }
    while ((await this.#source.next()).done !== true);
  }

  async *#content(size: number): AsyncGenerator<Uint8Array> {
    let left = size;
    while (left > 0) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new Error('unexpected EOF');
      const chunk = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  async #skip(size: number): Promise<void> {
    for await (const _ of this.#content(size));
  }

  /** Exactly `size` bytes; undefined at the end of the source. */
  async #take(size: number): Promise<Buffer | undefined> {
    while (this.#rest.length < size) {
      if (await this.#more()) continue;
      if (this.#rest.length === 0) return undefined;
      throw new Error('unexpected EOF');
    }
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done) return false;
    this.#rest = this.#rest.length === 0 ? Buffer.from(value) : Buffer.concat([this.#rest, value]);
    return true;
  }
}

function nameOf(header: Buffer): string {
  const text = (from: number, size: number) => header.toString('utf8', from, from + size).split('\0', 1)[0]!;
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(345, 155) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

function octal(header: Buffer, from: number, size: number): number {
  const text = header
    .toString('latin1', from, from + size)
    .replace(/[\0 ]+$/, '')
    .trim();
  if (!/^[0-7]*$/.test(text)) throw new Error('archive/tar: invalid tar header');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function checkSum(header: Buffer): void {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (sum !== octal(header, 148, 8)) throw new Error('archive/tar: invalid tar header');
}

/** One file of a tar to write. */
export interface TarEntry {
  readonly name: string;
  /** Absent for a folder. */
  readonly content?: Uint8Array;
  readonly mode?: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** The bytes of one entry: header, content, padding. Names of up to 255 bytes, split at a slash where needed. */
export function tarEntry(entry: TarEntry): Buffer {
  const header = Buffer.alloc(BLOCK);
  const folder = entry.content === undefined;
  const [prefix, name] = splitName(entry.name);
  header.write(name, 0, 100);
  const field = (value: number, at: number, size: number) =>
    header.write(value.toString(8).padStart(size - 1, '0'), at, 'latin1');
  field(entry.mode ?? (folder ? 0o755 : 0o644), 100, 8);
  field(0, 108, 8);
  field(0, 116, 8);
  field(entry.content?.length ?? 0, 124, 12);
  field(Math.floor(entry.mtime), 136, 12);
  header.fill(0x20, 148, 156);
  header.write(folder ? '5' : '0', 156);
  header.write('ustar\x0000', 257, 'latin1');
  header.write(prefix, 345, 155);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const content = Buffer.from(entry.content ?? new Uint8Array(0));
  return Buffer.concat([header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

function splitName(name: string): [string, string] {
  if (Buffer.byteLength(name) <= 100) return ['', name];
  const slash = name.lastIndexOf('/', 155);
  if (slash <= 0 || Buffer.byteLength(name) - slash > 101) throw new RangeError(`name too long for tar: ${name}`);
  return [name.slice(0, slash), name.slice(slash + 1)];
}

/** What ends a tar. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);
