import type { Endpoint, Stream, Timer } from '@proconsul/base';
import { Flag } from './frame.ts';
import { FRAME_BYTES_MAX, HIGH_WATER_BYTES, WINDOW_BYTES, WINDOW_UPDATE_BYTES } from './limits.ts';
import { ReceiveBuffer } from './receive-buffer.ts';

/** What a stream asks of its session. */
export interface StreamOwner {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** The connection takes no more for now: `wait` and be pumped later. */
  readonly isCongested: boolean;
  wait(stream: YamuxStream): void;
  sendData(streamId: number, bytes: Uint8Array): void;
  sendWindowUpdate(streamId: number, flags: number, credit: number): void;
  /** Accounts for bytes that wait for their reader. False: too many, the session has been cut. */
  hold(bytes: number): boolean;
  release(bytes: number): void;
  /** Our direction has ended: the other one must follow within the close timeout. */
  startCloseTimer(stream: YamuxStream): Timer;
  /** Both directions are over: forget the stream. */
  forget(stream: YamuxStream): void;
}

/** One stream of a session. Its methods named `accept...` and `receive...` are for the session. */
export class YamuxStream implements Stream {
  readonly id: number;
  readonly #owner: StreamOwner;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;
  #drain: (() => void) | undefined;
  #closeTimer: Timer | undefined;

  #isPaused = false;
  #isFlushing = false;
  readonly #received = new ReceiveBuffer();
  /** What the other side may still send. */
  #receiveWindow = WINDOW_BYTES;
  /** Consumed since the last credit. */
  #consumed = 0;

  #sendWindow = WINDOW_BYTES;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #wantsDrain = false;

  /** The first frame has been sent; before that nothing may be. */
  #isStarted: boolean;
  #isEnding = false;
  #isEnded = false;
  #isRemoteEnded = false;
  #isEndDelivered = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(id: number, owner: StreamOwner, isStarted: boolean) {
    this.id = id;
    this.#owner = owner;
    this.#isStarted = isStarted;
  }

  get remote(): Endpoint {
    return this.#owner.remote;
  }

  get local(): Endpoint {
    return this.#owner.local;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
    this.#flushSoon();
  }

  onEnd(fn: () => void): void {
    this.#end = fn;
  }

  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
    if (this.#isClosed) queueMicrotask(() => fn(this.#error));
  }

  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#isEnding) return true;
    if (bytes.length > 0) this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.pump();
    const isRoomy = this.#queued <= HIGH_WATER_BYTES;
    if (!isRoomy) this.#wantsDrain = true;
    return isRoomy;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flushSoon();
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.pump();
  }

  destroy(error?: Error): void {
    if (this.#isClosed) return;
    if (this.#isStarted && !(this.#isEnded && this.#isRemoteEnded)) {
      this.#owner.sendWindowUpdate(this.id, Flag.rst, 0);
    }
    this.finish(error);
  }

  /** Sends what the windows allow. */
  pump(): void {
    if (!this.#isStarted) return;
    while (this.#queued > 0 && this.#sendWindow > 0) {
      if (this.#owner.isCongested) {
        this.#owner.wait(this);
        return;
      }
      this.#sendOne();
      if (this.#isClosed) return;
    }
    if (this.#queued > 0) return;
    if (this.#isEnding && !this.#isEnded) this.#sendEnd();
    else if (this.#wantsDrain) {
      this.#wantsDrain = false;
      this.#drain?.();
    }
  }

  /** The session has sent our first frame. */
  start(): void {
    this.#isStarted = true;
    this.pump();
  }

  /** The other side has consumed. False when the sum passes what the protocol can say. */
  acceptCredit(credit: number): boolean {
    this.#sendWindow += credit;
    if (this.#sendWindow > 0xffff_ffff) return false;
    if (credit > 0 && !this.#isClosed) this.pump();
    return true;
  }

  /** A data frame of `bytes` begins. False when the other side had no right to send that many. */
  acceptData(bytes: number): boolean {
    if (this.#isRemoteEnded && bytes > 0) return false;
    this.#receiveWindow -= bytes;
    return this.#receiveWindow >= 0;
  }

  receiveData(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#data !== undefined && !this.#isPaused && this.#received.size === 0) {
      this.#deliver(bytes);
    } else if (this.#owner.hold(bytes.length)) {
      this.#received.append(bytes);
    }
  }

  receiveEnd(): void {
    if (this.#isRemoteEnded || this.#isClosed) return;
    this.#isRemoteEnded = true;
    this.#closeTimer?.cancel();
    if (this.#isEnded) this.#owner.forget(this);
    if (this.#received.size === 0 && !this.#isPaused && this.#data !== undefined) this.#deliverEnd();
  }

  /** Over, at once and for whatever reason: nothing is sent. */
  finish(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    this.#closeTimer?.cancel();
    this.#queue = [];
    this.#queued = 0;
    this.#owner.release(this.#received.size);
    this.#received.take();
    this.#owner.forget(this);
    this.#close?.(error);
  }

  #sendOne(): void {
    const first = this.#queue[0]!;
    const size = Math.min(first.length, this.#sendWindow, FRAME_BYTES_MAX);
    if (size === first.length) this.#queue.shift();
    else this.#queue[0] = first.subarray(size);
    this.#queued -= size;
    this.#sendWindow -= size;
    this.#owner.sendData(this.id, size === first.length ? first : first.subarray(0, size));
  }

  #sendEnd(): void {
    this.#isEnded = true;
    this.#owner.sendWindowUpdate(this.id, Flag.fin, 0);
    if (this.#isClosed) return;
    if (!this.#isRemoteEnded) {
      this.#closeTimer = this.#owner.startCloseTimer(this);
      return;
    }
    this.#owner.forget(this);
    if (this.#isEndDelivered) this.finish();
  }

  #flushSoon(): void {
    if (this.#isFlushing || this.#isClosed) return;
    if (this.#received.size === 0 && !this.#isRemoteEnded) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isClosed || this.#isPaused || this.#data === undefined) return;
    const size = this.#received.size;
    if (size > 0) {
      this.#owner.release(size);
      this.#deliver(this.#received.take());
    }
    if (this.#isRemoteEnded && this.#received.size === 0 && !this.#isClosed) this.#deliverEnd();
  }

  #deliver(bytes: Uint8Array): void {
    this.#consumed += bytes.length;
    this.#data?.(bytes);
    if (this.#consumed < WINDOW_UPDATE_BYTES || this.#isRemoteEnded || this.#isClosed) return;
    const credit = this.#consumed;
    this.#consumed = 0;
    this.#receiveWindow += credit;
    this.#owner.sendWindowUpdate(this.id, 0, credit);
  }

  #deliverEnd(): void {
    if (this.#isEndDelivered) return;
    this.#isEndDelivered = true;
    if (this.#end) this.#end();
    else this.end();
    if (this.#isEnded) this.finish();
  }
}
