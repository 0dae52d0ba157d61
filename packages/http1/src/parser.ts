import { invariant } from '@proconsul/base';
import { CR, LF } from './chars.ts';
import { ChunkedBody } from './chunked.ts';
import { FAULTS, type HttpError } from './errors.ts';
import { cachedHeaders, cacheHeaders, HeaderScan, RequestHeaders } from './headers.ts';
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { RequestLine } from './request-line.ts';

/**
 * What {@link RequestParser.next} found.
 * - `more`: nothing until more bytes are pushed.
 * - `head`: a request; `method`, `target`, `http10`, `keepAlive`, `headers`, `hasBody` are set.
 * - `data`: a piece of its body in `data`.
 * - `end`: the end of a request that has a body.
 * - `fault`: `fault` says what is wrong; nothing follows. Answer it and close.
 */
export type ParserEvent = 'more' | 'head' | 'data' | 'end' | 'fault';

type Phase = 'head' | 'sized' | 'chunked' | 'dead';

const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
const NO_HEADERS = new RequestHeaders('', new HeaderScan().facts);

/**
 * Requests out of the bytes of one connection, in order, without I/O. The events depend only on the bytes, never on how
 * they were cut into chunks (only `data` may come in other pieces). Memory is bounded by the limits and the largest chunk.
 * Pieces of bodies alias the pushed chunks.
 *
 * Source: RFC 9110 and RFC 9112. Where those leave a choice, the strict one: no bare LF, no folding, no blanks before the
 * colon, one Content-Length, no Content-Length beside Transfer-Encoding, no coding but `chunked`.
 */
export class RequestParser {
  method = '';
  target = '';
  http10 = false;
  /** The client wants to use the connection again. */
  keepAlive = false;
  hasBody = false;
  headers: RequestHeaders = NO_HEADERS;
  data: Buffer = NOTHING;
  fault: HttpError | undefined;

  readonly #limits: HttpLimits;
  readonly #line = new RequestLine();
  #phase: Phase = 'head';
  #buf: Buffer = NOTHING;
  #owned = false;
  #at = 0;
  #end = 0;
  #left = 0;
  #chunked: ChunkedBody | undefined;
  // Of a head that did not come in one piece; offsets from its first byte.
  #scan: HeaderScan | undefined;
  #headersAt = 0;
  #lineAt = 0;
  #searched = 0;
  #skippedBlank = false;

  constructor(limits: HttpLimits = DEFAULT_HTTP_LIMITS) {
    this.#limits = limits;
  }

  /** Bytes that were pushed and not yet looked at, or belong to an unfinished head. */
  get bufferedBytes(): number {
    return this.#end - this.#at;
  }

  /** Part of a head is here: the client has begun a request. */
  get inHead(): boolean {
    return this.#phase === 'head' && (this.#end > this.#at || this.#skippedBlank);
  }

  /** Inside a body, its end not yet reported. */
  get inBody(): boolean {
    return this.#phase === 'sized' || this.#phase === 'chunked';
  }

  /** Bytes of the body that were not reported yet; undefined when only the client knows. */
  get bodyLeft(): number | undefined {
    return this.#phase === 'chunked' ? undefined : this.#phase === 'sized' ? this.#left : 0;
  }

  push(bytes: Uint8Array): void {
    if (this.#phase === 'dead') return;
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.#at === this.#end) {
      this.#buf = chunk;
      this.#owned = false;
      this.#at = 0;
      this.#end = chunk.length;
    } else this.#append(chunk);
  }

  /** Joins a chunk to what is left, in a buffer that doubles, so that a head sent byte by byte costs no more than its square root. */
  #append(chunk: Buffer): void {
    const rest = this.#end - this.#at;
    if (!this.#owned || this.#end + chunk.length > this.#buf.length) {
      const size = Math.max(256, 2 * (rest + chunk.length));
      const grown = Buffer.allocUnsafeSlow(size);
      this.#buf.copy(grown, 0, this.#at, this.#end);
      this.#buf = grown;
      this.#owned = true;
      this.#at = 0;
      this.#end = rest;
    }
    chunk.copy(this.#buf, this.#end);
    this.#end += chunk.length;
  }

  next(): ParserEvent {
    switch (this.#phase) {
      case 'head':
        return this.#nextHead();
      case 'sized':
        return this.#nextSized();
      case 'chunked':
        return this.#nextChunked();
      default:
        return 'fault';
    }
  }

  #nextHead(): ParserEvent {
    this.#skipBlankLine();
    if (this.#at === this.#end) {
      this.#buf = NOTHING;
      this.#at = this.#end = 0;
      return 'more';
    }
    if (this.#scan === undefined && this.#lineAt === 0 && this.#searched === 0) {
      const event = this.#wholeHead();
      if (event !== undefined) return event;
    }
    return this.#partialHead();
  }

  /** RFC 9112 section 2.2: one empty line before a request is ignored. */
  #skipBlankLine(): void {
    if (this.#skippedBlank || this.#buf[this.#at] !== CR || this.#end - this.#at < 2) return;
    if (this.#buf[this.#at + 1] !== LF) return;
    this.#at += 2;
    this.#searched = 0;
    this.#skippedBlank = true;
  }

  /** The usual case: a head in one chunk, with headers that were seen before. Undefined: go the long way. */
  #wholeHead(): ParserEvent | undefined {
    const buf = this.#buf;
    const start = this.#at;
    const lineEnd = buf.indexOf(LF, start);
    if (lineEnd <= start || lineEnd >= this.#end || buf[lineEnd - 1] !== CR) return undefined;
    const headEnd = buf.indexOf(HEAD_END, lineEnd - 1);
    if (headEnd === -1 || headEnd + 4 > this.#end || headEnd + 4 - start > this.#limits.headBytesMax) return undefined;
    const text = buf.toString('latin1', lineEnd + 1, headEnd + 2);
    const headers = cachedHeaders(text);
    if (headers === undefined || headers.facts.count > this.#limits.headerCountMax) return undefined;
    const fault = this.#line.read(buf, start, lineEnd - 1, this.#limits);
    if (fault !== undefined) return this.#fail(fault);
    this.#at = headEnd + 4;
    return this.#finishHead(headers);
  }

  /** Line by line, as they become complete, so that a fault is found at the same byte however the head was cut. */
  #partialHead(): ParserEvent {
    const { headBytesMax } = this.#limits;
    for (;;) {
      const from = this.#at + this.#searched;
      const found = from < this.#end ? this.#buf.indexOf(LF, from) : -1;
      if (found === -1 || found >= this.#end) {
        this.#searched = this.#end - this.#at;
        return this.#searched > headBytesMax ? this.#fail(FAULTS.headTooLarge) : 'more';
      }
      const start = this.#at + this.#lineAt;
      this.#searched = this.#lineAt = found + 1 - this.#at;
      if (this.#lineAt > headBytesMax) return this.#fail(FAULTS.headTooLarge);
      if (found === start || this.#buf[found - 1] !== CR) return this.#fail(FAULTS.lineEnd);
      if (this.#scan !== undefined && found - 1 === start) return this.#endOfHead(start);
      const fault = this.#headLine(start, found - 1);
      if (fault !== undefined) return this.#fail(fault);
    }
  }

  #headLine(start: number, end: number): HttpError | undefined {
    if (this.#scan === undefined) {
      this.#scan = new HeaderScan();
      this.#headersAt = this.#lineAt;
      return this.#line.read(this.#buf, start, end, this.#limits);
    }
    const fault = this.#scan.line(this.#buf, start, end);
    if (fault !== undefined) return fault;
    return this.#scan.facts.count > this.#limits.headerCountMax ? FAULTS.tooManyHeaders : undefined;
  }

  #endOfHead(end: number): ParserEvent {
    invariant(this.#scan, 'a head ends after its request line');
    const headers = new RequestHeaders(this.#buf.toString('latin1', this.#at + this.#headersAt, end), this.#scan.facts);
    this.#at += this.#lineAt;
    const event = this.#finishHead(headers);
    if (event === 'head') cacheHeaders(headers);
    return event;
  }

  #finishHead(headers: RequestHeaders): ParserEvent {
    this.#scan = undefined;
    this.#lineAt = this.#searched = 0;
    this.#skippedBlank = false;
    const { facts } = headers;
    const { http10 } = this.#line;
    const fault = framingFault(headers, http10);
    if (fault !== undefined) return this.#fail(fault);
    this.method = this.#line.method;
    this.target = this.#line.target;
    this.http10 = http10;
    this.headers = headers;
    this.keepAlive = !facts.close && (!http10 || facts.keepAlive);
    this.hasBody = facts.chunked || facts.contentLength > 0;
    if (facts.chunked) {
      this.#phase = 'chunked';
      this.#chunked = new ChunkedBody(this.#limits.headerCountMax);
    } else if (this.hasBody) {
      this.#phase = 'sized';
      this.#left = facts.contentLength;
    }
    return 'head';
  }

  #nextSized(): ParserEvent {
    if (this.#left === 0) return this.#endOfBody();
    const take = Math.min(this.#left, this.#end - this.#at);
    if (take === 0) return 'more';
    this.#take(this.#buf.subarray(this.#at, this.#at + take), this.#at + take);
    this.#left -= take;
    return 'data';
  }

  #nextChunked(): ParserEvent {
    const body = this.#chunked;
    invariant(body, 'a chunked body has its decoder');
    const data = body.read(this.#buf, this.#at, this.#end);
    if (data !== undefined) {
      this.#take(data, body.at);
      return 'data';
    }
    this.#at = body.at;
    if (body.fault !== undefined) return this.#fail(body.fault);
    return body.done ? this.#endOfBody() : 'more';
  }

  /** Hands out a slice. The buffer is not written to again while anybody may hold it. */
  #take(data: Buffer, at: number): void {
    this.data = data;
    this.#at = at;
    this.#owned = false;
  }

  #endOfBody(): ParserEvent {
    this.#phase = 'head';
    this.#chunked = undefined;
    this.data = NOTHING;
    return 'end';
  }

  #fail(fault: HttpError): ParserEvent {
    this.fault = fault;
    this.#phase = 'dead';
    this.#buf = NOTHING;
    this.#at = this.#end = 0;
    return 'fault';
  }
}

/** Rules over the whole header section. Source: RFC 9112 sections 3.2 and 6.1. */
function framingFault(headers: RequestHeaders, http10: boolean): HttpError | undefined {
  const { facts } = headers;
  if (facts.chunked || facts.transferEncodingUnsupported) {
    if (facts.contentLength !== -1) return FAULTS.ambiguousFraming;
    if (http10) return FAULTS.transferEncodingVersion;
    if (facts.transferEncodingUnsupported) return FAULTS.transferEncodingUnsupported;
  }
  if (facts.hosts === 0 && !http10) return FAULTS.hostMissing;
  return facts.expectOther && !http10 ? FAULTS.expectation : undefined;
}
