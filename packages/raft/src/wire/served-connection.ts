import { type Clock, errorText, type Log, type Millis, ProtocolError, type Stream, type Timer } from '@proconsul/base';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import { IN_FLIGHT_MAX } from '../core/progress.ts';
import type { RequestHandler } from '../node/transport.ts';
import { MessageBuffer } from './message-buffer.ts';
import {
  APPEND_MESSAGE_MAX_BYTES,
  MESSAGE_MAX_BYTES,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  RECEIVING_MAX_BYTES,
  SERVED_AT_ONCE_MAX,
  SERVED_IN_ORDER_MAX,
  STATE_BUFFER_BYTES,
  UNSUPPORTED_VERSION,
} from './protocol.ts';
import { decodeRequest, KIND_OF } from './request-codec.ts';
import { encodeResponse, type Responder, refusalOf } from './response-codec.ts';
import { StateInbox } from './state-inbox.ts';

export interface ServedDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly responder: Responder;
  /** A request that began to arrive must be whole after this time. */
  readonly receiveTimeoutMs: Millis;
  /** Bytes of unfinished requests on all connections together; this one keeps its share up to date. */
  readonly receiving: { bytes: number };
  handler(): RequestHandler | undefined;
  onClosed(connection: ServedConnection): void;
}

/** The place of one request in the order of answers. */
interface Slot {
  answer: Uint8Array | undefined;
  readonly append: Append | undefined;
}

/** A request with entries, or with none but a word on the log. */
interface Append {
  readonly term: number;
  /** When its answer was written; -Infinity before. */
  answeredAt: Millis;
}

/**
 * A connection that another server opened: reads requests, hands each to the handler as soon as it is whole, and answers in the
 * order in which they came. Bytes that are no request end the connection, with the reason in the log.
 */
export class ServedConnection {
  readonly #stream: Stream;
  readonly #d: ServedDependencies;
  readonly #buffer = new MessageBuffer();
  #kind: RaftRequest['kind'] | undefined;
  #slots: Slot[] = [];
  /** The last appends, as many as a leader may have under way. */
  #appends: Append[] = [];
  #inbox: StateInbox | undefined;
  #stateLeft = 0;
  /** Our answers are not read: no more requests are taken. */
  #isFull = false;
  #isPaused = false;
  #isClosed = false;
  #isReading = false;
  #accounted = 0;
  #timer: Timer | undefined;
  /** Reading goes on in another turn of the event loop. */
  #later: Timer | undefined;
  #servedAtOnce = 0;

  constructor(stream: Stream, dependencies: ServedDependencies) {
    this.#stream = stream;
    this.#d = dependencies;
    stream.onClose((error) => this.#closed(error));
    stream.onEnd(() => this.close());
    stream.onDrain(() => {
      this.#isFull = false;
      this.#read();
    });
    stream.onData((bytes) => {
      if (this.#isClosed) return;
      this.#buffer.add(bytes);
      this.#read();
    });
  }

  close(): void {
    this.#stream.destroy();
    this.#closed();
  }

  #closed(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#later?.cancel();
    this.#account(0);
    this.#inbox?.end(error ?? new ProtocolError('RAFT_STATE', 'the connection ended inside a snapshot'));
    this.#slots = [];
    this.#d.onClosed(this);
  }

  #read(): void {
    if (this.#isReading || this.#isClosed || this.#later !== undefined) return;
    this.#isReading = true;
    this.#servedAtOnce = 0;
    try {
      while (!this.#isClosed && this.#canRead() && this.#readSome()) {
        if (this.#servedAtOnce < SERVED_AT_ONCE_MAX) continue;
        this.#later = this.#d.clock.after(0, () => this.#goOn());
        break;
      }
      if (!this.#isClosed) this.#settle();
    } catch (error) {
      this.#reject(errorText(error));
    }
    this.#isReading = false;
  }

  #goOn(): void {
    this.#later = undefined;
    this.#read();
  }

  #canRead(): boolean {
    if (this.#isFull || this.#slots.length >= SERVED_IN_ORDER_MAX) return false;
    return (this.#inbox?.waitingBytes ?? 0) < STATE_BUFFER_BYTES;
  }

  /** One step; false when more bytes are needed for the next. */
  #readSome(): boolean {
    if (this.#inbox) return this.#readState(this.#inbox);
    if (this.#kind === undefined) {
      const type = this.#buffer.byte();
      if (type === undefined) return false;
      this.#kind = KIND_OF[type];
      if (this.#kind === undefined) throw new ProtocolError('RAFT_RPC_TYPE', `unknown rpc type ${type}`);
      return true;
    }
    const kind = this.#kind;
    const bytes = this.#buffer.values(1, kind === 'append-entries' ? APPEND_MESSAGE_MAX_BYTES : MESSAGE_MAX_BYTES);
    if (bytes === undefined) return false;
    this.#kind = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#serve(kind, bytes);
    return true;
  }

  #readState(inbox: StateInbox): boolean {
    const piece = this.#stateLeft > 0 ? this.#buffer.some(this.#stateLeft) : undefined;
    if (piece) {
      this.#stateLeft -= piece.length;
      inbox.add(piece);
    }
    if (this.#stateLeft > 0) return piece !== undefined;
    inbox.end();
    this.#inbox = undefined;
    this.#flush();
    return true;
  }

  #serve(kind: RaftRequest['kind'], bytes: Uint8Array): void {
    this.#servedAtOnce++;
    const { request, protocolVersion } = decodeRequest(kind, bytes);
    if (protocolVersion < PROTOCOL_VERSION_MIN || protocolVersion > PROTOCOL_VERSION) {
      const answer = encodeResponse(refusalOf(kind), this.#d.responder, UNSUPPORTED_VERSION);
      this.#slots.push({ answer, append: undefined });
      this.#flush();
      // What follows an install-snapshot request that nobody takes is not worth reading.
      if (kind === 'install-snapshot') this.#reject(UNSUPPORTED_VERSION);
      return;
    }
    const handler = this.#d.handler();
    if (!handler) return this.close();
    const isAppend = request.kind === 'append-entries' && request.entries !== null;
    const append = isAppend ? { term: request.term, answeredAt: Number.NEGATIVE_INFINITY } : undefined;
    const slot: Slot = { answer: undefined, append };
    this.#slots.push(slot);
    let inbox: StateInbox | undefined;
    if (request.kind === 'install-snapshot') {
      inbox = new StateInbox(() => this.#read());
      this.#inbox = inbox;
      this.#stateLeft = request.sizeBytes;
    }
    const dated = append === undefined ? request : { ...request, sentAfter: this.#sentAfter(append) };
    handler(dated, (response) => this.#respond(slot, inbox, response), inbox);
  }

  /**
   * A leader has no more than {@link IN_FLIGHT_MAX} appends under way. So it sent this one after it had read our answer to the one
   * that many before. Another term begins to count anew: what was under way before it does not count towards its limit.
   */
  #sentAfter(append: Append): Millis {
    if (this.#appends[0]?.term !== append.term) this.#appends = [];
    const before = this.#appends.length === IN_FLIGHT_MAX ? this.#appends.shift() : undefined;
    this.#appends.push(append);
    return before?.answeredAt ?? Number.NEGATIVE_INFINITY;
  }

  #respond(slot: Slot, inbox: StateInbox | undefined, response: RaftResponse): void {
    if (slot.answer !== undefined || this.#isClosed) return;
    slot.answer = encodeResponse(response, this.#d.responder);
    if (inbox && inbox === this.#inbox) inbox.discard();
    this.#flush();
    this.#read();
  }

  #flush(): void {
    // The sender reads the answer only after it has sent the state.
    const held = this.#inbox ? 1 : 0;
    while (!this.#isClosed && this.#slots.length > held && this.#slots[0]!.answer) {
      const { answer, append } = this.#slots.shift()!;
      if (append) append.answeredAt = this.#d.clock.now();
      if (!this.#stream.write(answer!)) this.#isFull = true;
    }
  }

  /** After a round of reading: holds the sender up when it must, and watches what is unfinished. */
  #settle(): void {
    this.#account(this.#buffer.size);
    if (this.#d.receiving.bytes > RECEIVING_MAX_BYTES) return this.#reject('too much is being received');
    const isPaused = this.#later !== undefined || !this.#canRead();
    if (isPaused !== this.#isPaused) {
      this.#isPaused = isPaused;
      if (isPaused) this.#stream.pause();
      else this.#stream.resume();
    }
    const isUnfinished = this.#kind !== undefined && !isPaused;
    if (isUnfinished && !this.#timer) {
      const { clock, receiveTimeoutMs } = this.#d;
      this.#timer = clock.after(receiveTimeoutMs, () => this.#reject('the request did not arrive in time'));
    }
  }

  #account(bytes: number): void {
    this.#d.receiving.bytes += bytes - this.#accounted;
    this.#accounted = bytes;
  }

  #reject(why: string): void {
    if (this.#isClosed) return;
    const { host, port } = this.#stream.remote;
    this.#d.log.error('failed to decode incoming command', { error: why, from: `${host}:${port}` });
    this.close();
  }
}
