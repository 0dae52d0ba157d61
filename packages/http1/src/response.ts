import type { HttpError } from './errors.ts';
import { isBodiless, reasonPhrase } from './status.ts';

/** Field lines in the order in which they go out. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** What the request decides about the form of its answer. */
export interface AnswerForm {
  readonly http10: boolean;
  readonly keepAlive: boolean;
  /** A HEAD request: the head of the answer, without its body. */
  readonly headOnly: boolean;
}

/** The form of nearly every answer: HTTP/1.1, kept alive, with its body. */
export const PLAIN_FORM: AnswerForm = { http10: false, keepAlive: true, headOnly: false };

/** Length of a date in a Date field: `Sat, 21 Nov 2026 04:38:15 GMT`. */
const DATE_CHARS = 29;

/** The text of Date, made anew once a second. Source: RFC 9110 section 5.6.7. */
export class DateText {
  text = '';
  second = -1;

  /** Brings `text` and `second` up to the wall clock. */
  update(wallMs: number): this {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.text = new Date(second * 1000).toUTCString();
    }
    return this;
  }
}

const statusLines = new Map<number, string>();

function statusLine(status: number, http10: boolean): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `${status} ${reasonPhrase(status)}\r\n`;
    if (statusLines.size < 600) statusLines.set(status, line);
  }
  return (http10 ? 'HTTP/1.0 ' : 'HTTP/1.1 ') + line;
}

const UNSAFE = /[\r\n\0]/;
const UNSAFE_ALL = /[\r\n\0]/g;

/** The fields, one line each. A line break in a value becomes a space: it may not begin another field. */
export function headerLines(headers: HeaderList): string {
  let out = '';
  for (const [name, value] of headers) {
    out += `${name}: ${UNSAFE.test(value) ? value.replace(UNSAFE_ALL, ' ') : value}\r\n`;
  }
  return out;
}

const connectionLine = (form: AnswerForm): string => {
  if (form.http10) return form.keepAlive ? 'Connection: keep-alive\r\n' : '';
  return form.keepAlive ? '' : 'Connection: close\r\n';
};

/** Longest body that is copied behind its head, so that both go out in one write. */
export const JOINED_BODY_BYTES_MAX = 64 * 1024;

/**
 * An answer of known length as the chunks to write. Fields in Go's order: those given, Date, Content-Length, Connection.
 * `status` at least 200.
 */
export function encodeResponse(
  form: AnswerForm,
  status: number,
  headers: HeaderList,
  body: Uint8Array | string,
  date: DateText,
): Buffer[] {
  const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const length = isBodiless(status) ? '' : `Content-Length: ${bodyBytes}\r\n`;
  const head = `${statusLine(status, form.http10)}${headerLines(headers)}Date: ${date.text}\r\n${length}${connectionLine(form)}\r\n`;
  if (bodyBytes === 0 || form.headOnly || isBodiless(status)) return [Buffer.from(head)];
  if (typeof body === 'string') return [Buffer.from(head + body)];
  if (bodyBytes > JOINED_BODY_BYTES_MAX) return [Buffer.from(head), asBuffer(body)];
  const headBytes = Buffer.byteLength(head);
  const out = Buffer.allocUnsafe(headBytes + bodyBytes);
  out.write(head, 0);
  out.set(body, headBytes);
  return [out];
}

/** The head of an answer of unknown length: chunked, or for HTTP/1.0 ended by closing (the form must not keep alive then). */
export function encodeStreamHead(form: AnswerForm, status: number, headers: HeaderList, date: DateText): Buffer {
  const coding = form.http10 || isBodiless(status) ? '' : 'Transfer-Encoding: chunked\r\n';
  return Buffer.from(
    `${statusLine(status, form.http10)}${headerLines(headers)}Date: ${date.text}\r\n${connectionLine(form)}${coding}\r\n`,
  );
}

/** One chunk. Never empty: that would be the end. */
export function encodeChunk(data: Uint8Array): Buffer[] {
  const size = Buffer.from(`${data.length.toString(16)}\r\n`, 'latin1');
  if (data.length > JOINED_BODY_BYTES_MAX) return [size, asBuffer(data), CRLF];
  return [Buffer.concat([size, data, CRLF])];
}

const CRLF = Buffer.from('\r\n');
export const LAST_CHUNK = Buffer.from('0\r\n\r\n');
export const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

/** The answer to a request that could not be read, in the words of Go's server. The connection must be closed after it. */
export function encodeFault(error: HttpError): Buffer {
  const line = `${error.status} ${reasonPhrase(error.status)}: ${error.message}`;
  return Buffer.from(
    `HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`,
    'latin1',
  );
}

/**
 * A whole answer, encoded once and sent to many. Only its Date changes: it is written over in place, since it always has
 * the same length (a copy that still waits in a socket's queue is then a second younger than it was, which is as true).
 */
export class PreparedResponse {
  readonly status: number;
  readonly #bytes: Buffer;
  readonly #dateAt: number;
  #second = -1;

  constructor(status: number, headers: HeaderList, body: Uint8Array | string) {
    const content = typeof body === 'string' ? Buffer.from(body) : body;
    const before = Buffer.from(`${statusLine(status, false)}${headerLines(headers)}Date: `);
    const length = isBodiless(status) ? '' : `Content-Length: ${content.length}\r\n`;
    const after = Buffer.from(`${' '.repeat(DATE_CHARS)}\r\n${length}\r\n`, 'latin1');
    this.status = status;
    this.#bytes = Buffer.concat(isBodiless(status) ? [before, after] : [before, after, content]);
    this.#dateAt = before.length;
  }

  /** Bytes that this answer holds. */
  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** The bytes to write. Shared with every other caller when the form is plain: never change them. */
  bytes(form: AnswerForm, date: DateText): Buffer {
    if (this.#second !== date.second) {
      this.#second = date.second;
      this.#bytes.write(date.text, this.#dateAt, 'latin1');
    }
    return reshapeResponse(this.#bytes, form);
  }
}

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * A complete HTTP/1.1 response without Connection, in the form that the request wants. The same bytes when that is the
 * plain form.
 */
export function reshapeResponse(bytes: Uint8Array, form: AnswerForm): Buffer {
  const whole = asBuffer(bytes);
  if (form.keepAlive && !form.http10 && !form.headOnly) return whole;
  const headEnd = whole.indexOf(HEAD_END) + 2;
  const head = Buffer.from(whole.subarray(0, headEnd));
  if (form.http10) head.write('HTTP/1.0', 'latin1');
  const tail = Buffer.from(`${connectionLine(form)}\r\n`, 'latin1');
  return Buffer.concat(form.headOnly ? [head, tail] : [head, tail, whole.subarray(headEnd + 2)]);
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
