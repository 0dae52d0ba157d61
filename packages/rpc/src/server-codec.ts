import { type Clock, type Endpoint, errorText, ProtocolError, type Stream, type Timer } from '@proconsul/base';
import type { ByteBudget } from '@proconsul/yamux';
import {
  HALF_CLOSED_MS,
  PIPELINED_BYTES_MAX,
  REPLY_DEPARTURE_MS,
  REQUEST_ARRIVAL_MS,
  REQUEST_BYTES_MAX,
  REQUEST_HEADER_BYTES_MAX,
} from './limits.ts';
import { decodeRequestHeader, encodeErrorReply, encodeReply, type RequestHeader } from './message.ts';
import { ValueReader } from './value-reader.ts';

/** Answers one call; as `RpcHandlers.call`. */
export type CallHandler = (
  method: string,
  body: Uint8Array,
  from: Endpoint,
  signal: AbortSignal,
) => Promise<Uint8Array>;

export interface ServerCodecDependencies {
  readonly clock: Clock;
  readonly call: CallHandler;
  /** Bytes of requests that have not arrived whole or are being worked on. */
  readonly requestBudget: ByteBudget;
  /** Bytes of answers that have not left. */
  readonly replyBudget: ByteBudget;
  /** A call begins. False: it is refused for want of room. Each true is followed by one `callEnded`. */
  readonly callBegins: () => boolean;
  readonly callEnded: (failed: boolean) => void;
  /** The stream has been dropped because of what came over it. */
  readonly cut: (reason: string) => void;
  /** The stream is closed. Called once. */
  readonly closed: () => void;
}

const CALLER_GONE = new Error('the caller is gone');

/** What callers are told who should ask another server. Source: the reference's request limiter. */
export const OVERLOADED = 'rate limit exceeded, try again later or against a different server';

/**
 * The accepting side of msgpack-RPC on one stream: a request at a time, answered before the next is read. Requests that
 * cannot be understood, are too long or too slow close the stream; everything else is answered, with a text if it failed.
 */
export class ServerCodec {
  readonly #stream: Stream;
  readonly #d: ServerCodecDependencies;
  readonly #reader: ValueReader;
  readonly #gone = new AbortController();
  #isCalling = false;
  #header: RequestHeader | undefined;
  #isBusy = false;
  #isClosed = false;
  #isEnded = false;
  #arrivalTimer: Timer | undefined;
  /** Bytes of the answer that is leaving. */
  #departing = 0;
  #departureTimer: Timer | undefined;
  #halfClosedTimer: Timer | undefined;

  constructor(stream: Stream, dependencies: ServerCodecDependencies) {
    this.#stream = stream;
    this.#d = dependencies;
    this.#reader = new ValueReader(dependencies.requestBudget);
    stream.onEnd(() => this.#ended());
    stream.onClose(() => this.#closed());
    stream.onDrain(() => this.#drained());
    stream.onData((bytes) => {
      this.#reader.push(bytes);
      // Reading goes on during a call, so that we notice when the caller is gone; but not for ever.
      if (this.#isBusy && this.#reader.unreadBytes > PIPELINED_BYTES_MAX) stream.pause();
      this.#advance();
    });
  }

  #advance(): void {
    try {
      while (!this.#isBusy && !this.#isClosed) {
        const value = this.#reader.next(this.#header === undefined ? REQUEST_HEADER_BYTES_MAX : REQUEST_BYTES_MAX);
        if (value === undefined) break;
        if (this.#header === undefined) this.#header = decodeRequestHeader(value);
        else this.#begin(this.#header, value);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#cut(error.message);
      return;
    }
    this.#watchArrival();
  }

  /** A request that has begun to arrive must arrive in time. */
  #watchArrival(): void {
    const isPartial = !this.#isBusy && !this.#isClosed && (this.#header !== undefined || this.#reader.partialBytes > 0);
    if (isPartial) {
      this.#arrivalTimer ??= this.#d.clock.after(REQUEST_ARRIVAL_MS, () => this.#cut('request did not arrive in time'));
      return;
    }
    this.#arrivalTimer?.cancel();
    this.#arrivalTimer = undefined;
    if (!this.#isBusy && this.#isEnded && !this.#isClosed) this.#stream.end();
  }

  #begin(header: RequestHeader, body: Uint8Array): void {
    this.#header = undefined;
    this.#isBusy = true;
    if (!this.#d.callBegins()) {
      this.#refuse(header);
    } else if (!this.#d.requestBudget.take(body.length)) {
      this.#d.callEnded(true);
      this.#refuse(header);
    } else void this.#answer(header, body);
  }

  /** Later, so that a row of refused requests does not nest. */
  #refuse(header: RequestHeader): void {
    queueMicrotask(() => this.#reply(header, encodeErrorReply(header, OVERLOADED)));
  }

  async #answer(header: RequestHeader, body: Uint8Array): Promise<void> {
    let reply: Uint8Array;
    let isFailed = false;
    this.#isCalling = true;
    try {
      reply = encodeReply(header, await this.#d.call(header.method, body, this.#stream.remote, this.#gone.signal));
    } catch (error) {
      isFailed = true;
      reply = encodeErrorReply(header, errorText(error));
    }
    this.#isCalling = false;
    this.#d.requestBudget.give(body.length);
    this.#d.callEnded(isFailed);
    this.#reply(header, reply);
  }

  #reply(header: RequestHeader, reply: Uint8Array): void {
    if (this.#isClosed) return;
    const { replyBudget, clock } = this.#d;
    let bytes = reply;
    if (!replyBudget.take(bytes.length)) {
      bytes = encodeErrorReply(header, OVERLOADED);
      if (!replyBudget.take(bytes.length)) {
        this.#cut('too many bytes of answers wait');
        return;
      }
    }
    this.#departing = bytes.length;
    if (this.#stream.write(bytes)) return this.#departed();
    if (this.#isClosed) return;
    this.#departureTimer = clock.after(REPLY_DEPARTURE_MS, () => this.#cut('answer was not taken in time'));
  }

  #drained(): void {
    if (this.#departing > 0) this.#departed();
  }

  #departed(): void {
    this.#forgetDeparture();
    this.#isBusy = false;
    this.#halfClosedTimer?.cancel();
    if (this.#isClosed) return;
    this.#advance();
    if (!this.#isBusy && !this.#isClosed) this.#stream.resume();
  }

  #forgetDeparture(): void {
    this.#departureTimer?.cancel();
    this.#departureTimer = undefined;
    if (this.#departing > 0) this.#d.replyBudget.give(this.#departing);
    this.#departing = 0;
  }

  /** The caller sends no more. What it asked for is still answered, unless that takes long. */
  #ended(): void {
    this.#isEnded = true;
    if (!this.#isBusy) {
      this.#stream.end();
      return;
    }
    this.#halfClosedTimer = this.#d.clock.after(HALF_CLOSED_MS, () => this.#stream.destroy());
  }

  #cut(reason: string): void {
    if (this.#isClosed) return;
    this.#d.cut(reason);
    this.#stream.destroy();
    this.#closed();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#arrivalTimer?.cancel();
    this.#halfClosedTimer?.cancel();
    this.#forgetDeparture();
    this.#reader.clear();
    // Nobody listens when no call runs, and without a reason one with a stack would be made.
    if (this.#isCalling) this.#gone.abort(CALLER_GONE);
    this.#d.closed();
  }
}
