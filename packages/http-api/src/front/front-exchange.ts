import { EMPTY_BYTES, type Endpoint } from '@proconsul/base';
import {
  type AnswerForm,
  encodeResponse,
  encodeStreamHead,
  type HeaderList,
  isBodiless,
  type RequestHeaders,
  reshapeResponse,
} from '@proconsul/http1';
import type { FrontRequest, FrontResponse, FrontStream } from '../exchange.ts';
import { type BodyDone, type BodySink, CollectedBody, StreamedBody } from './body.ts';
import type { Connection } from './connection.ts';
import { ResponseStream } from './response-stream.ts';
import type { SharedAnswer } from './shared-answer.ts';

/**
 * One request and its answer: both sides that a handler sees, in one object, since there is one for each request.
 * Once the client is gone or was refused, answering does nothing.
 */
export class FrontExchange implements FrontRequest, FrontResponse {
  readonly method: string;
  readonly target: string;
  readonly headers: RequestHeaders;
  readonly http10: boolean;
  readonly hasBody: boolean;
  readonly #connection: Connection;
  #state: 'open' | 'answering' | 'over' = 'open';
  #sink: BodySink | undefined;
  #stream: ResponseStream | undefined;
  #onAbort: (() => void) | (() => void)[] | undefined;
  #keepAlive = true;
  #aborted = false;

  constructor(connection: Connection) {
    const { parser } = connection;
    this.#connection = connection;
    this.method = parser.method;
    this.target = parser.target;
    this.headers = parser.headers;
    this.http10 = parser.http10;
    this.hasBody = parser.hasBody;
  }

  get remote(): Endpoint {
    return this.#connection.stream.remote;
  }

  get contentLength(): number {
    const { facts } = this.headers;
    return facts.chunked ? -1 : Math.max(0, facts.contentLength);
  }

  header(name: string): string | undefined {
    const first = this.headers.get(name);
    return first === undefined || !this.headers.repeated ? first : this.headers.values(name).join(', ');
  }

  get acceptsGzip(): boolean {
    return this.headers.acceptsGzip;
  }

  // The request's body.

  get sink(): BodySink | undefined {
    return this.#sink;
  }

  readBody(limitBytes: number, done: BodyDone): void {
    if (this.#state === 'over') return done('aborted', EMPTY_BYTES);
    if (!this.hasBody) return done(null, EMPTY_BYTES);
    if (this.contentLength > limitBytes) return done('too large', EMPTY_BYTES);
    this.#take(
      new CollectedBody(limitBytes, (error, body) => {
        this.#sink = undefined;
        done(error, body);
      }),
    );
  }

  bodyStream(): AsyncIterable<Uint8Array> {
    const body = new StreamedBody(() => this.#connection.pumpBody());
    if (!this.hasBody) body.end();
    else if (this.#state === 'over') body.abort();
    else this.#take(body);
    return body;
  }

  /** Called by the connection: all of it was handed over. */
  bodyEnded(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.end();
  }

  #take(sink: BodySink): void {
    this.#sink = sink;
    this.#connection.wantBody(this.headers.facts.expectContinue && !this.http10);
  }

  // The client going away.

  onAbort(fn: () => void): void {
    if (this.#aborted) return queueMicrotask(fn);
    if (this.#state === 'over') return;
    if (this.#onAbort === undefined) this.#onAbort = fn;
    else if (typeof this.#onAbort === 'function') this.#onAbort = [this.#onAbort, fn];
    else this.#onAbort.push(fn);
    if (this.#connection.clientEnded) this.#connection.destroy();
  }

  /** Somebody wants to know when the client goes, so nothing is lost by treating a half-closed connection as gone. */
  get hasAbortListener(): boolean {
    return this.#onAbort !== undefined || this.#stream !== undefined;
  }

  get answering(): boolean {
    return this.#state === 'answering';
  }

  /** Called by the connection: whatever the handler does from now on goes nowhere. */
  abort(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#aborted = true;
    const listeners = this.#onAbort;
    this.#onAbort = undefined;
    this.#sink?.abort();
    this.#stream?.closed();
    if (typeof listeners === 'function') listeners();
    else for (const listener of listeners ?? []) listener();
  }

  /** The handler failed: 500 if nothing was said yet, else the answer breaks off. */
  fail(): void {
    if (this.#state === 'open') this.send(500, [], '');
    else if (this.#state === 'answering') this.#connection.destroy();
  }

  drained(): void {
    this.#stream?.drained();
  }

  // The answer.

  sendRaw(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#complete([reshapeResponse(bytes, this.#form())]);
  }

  send(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (this.#state !== 'open') return;
    this.#complete(encodeResponse(this.#form(), status, headers, body, this.#connection.front.date()));
  }

  /** An answer that many get, compressed for those who take that. */
  sendShared(answer: SharedAnswer): void {
    answer.pick(this.acceptsGzip, this.#connection.front.gzip, (prepared) => {
      if (this.#state !== 'open') return;
      this.#complete([prepared.bytes(this.#form(), this.#connection.front.date())]);
    });
  }

  /** With `compress`, the stream is compressed if the client takes that; each write is then pushed through at once. */
  startStream(status: number, headers: HeaderList, compress = false): FrontStream {
    const form = this.#form();
    const connection = this.#connection;
    const packed = compress && this.acceptsGzip;
    const bodiless = form.headOnly || isBodiless(status);
    const coding = bodiless ? 'no body' : this.http10 ? 'until close' : 'chunked';
    const output = {
      put: (chunks: readonly Uint8Array[]) => connection.put(chunks),
      finish: () => this.#finished(),
    };
    const stream = new ResponseStream(output, coding, packed ? connection.front.gzip : undefined);
    if (this.#state !== 'open') {
      queueMicrotask(() => stream.closed());
      return stream;
    }
    this.#state = 'answering';
    this.#keepAlive = form.keepAlive && !(this.http10 && !bodiless);
    this.#stream = stream;
    const lines: HeaderList = packed ? [['Content-Encoding', 'gzip'], ...headers] : headers;
    const streamForm = { ...form, keepAlive: this.#keepAlive };
    connection.put([encodeStreamHead(streamForm, status, lines, connection.front.date())]);
    return stream;
  }

  #form(): AnswerForm {
    this.#keepAlive = this.#connection.mayKeepAlive();
    return { http10: this.http10, keepAlive: this.#keepAlive, headOnly: this.method === 'HEAD' };
  }

  #complete(chunks: readonly Uint8Array[]): void {
    this.#state = 'answering';
    this.#connection.put(chunks);
    this.#finished();
  }

  #finished(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#stream = undefined;
    this.#onAbort = undefined;
    this.#connection.finished(this.#keepAlive);
  }
}
