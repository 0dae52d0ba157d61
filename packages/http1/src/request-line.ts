import { CR, HEX, PERCENT, QUESTION, SPACE, TARGET, TOKEN } from './chars.ts';
import { FAULTS, type HttpError } from './errors.ts';
import { type HttpLimits, METHOD_BYTES_MAX } from './limits.ts';

/** Where the parts of a request line are. Reused from request to request. */
export class RequestLine {
  method = '';
  /** Origin form (`/path?query`), `*`, or `host:port` of CONNECT; an absolute form is cut down to its path and query. */
  target = '';
  http10 = false;

  /** Reads the line in buf[start, end), CRLF not included. */
  read(buf: Buffer, start: number, end: number, limits: HttpLimits): HttpError | undefined {
    let at = start;
    while (at < end && TOKEN[buf[at]!] === 1) at++;
    if (at === start || at - start > METHOD_BYTES_MAX) return FAULTS.method;
    if (buf[at] !== SPACE || at === end) return at < end && TOKEN[buf[at]!] === 0 ? FAULTS.method : FAULTS.requestLine;
    this.method = methodText(buf, start, at);
    const targetStart = at + 1;
    const fault = this.#readTarget(buf, targetStart, end, limits);
    if (fault !== undefined) return fault;
    return this.#readVersion(buf, this.#targetEnd + 1, end);
  }

  #targetEnd = 0;

  #readTarget(buf: Buffer, start: number, end: number, limits: HttpLimits): HttpError | undefined {
    let at = start;
    let inPath = true;
    for (; at < end; at++) {
      const byte = buf[at]!;
      if (byte === QUESTION) inPath = false;
      else if (byte === PERCENT && inPath) {
        if (at + 2 >= end || HEX[buf[at + 1]!] === 255 || HEX[buf[at + 2]!] === 255) return FAULTS.target;
      } else if (TARGET[byte] === 0) break;
    }
    if (at - start > limits.targetBytesMax) return FAULTS.targetTooLong;
    if (at === start) return FAULTS.requestLine;
    if (at === end) return FAULTS.version;
    if (buf[at] !== SPACE) return buf[at] === CR ? FAULTS.lineEnd : FAULTS.target;
    this.#targetEnd = at;
    return this.#setTarget(buf.toString('latin1', start, at));
  }

  #setTarget(raw: string): HttpError | undefined {
    this.target = raw;
    if (this.method === 'CONNECT') return /^[^/?#@\s]+:[0-9]{1,5}$/.test(raw) ? undefined : FAULTS.target;
    if (raw.charCodeAt(0) === 0x2f) return undefined;
    if (raw === '*') return this.method === 'OPTIONS' ? undefined : FAULTS.target;
    const absolute = /^https?:\/\/[^/?#@]+([/?].*)?$/i.exec(raw);
    if (absolute === null) return FAULTS.target;
    const rest = absolute[1] ?? '/';
    this.target = rest.startsWith('?') ? `/${rest}` : rest;
    return undefined;
  }

  /** `HTTP/1.0` or `HTTP/1.1`, exactly. Source: RFC 9112 section 2.3. */
  #readVersion(buf: Buffer, start: number, end: number): HttpError | undefined {
    const digit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
    if (
      end - start !== 8 ||
      buf[start] !== 0x48 ||
      buf[start + 1] !== 0x54 ||
      buf[start + 2] !== 0x54 ||
      buf[start + 3] !== 0x50 ||
      buf[start + 4] !== 0x2f ||
      buf[start + 6] !== 0x2e ||
      !digit(buf[start + 5]) ||
      !digit(buf[start + 7])
    ) {
      return FAULTS.version;
    }
    if (buf[start + 5] !== 0x31 || buf[start + 7]! > 0x31) return FAULTS.versionUnsupported;
    this.http10 = buf[start + 7] === 0x30;
    return undefined;
  }
}

function methodText(buf: Buffer, start: number, end: number): string {
  // The two methods of nearly every request, without making a string.
  if (end - start === 3) {
    const a = buf[start];
    const c = buf[start + 2];
    if (a === 0x47 && buf[start + 1] === 0x45 && c === 0x54) return 'GET';
    if (a === 0x50 && buf[start + 1] === 0x55 && c === 0x54) return 'PUT';
  }
  return buf.toString('latin1', start, end);
}
