import { indentJson } from '@proconsul/gojson';
import type { HeaderList } from './exchange.ts';

export const JSON_TYPE = 'application/json';
export const TEXT_TYPE = 'text/plain; charset=utf-8';

/** Reason phrases of the codes that are answered here. Source: RFC 9110 section 15. */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  307: 'Temporary Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export const reason = (status: number): string => REASONS[status] ?? 'Unknown';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => (n < 10 ? `0${n}` : String(n));

/** IMF-fixdate, always 29 bytes. Source: RFC 9110 section 5.6.7. */
export function httpDate(wallMs: number): string {
  const d = new Date(wallMs);
  return `${DAYS[d.getUTCDay()]}, ${two(d.getUTCDate())} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} GMT`;
}

const encoder = new TextEncoder();

/**
 * A complete response that is sent many times. Only its date grows old: it is replaced, in a copy, once a second at
 * most, because the old bytes may still be on their way to somebody.
 */
export class RawResponse {
  #bytes: Uint8Array;
  #second: number;
  readonly #dateAt: number;

  constructor(status: number, headers: HeaderList, body: Uint8Array, wallMs: number) {
    let head = `HTTP/1.1 ${status} ${reason(status)}\r\n`;
    for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
    head += 'Date: ';
    this.#dateAt = head.length;
    head += `${httpDate(wallMs)}\r\nContent-Length: ${body.length}\r\n\r\n`;
    this.#second = Math.floor(wallMs / 1000);
    this.#bytes = new Uint8Array(head.length + body.length);
    encoder.encodeInto(head, this.#bytes);
    this.#bytes.set(body, head.length);
  }

  bytes(wallMs: number): Uint8Array {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      const copy = this.#bytes.slice();
      encoder.encodeInto(httpDate(wallMs), copy.subarray(this.#dateAt));
      this.#bytes = copy;
    }
    return this.#bytes;
  }
}

/** How JSON is laid out: compact, or with four spaces (`-dev`), or that and a newline at the end (`?pretty`). */
export type Layout = 'compact' | 'indented' | 'pretty';

export function layOut(json: string, layout: Layout): string {
  if (layout === 'compact') return json;
  const indented = indentJson(json);
  return layout === 'pretty' ? `${indented}\n` : indented;
}
