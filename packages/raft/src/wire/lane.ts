import { type Clock, errorText, type Millis, type Stream, type Timer } from '@proconsul/base';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import { onceRead } from '../late.ts';
import { MessageBuffer } from './message-buffer.ts';
import { LANE_IDLE_MS, LANE_IN_FLIGHT_MAX, MESSAGE_MAX_BYTES, RaftTransportError } from './protocol.ts';
import { encodeRequest } from './request-codec.ts';
import { decodeResponse } from './response-codec.ts';

interface Pending {
  readonly request: RaftRequest;
  readonly deadline: Millis;
  resolve(response: RaftResponse): void;
  reject(error: RaftTransportError): void;
}

export interface LaneDependencies {
  readonly clock: Clock;
  /** A connection to the server, past the first byte. */
  dial(): Promise<Stream>;
  /** The connection was closed after a time without use. */
  onIdle(): void;
}

/**
 * One connection to one server, made when it is needed: requests go out in the order of the calls, without waiting for each
 * other's answers, and answers belong to requests by their order. When anything goes wrong, all that is under way is rejected
 * and the connection dropped; the next request makes a new one.
 */
export class Lane {
  readonly #timeoutMs: Millis;
  readonly #d: LaneDependencies;
  #stream: Stream | undefined;
  /** Tells the present connection from those before it. */
  #generation = 0;
  #isDialling = false;
  #pending: Pending[] = [];
  #buffer = new MessageBuffer();
  #timer: Timer | undefined;
  #timerDueAt: Millis = 0;
  /** When the last request was made or answered. */
  #usedAt: Millis = 0;

  constructor(timeoutMs: Millis, dependencies: LaneDependencies) {
    this.#timeoutMs = timeoutMs;
    this.#d = dependencies;
  }

  /** Rejects with RaftTransportError. */
  send(request: RaftRequest): Promise<RaftResponse> {
    return new Promise((resolve, reject) => {
      if (this.#pending.length >= LANE_IN_FLIGHT_MAX) {
        return reject(new RaftTransportError('RAFT_BUSY', 'too many requests are under way'));
      }
      this.#usedAt = this.#d.clock.now();
      this.#pending.push({ request, deadline: this.#usedAt + this.#timeoutMs, resolve, reject });
      if (this.#pending.length === 1) this.#watch();
      if (this.#stream) this.#stream.write(encodeRequest(request));
      else this.#connect();
    });
  }

  close(error = new RaftTransportError('RAFT_CLOSED', 'the transport is closed')): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#drop(error);
  }

  #connect(): void {
    if (this.#isDialling) return;
    this.#isDialling = true;
    const generation = ++this.#generation;
    this.#d.dial().then(
      (stream) => {
        if (generation !== this.#generation) return stream.destroy();
        this.#isDialling = false;
        this.#use(stream, generation);
      },
      (error) => {
        if (generation === this.#generation) this.#drop(new RaftTransportError('RAFT_CONNECTION', errorText(error)));
      },
    );
  }

  #use(stream: Stream, generation: number): void {
    this.#stream = stream;
    this.#buffer = new MessageBuffer();
    const isCurrent = (): boolean => generation === this.#generation;
    stream.onData((bytes) => isCurrent() && this.#onData(bytes));
    stream.onEnd(() => isCurrent() && this.#drop(new RaftTransportError('RAFT_CONNECTION', 'EOF')));
    stream.onClose((error) => {
      if (isCurrent()) this.#drop(new RaftTransportError('RAFT_CONNECTION', error ? errorText(error) : 'EOF'));
    });
    stream.onDrain(() => undefined);
    for (const { request } of this.#pending) stream.write(encodeRequest(request));
  }

  #onData(bytes: Uint8Array): void {
    try {
      this.#buffer.add(bytes);
      while (this.#buffer.size > 0) {
        // Error text and map.
        const answer = this.#buffer.values(2, MESSAGE_MAX_BYTES);
        if (answer === undefined) return;
        const next = this.#pending.shift();
        if (!next) throw new Error('an answer without a request');
        this.#answer(next, answer);
        this.#usedAt = this.#d.clock.now();
        this.#watch();
      }
    } catch (error) {
      this.#drop(new RaftTransportError('RAFT_CONNECTION', errorText(error)));
    }
  }

  #answer(pending: Pending, bytes: Uint8Array): void {
    let received: ReturnType<typeof decodeResponse>;
    try {
      received = decodeResponse(pending.request, bytes);
    } catch (error) {
      pending.reject(new RaftTransportError('RAFT_CONNECTION', errorText(error)));
      throw error;
    }
    if (received.error !== undefined) pending.reject(new RaftTransportError('RAFT_REMOTE', received.error));
    else pending.resolve(received.response);
  }

  /**
   * Waits for the answer to the oldest request, or for the end of idleness. A timer that runs already and is due sooner is left
   * alone: it looks again when it goes off.
   */
  #watch(): void {
    const { clock } = this.#d;
    const dueAt = this.#dueAt();
    if (this.#timer && this.#timerDueAt <= dueAt) return;
    this.#timer?.cancel();
    this.#timerDueAt = dueAt;
    this.#timer = clock.after(Math.max(0, dueAt - clock.now()), () => {
      this.#timer = undefined;
      const generation = this.#generation;
      onceRead(clock, dueAt, () => generation === this.#generation && this.#look());
    });
  }

  #look(): void {
    // Whoever was answered meanwhile may watch already.
    if (this.#timer) return;
    if (this.#d.clock.now() < this.#dueAt()) return this.#watch();
    if (this.#pending.length > 0) return this.#drop(new RaftTransportError('RAFT_TIMEOUT', 'i/o timeout'));
    this.close();
    this.#d.onIdle();
  }

  #dueAt(): Millis {
    const oldest = this.#pending[0];
    return oldest ? oldest.deadline : this.#usedAt + LANE_IDLE_MS;
  }

  #drop(error: RaftTransportError): void {
    this.#generation++;
    this.#isDialling = false;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.destroy();
    const lost = this.#pending;
    this.#pending = [];
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { reject } of lost) reject(error);
  }
}
