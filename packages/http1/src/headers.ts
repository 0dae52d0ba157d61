import { COLON, CR, FIELD_VALUE, HOST, SPACE, TAB, TOKEN } from './chars.ts';
import { FAULTS, type HttpError } from './errors.ts';
import { HEADER_CACHE_ENTRIES_MAX, HEADER_CACHE_TEXT_MAX } from './limits.ts';

/** What framing needs to know of a header section. */
export interface HeaderFacts {
  /** -1 when there is no Content-Length. */
  contentLength: number;
  chunked: boolean;
  transferEncodingUnsupported: boolean;
  hosts: number;
  /** Options of Connection. */
  close: boolean;
  keepAlive: boolean;
  expectContinue: boolean;
  expectOther: boolean;
  count: number;
}

const noFacts = (): HeaderFacts => ({
  contentLength: -1,
  chunked: false,
  transferEncodingUnsupported: false,
  hosts: 0,
  close: false,
  keepAlive: false,
  expectContinue: false,
  expectOther: false,
  count: 0,
});

/**
 * A valid header section, immutable and shared: requests with the same bytes get the same object, so what is derived from
 * it (with `get`, or kept in `derived`) is worked out once for thousands of requests.
 */
export class RequestHeaders {
  /** The raw lines, each with its CRLF; one character for each byte. */
  readonly text: string;
  readonly facts: Readonly<HeaderFacts>;
  /** A place for what the owner of the requests works out from these headers. Never read here. */
  derived: unknown = undefined;
  #first: Map<string, string> | undefined;
  #repeated = false;
  #acceptsGzip: boolean | undefined;

  constructor(text: string, facts: Readonly<HeaderFacts>) {
    this.text = text;
    this.facts = facts;
  }

  /** The first value of a field, without the spaces around it. `lowerName` in lower case. */
  get(lowerName: string): string | undefined {
    return (this.#first ?? this.#index()).get(lowerName);
  }

  /** Some field occurs more than once. */
  get repeated(): boolean {
    if (this.#first === undefined) this.#index();
    return this.#repeated;
  }

  #index(): Map<string, string> {
    this.#first = new Map();
    for (const [name, value] of this.entries()) {
      const key = name.toLowerCase();
      if (this.#first.has(key)) this.#repeated = true;
      else this.#first.set(key, value);
    }
    return this.#first;
  }

  /** Every value of a field, in order. */
  values(lowerName: string): string[] {
    const out: string[] = [];
    for (const [name, value] of this.entries()) if (name.toLowerCase() === lowerName) out.push(value);
    return out;
  }

  /** Names as sent and values, in order. */
  *entries(): Generator<[name: string, value: string]> {
    let at = 0;
    while (at < this.text.length) {
      const end = this.text.indexOf('\r\n', at);
      const colon = this.text.indexOf(':', at);
      yield [this.text.slice(at, colon), trimBlanks(this.text.slice(colon + 1, end))];
      at = end + 2;
    }
  }

  /** The client takes gzip: named in Accept-Encoding with a weight above 0. `*` does not count, as with the reference agent. */
  get acceptsGzip(): boolean {
    this.#acceptsGzip ??= this.values('accept-encoding').some((value) => value.split(',').some(isGzip));
    return this.#acceptsGzip;
  }
}

function isGzip(item: string): boolean {
  const [coding = '', ...parameters] = item.split(';');
  if (coding.trim().toLowerCase() !== 'gzip') return false;
  return !parameters.some((parameter) => /^\s*q=0(\.0*)?\s*$/i.test(parameter));
}

const trimBlanks = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

/** Checks header lines one after the other. Also used for trailers. */
export class HeaderScan {
  facts: HeaderFacts = noFacts();

  /** One line without its CRLF. The fault, if it is none. */
  line(buf: Uint8Array, start: number, end: number): HttpError | undefined {
    const first = buf[start];
    if (first === SPACE || first === TAB) return FAULTS.folding;
    let at = start;
    while (at < end && TOKEN[buf[at]!] === 1) at++;
    if (at === start || at === end || buf[at] !== COLON) return FAULTS.headerName;
    for (let i = at + 1; i < end; i++) {
      if (FIELD_VALUE[buf[i]!] === 0) return buf[i] === CR ? FAULTS.lineEnd : FAULTS.headerValue;
    }
    this.facts.count++;
    return this.#note(buf, start, at, end);
  }

  /** The few fields that decide about framing and the connection; picked by length and first letter. */
  #note(buf: Uint8Array, start: number, colon: number, end: number): HttpError | undefined {
    const letter = buf[start]! | 0x20;
    switch (colon - start) {
      case 4:
        if (letter === 0x68 && is(buf, start, 'host')) return this.#host(buf, colon + 1, end);
        return undefined;
      case 6:
        if (letter === 0x65 && is(buf, start, 'expect')) this.#expect(valueText(buf, colon, end));
        return undefined;
      case 10:
        if (letter === 0x63 && is(buf, start, 'connection')) this.#connection(valueText(buf, colon, end));
        return undefined;
      case 14:
        return is(buf, start, 'content-length') ? this.#contentLength(valueText(buf, colon, end)) : undefined;
      case 17:
        return is(buf, start, 'transfer-encoding') ? this.#transferEncoding(valueText(buf, colon, end)) : undefined;
      default:
        return undefined;
    }
  }

  #host(buf: Uint8Array, start: number, end: number): HttpError | undefined {
    if (++this.facts.hosts > 1) return FAULTS.hostRepeated;
    let from = start;
    let to = end;
    while (from < to && (buf[from] === SPACE || buf[from] === TAB)) from++;
    while (to > from && (buf[to - 1] === SPACE || buf[to - 1] === TAB)) to--;
    for (let i = from; i < to; i++) if (HOST[buf[i]!] === 0) return FAULTS.hostMalformed;
    return undefined;
  }

  #expect(value: string): void {
    if (value.toLowerCase() === '100-continue') this.facts.expectContinue = true;
    else this.facts.expectOther = true;
  }

  #connection(value: string): void {
    for (const option of value.toLowerCase().split(',')) {
      const name = option.trim();
      if (name === 'close') this.facts.close = true;
      else if (name === 'keep-alive') this.facts.keepAlive = true;
    }
  }

  #contentLength(value: string): HttpError | undefined {
    if (this.facts.contentLength !== -1) return FAULTS.contentLengthRepeated;
    const length = /^[0-9]{1,15}$/.test(value) ? Number(value) : -1;
    if (length === -1) return FAULTS.contentLength;
    this.facts.contentLength = length;
    return undefined;
  }

  #transferEncoding(value: string): HttpError | undefined {
    if (this.facts.chunked || this.facts.transferEncodingUnsupported) return FAULTS.transferEncodingRepeated;
    if (value.toLowerCase() === 'chunked') this.facts.chunked = true;
    else this.facts.transferEncodingUnsupported = true;
    return undefined;
  }
}

function is(buf: Uint8Array, start: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    const byte = buf[start + i]!;
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (folded !== lower.charCodeAt(i)) return false;
  }
  return true;
}

function valueText(buf: Uint8Array, colon: number, end: number): string {
  let text = '';
  for (let i = colon + 1; i < end; i++) text += String.fromCharCode(buf[i]!);
  return trimBlanks(text);
}

/** Two generations: when the young one is full it becomes the old one, and what is not asked for again is forgotten. */
let young = new Map<string, RequestHeaders>();
let old = new Map<string, RequestHeaders>();

/** The parsed header section with exactly this text, if it was seen lately. */
export function cachedHeaders(text: string): RequestHeaders | undefined {
  const found = young.get(text);
  if (found !== undefined) return found;
  const aged = old.get(text);
  if (aged !== undefined) cacheHeaders(aged);
  return aged;
}

export function cacheHeaders(headers: RequestHeaders): void {
  if (headers.text.length > HEADER_CACHE_TEXT_MAX) return;
  if (young.size >= HEADER_CACHE_ENTRIES_MAX) {
    old = young;
    young = new Map();
  }
  young.set(headers.text, headers);
}
