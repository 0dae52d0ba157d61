import { CR, FIELD_VALUE, HEX, LF, SEMICOLON } from './chars.ts';
import { FAULTS, type HttpError } from './errors.ts';
import { HeaderScan } from './headers.ts';
import { CHUNK_EXTENSION_BYTES_MAX, CHUNK_SIZE_DIGITS_MAX, TRAILER_BYTES_MAX } from './limits.ts';

type Phase = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'end';

/**
 * The chunked transfer coding, byte by byte where it must and slice by slice where it can.
 * Source: RFC 9112 section 7.1; bare LF, blanks around sizes and framing fields in trailers are refused.
 */
export class ChunkedBody {
  /** Where reading stopped in the bytes of the last `read`. */
  at = 0;
  fault: HttpError | undefined;
  #phase: Phase = 'size';
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailer: number[] = [];
  #trailerBytes = 0;
  readonly #trailers = new HeaderScan();
  readonly #trailerCountMax: number;

  constructor(trailerCountMax: number) {
    this.#trailerCountMax = trailerCountMax;
  }

  get done(): boolean {
    return this.#phase === 'end';
  }

  /** The next piece of data in buf[from, to), undefined when there is none: then see `done`, `fault`, or wait for more bytes. */
  read(buf: Buffer, from: number, to: number): Buffer | undefined {
    this.at = from;
    while (this.at < to && this.fault === undefined && this.#phase !== 'end') {
      if (this.#phase === 'data') {
        const take = Math.min(this.#size, to - this.at);
        const data = buf.subarray(this.at, this.at + take);
        this.at += take;
        this.#size -= take;
        if (this.#size === 0) this.#phase = 'data-cr';
        return data;
      }
      this.fault = this.#step(buf[this.at++]!);
    }
    return undefined;
  }

  #step(byte: number): HttpError | undefined {
    switch (this.#phase) {
      case 'size':
        return this.#sizeByte(byte);
      case 'extension':
        return this.#extensionByte(byte);
      case 'size-lf':
        if (byte !== LF) return FAULTS.lineEnd;
        this.#phase = this.#size === 0 ? 'trailer' : 'data';
        return undefined;
      case 'data-cr':
        this.#phase = 'data-lf';
        return byte === CR ? undefined : FAULTS.chunkEnd;
      case 'data-lf':
        this.#phase = 'size';
        this.#digits = 0;
        return byte === LF ? undefined : FAULTS.chunkEnd;
      default:
        return this.#trailerByte(byte);
    }
  }

  #sizeByte(byte: number): HttpError | undefined {
    const value = HEX[byte]!;
    if (value !== 255) {
      if (++this.#digits > CHUNK_SIZE_DIGITS_MAX) return FAULTS.chunkSize;
      this.#size = this.#size * 16 + value;
      return undefined;
    }
    if (this.#digits === 0) return FAULTS.chunkSize;
    if (byte === CR) this.#phase = 'size-lf';
    else if (byte === SEMICOLON) this.#phase = 'extension';
    else return FAULTS.chunkSize;
    return undefined;
  }

  #extensionByte(byte: number): HttpError | undefined {
    if (byte === CR) {
      this.#phase = 'size-lf';
      return undefined;
    }
    if (FIELD_VALUE[byte] === 0 || ++this.#extensionBytes > CHUNK_EXTENSION_BYTES_MAX) return FAULTS.chunkExtension;
    return undefined;
  }

  #trailerByte(byte: number): HttpError | undefined {
    if (++this.#trailerBytes > TRAILER_BYTES_MAX) return FAULTS.trailerTooLarge;
    if (byte !== LF) {
      this.#trailer.push(byte);
      return undefined;
    }
    if (this.#trailer.pop() !== CR) return FAULTS.lineEnd;
    if (this.#trailer.length === 0) {
      this.#phase = 'end';
      return undefined;
    }
    const line = Uint8Array.from(this.#trailer);
    this.#trailer = [];
    return this.#trailerLine(line);
  }

  #trailerLine(line: Uint8Array): HttpError | undefined {
    const scan = this.#trailers;
    const fault = scan.line(line, 0, line.length);
    if (fault !== undefined) return fault;
    const { count, contentLength, chunked, transferEncodingUnsupported, hosts } = scan.facts;
    if (contentLength !== -1 || chunked || transferEncodingUnsupported || hosts > 0) return FAULTS.trailer;
    return count > this.#trailerCountMax ? FAULTS.tooManyHeaders : undefined;
  }
}
