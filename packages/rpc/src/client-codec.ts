import { type Clock, errorText, type Millis, type Stream, type Timer } from '@proconsul/base';
import { RemoteError, RpcError } from './errors.ts';
import { REPLY_BYTES_MAX, REPLY_HEADER_BYTES_MAX } from './limits.ts';
import { decodeReplyHeader, encodeRequest, type ReplyHeader } from './message.ts';
import { ValueReader } from './value-reader.ts';

interface PendingCall {
  readonly seq: number;
  readonly deadline: Millis;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  /** The signal need not tell us any more. */
  readonly forget?: () => void;
}

/**
 * How errors begin that a server tells before it has found the method: it closes the stream after them, and a call that
 * is sent meanwhile is lost. Observed with the reference.
 */
const REFUSED_BEFORE_CALL = 'rpc: ';

/** The calling side of msgpack-RPC on one stream: one call at a time. */
export class ClientCodec {
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #reader = new ValueReader();
  #pending: PendingCall | undefined;
  /** Runs on when a call is over, and looks then whether another one is late: most calls need none of their own. */
  #timer: Timer | undefined;
  #timerDueAt: Millis = 0;
  #header: ReplyHeader | undefined;
  #isClosed = false;
  #error: Error | undefined;
  #closedHandler: (() => void) | undefined;

  constructor(stream: Stream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    stream.onEnd(() => this.#fail('EOF'));
    stream.onClose((error) => this.#fail(error?.message ?? 'EOF'));
    stream.onData((bytes) => {
      this.#reader.push(bytes);
      this.#advance();
    });
  }

  /** False once the stream is of no more use. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Called once, when the stream is of no more use. */
  onClosed(fn: () => void): void {
    this.#closedHandler = fn;
  }

  /**
   * Resolves with the body of the answer, which is the caller's. Rejects with RemoteError (the stream can take the next
   * call, unless the method was refused) or RpcError (it is closed).
   */
  call(
    seq: number,
    method: string,
    body: Uint8Array,
    { timeoutMs, signal }: { readonly timeoutMs: Millis; readonly signal?: AbortSignal },
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed || this.#pending !== undefined) {
        reject(new RpcError('RPC_CLOSED', this.#error?.message ?? 'stream closed', false));
        return;
      }
      if (signal?.aborted) {
        reject(new RpcError('RPC_CANCELED', 'context canceled', false));
        return;
      }
      const deadline = this.#clock.now() + timeoutMs;
      if (signal === undefined) this.#pending = { seq, deadline, resolve, reject };
      else {
        const canceled = () => this.#giveUp('RPC_CANCELED', 'context canceled');
        signal.addEventListener('abort', canceled, { once: true });
        const forget = () => signal.removeEventListener('abort', canceled);
        this.#pending = { seq, deadline, resolve, reject, forget };
      }
      this.#watch(deadline);
      this.#stream.write(encodeRequest(seq, method, body));
    });
  }

  /** Ends the stream; a call under way fails. */
  close(): void {
    if (this.#isClosed) return;
    if (this.#pending === undefined) this.#stream.end();
    else this.#stream.destroy();
    this.#fail('stream closed');
  }

  #advance(): void {
    try {
      for (;;) {
        const value = this.#reader.next(this.#header === undefined ? REPLY_HEADER_BYTES_MAX : REPLY_BYTES_MAX);
        if (value === undefined) return;
        if (this.#header === undefined) this.#header = this.#accept(value);
        else this.#finish(this.#header, value);
        if (this.#isClosed) return;
      }
    } catch (error) {
      this.#giveUp('RPC_PROTOCOL', errorText(error));
    }
  }

  #accept(bytes: Uint8Array): ReplyHeader {
    const header = decodeReplyHeader(bytes);
    if (this.#pending === undefined) throw new Error('answer without a call');
    if (header.seq !== this.#pending.seq) throw new Error('answer to another call');
    return header;
  }

  #watch(deadline: Millis): void {
    if (this.#timer !== undefined && this.#timerDueAt <= deadline) return;
    this.#timer?.cancel();
    this.#timerDueAt = deadline;
    this.#timer = this.#clock.after(deadline - this.#clock.now(), () => {
      this.#timer = undefined;
      if (this.#pending === undefined) return;
      if (this.#pending.deadline > this.#clock.now()) this.#watch(this.#pending.deadline);
      else this.#giveUp('RPC_TIMEOUT', 'i/o deadline reached');
    });
  }

  #takePending(): PendingCall | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.forget?.();
    return pending;
  }

  #finish(header: ReplyHeader, body: Uint8Array): void {
    const pending = this.#takePending()!;
    this.#header = undefined;
    if (header.error === '') return pending.resolve(body);
    pending.reject(new RemoteError(header.error));
    if (header.error.startsWith(REFUSED_BEFORE_CALL)) this.close();
  }

  /** The answer, if it comes at all, is no longer wanted, and nobody can tell where the next one would begin. */
  #giveUp(code: 'RPC_TIMEOUT' | 'RPC_CANCELED' | 'RPC_PROTOCOL', text: string): void {
    const pending = this.#takePending();
    this.#stream.destroy();
    this.#fail(text);
    pending?.reject(new RpcError(code, text, true));
  }

  #fail(text: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = new Error(text);
    this.#reader.clear();
    this.#timer?.cancel();
    this.#takePending()?.reject(new RpcError('RPC_CLOSED', text, true));
    this.#closedHandler?.();
  }
}
