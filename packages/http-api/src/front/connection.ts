import type { Gzip, Stream } from '@proconsul/base';
import { CONTINUE, type DateText, encodeFault, FAULTS, type HttpError, RequestParser } from '@proconsul/http1';
import { FrontExchange } from './front-exchange.ts';
import {
  DRAIN_BYTES_MAX,
  type FrontOptions,
  JOINED_WRITE_BYTES_MAX,
  LINGER_MS,
  PIPELINE_BYTES_MAX,
} from './options.ts';

/** What a connection needs of the front that it belongs to. */
export interface ConnectionOwner {
  readonly options: FrontOptions;
  readonly gzip: Gzip;
  /** Monotonic time of the last sweep: exact enough for deadlines, and free. */
  readonly now: number;
  /** No further requests are wanted. */
  readonly closing: boolean;
  date(): DateText;
  handle(exchange: FrontExchange): void;
  closed(connection: Connection): void;
}

/**
 * What the connection waits for.
 * `idle` a request · `head` the rest of a head · `body` the rest of a body · `answer` the handler · `linger` the client's
 * end, after our last answer · `over` nothing.
 */
type Phase = 'idle' | 'head' | 'body' | 'answer' | 'linger' | 'over';

/**
 * One client's connection: requests in, answers out, one after the other. Answers that are ready in the same turn go out
 * in one write. Deadlines are checked by the front's sweep, so an idle connection holds neither timer nor buffer.
 */
export class Connection {
  readonly front: ConnectionOwner;
  readonly stream: Stream;
  readonly parser: RequestParser;
  #exchange: FrontExchange | undefined;
  #phase: Phase = 'idle';
  /** When the phase began, or the last window of a body. */
  #since: number;
  #bodyBytes = 0;
  #drained = 0;
  /** Inside `#run`: what is put is kept and goes out together. */
  #running = false;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #blockedSince = -1;
  #paused = false;
  #clientEnded = false;
  #continueOwed = true;
  /** Our side ends when the client has taken what waits for it. */
  #endOwed = false;

  constructor(front: ConnectionOwner, stream: Stream) {
    this.front = front;
    this.stream = stream;
    this.parser = new RequestParser(front.options.limits);
    this.#since = front.now;
    stream.onClose(() => this.#gone());
    stream.onEnd(() => this.#ended());
    stream.onDrain(() => this.#writable());
    stream.onData((bytes) => this.#received(bytes));
  }

  /** The client has said that it sends no more. */
  get clientEnded(): boolean {
    return this.#clientEnded;
  }

  /** Says a last word and closes. */
  reject(bytes: Uint8Array): void {
    this.put([bytes]);
    this.#shut();
  }

  /** Closes if there is nothing to answer. */
  closeIfIdle(): void {
    if (this.#phase === 'idle') this.#shut();
  }

  destroy(): void {
    this.stream.destroy();
  }

  /** Looks at the deadlines. */
  sweep(): void {
    const { options, now } = this.front;
    const waited = now - this.#since;
    if (this.#blockedSince >= 0 && now - this.#blockedSince > options.writeTimeoutMs) return this.destroy();
    if (this.#phase === 'head' && waited > options.headTimeoutMs) return this.#refuse(FAULTS.headTimeout);
    if (this.#phase === 'linger' && !this.#endOwed && waited > LINGER_MS) return this.destroy();
    if (this.#phase === 'idle' && options.idleTimeoutMs > 0 && waited > options.idleTimeoutMs) return this.#shut();
    if (this.#phase !== 'body' || waited <= options.bodyWindowMs) return;
    if (this.#bodyBytes < options.bodyBytesMin) return this.#refuse(FAULTS.bodyTimeout);
    this.#since = now;
    this.#bodyBytes = 0;
  }

  // Called by the exchange.

  /** Writes, or keeps for the write at the end of this turn. False: the client is behind. */
  put(chunks: readonly Uint8Array[]): boolean {
    if (!this.#open) return true;
    for (const chunk of chunks) {
      this.#out.push(chunk);
      this.#outBytes += chunk.length;
    }
    if (!this.#running || this.#outBytes > JOINED_WRITE_BYTES_MAX) this.#flush();
    return this.#blockedSince < 0;
  }

  /** Whether the connection can go on after an answer given now. Throws away a body that is here and that nobody read. */
  mayKeepAlive(): boolean {
    const { parser } = this;
    if (!parser.keepAlive || this.front.closing) return false;
    if (!parser.inBody) return true;
    if (this.#exchange?.sink !== undefined) return false;
    if (this.#continueOwed && parser.headers.facts.expectContinue) return false;
    this.#drainBuffered();
    if (!parser.inBody) return true;
    return parser.bodyLeft !== undefined && parser.bodyLeft <= DRAIN_BYTES_MAX;
  }

  finished(keepAlive: boolean): void {
    this.#exchange = undefined;
    this.#setPhase('idle');
    if (!keepAlive) this.#shut();
    else if (!this.#running) this.#run();
  }

  /** The handler takes the body from now on. */
  wantBody(expectsContinue: boolean): void {
    if (expectsContinue && this.#continueOwed && this.parser.bufferedBytes === 0) this.put([CONTINUE]);
    this.#continueOwed = false;
    this.pumpBody();
    // The client waits for the word to go on, and the handler may leave the turn before the end of `#run`.
    if (this.#running && this.#exchange?.sink !== undefined) this.#flush();
  }

  /** Hands over what there is of the body. */
  pumpBody(): void {
    const exchange = this.#exchange;
    while (exchange?.sink !== undefined && !exchange.sink.paused && exchange === this.#exchange) {
      const { parser } = this;
      const { sink } = exchange;
      const event = parser.next();
      if (event === 'more') {
        this.#setPhase('body');
        break;
      }
      if (event === 'fault') return this.#refuse(parser.fault ?? FAULTS.chunkSize);
      if (event === 'data') {
        this.#bodyBytes += parser.data.length;
        sink.data(parser.data);
      } else {
        this.#setPhase('answer');
        exchange.bodyEnded();
        return this.#balance();
      }
    }
    if (exchange?.sink?.paused) this.#setPhase('answer');
    this.#balance();
  }

  // What the stream tells.

  #received(bytes: Uint8Array): void {
    if (this.#phase === 'linger' || this.#phase === 'over') return;
    this.parser.push(bytes);
    if (this.#exchange === undefined) this.#run();
    else if (this.#exchange.sink !== undefined) this.pumpBody();
    else this.#balance();
  }

  #ended(): void {
    this.#clientEnded = true;
    const exchange = this.#exchange;
    if (exchange === undefined) {
      // What is still to be sent goes first; then there is nothing to wait for.
      if (this.#open && this.#blockedSince < 0) this.#run();
    } else if (exchange.hasAbortListener || this.parser.inBody) this.destroy();
  }

  #writable(): void {
    this.#blockedSince = -1;
    if (this.#phase === 'linger') {
      if (this.#endOwed) this.#endStream();
      return;
    }
    this.#exchange?.drained();
    if (this.#exchange === undefined) this.#run();
  }

  #gone(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#out = [];
    this.front.closed(this);
    exchange?.abort();
  }

  // Requests.

  /** Answers what is there, until a handler wants time, the client is behind, or nothing is left. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    while (this.#open && this.#exchange === undefined && this.#blockedSince < 0) {
      const event = this.parser.next();
      if (event === 'more') {
        this.#settle();
        break;
      }
      if (event === 'fault') this.#refuse(this.parser.fault ?? FAULTS.requestLine);
      else if (event === 'head') this.#begin();
      else if (event === 'data') this.#drop(this.parser.data.length);
      else this.#drained = 0;
    }
    this.#running = false;
    this.#flush();
    this.#balance();
  }

  get #open(): boolean {
    return this.#phase !== 'linger' && this.#phase !== 'over';
  }

  #begin(): void {
    const exchange = new FrontExchange(this);
    this.#exchange = exchange;
    this.#continueOwed = true;
    this.#setPhase('answer');
    this.front.handle(exchange);
  }

  /** Nothing more to read for now. */
  #settle(): void {
    if (this.parser.inBody) this.#setPhase('body');
    else if (this.parser.inHead) this.#setPhase('head');
    else this.#setPhase('idle');
    if (this.#clientEnded || (this.front.closing && this.#phase === 'idle')) this.#shut();
  }

  #drop(bytes: number): void {
    this.#drained += bytes;
    this.#bodyBytes += bytes;
    if (this.#drained > DRAIN_BYTES_MAX) this.#shut();
  }

  #drainBuffered(): void {
    for (;;) {
      const event = this.parser.next();
      if (event !== 'data') return;
      this.#drained += this.parser.data.length;
    }
  }

  /** Answers with what is wrong, if no other answer has begun, and closes. */
  #refuse(fault: HttpError): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    const answered = exchange?.answering ?? false;
    exchange?.abort();
    if (answered) return this.destroy();
    this.put([encodeFault(fault)]);
    this.#shut();
  }

  /** Sends what is left, ends our side, and waits a moment for the client to end its own. */
  #shut(): void {
    if (!this.#open) return;
    this.#flush();
    this.#phase = 'linger';
    if (this.#blockedSince < 0) this.#endStream();
    else this.#endOwed = true;
    if (this.#paused) this.#resume();
  }

  #endStream(): void {
    this.#endOwed = false;
    this.#since = this.front.now;
    this.stream.end();
  }

  #setPhase(phase: Phase): void {
    if (this.#phase === phase || !this.#open) return;
    this.#phase = phase;
    this.#since = this.front.now;
    this.#bodyBytes = 0;
  }

  // Bytes.

  #flush(): void {
    if (this.#out.length === 0 || !this.#open) return;
    const chunks = this.#out;
    const joined = this.#outBytes <= 2 * JOINED_WRITE_BYTES_MAX;
    this.#out = [];
    this.#outBytes = 0;
    let room: boolean;
    if (chunks.length === 1) room = this.stream.write(chunks[0]!);
    else if (joined) room = this.stream.write(Buffer.concat(chunks));
    else if (this.stream.writeAll) room = this.stream.writeAll(chunks);
    else room = chunks.reduce((_, chunk) => this.stream.write(chunk), true);
    if (!room && this.#blockedSince < 0) this.#blockedSince = this.front.now;
  }

  /** Stops reading from a client that sends faster than it is served, and starts again. */
  #balance(): void {
    if (!this.#open) return;
    const full = this.#exchange?.sink?.paused === true || this.parser.bufferedBytes > PIPELINE_BYTES_MAX;
    const busy = this.#exchange !== undefined || this.#blockedSince >= 0;
    if (full && busy && !this.#paused) {
      this.#paused = true;
      this.stream.pause();
    } else if (this.#paused && !(full && busy)) this.#resume();
  }

  #resume(): void {
    this.#paused = false;
    this.stream.resume();
  }
}
