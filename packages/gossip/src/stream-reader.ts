import { type Clock, EMPTY_BYTES, ProtocolError, type Stream } from '@proconsul/base';
import { Reader } from '@proconsul/msgpack';
import type { Crypt } from './crypt.ts';
import {
  DECOMPRESS_SLICE_BYTES,
  DECOMPRESSED_AT_ONCE_BYTES,
  MERGE_SLICE,
  STREAM_BYTES_MAX,
  STREAM_VALUE_BYTES_MAX,
} from './limits.ts';
import type { StreamBudget } from './stream-budget.ts';
import { STREAM_HEADER_BYTES } from './wire/encryption.ts';
import { LzwReader } from './wire/lzw.ts';
import { MessageType } from './wire/message-type.ts';
import { ack, err, type Ping, ping, userHeader } from './wire/messages.ts';
import { type PushPull, PushPullReader } from './wire/push-pull.ts';
import { packedOf, splitLabel } from './wire/wrappers.ts';

/** What comes over a stream. */
export type StreamMessage =
  | { readonly kind: 'pushPull'; readonly state: PushPull }
  | { readonly kind: 'user'; readonly body: Uint8Array }
  | { readonly kind: 'ping'; readonly ping: Ping }
  | { readonly kind: 'ack'; readonly sequence: number }
  | { readonly kind: 'err'; readonly text: string };

export interface StreamReaderDependencies {
  readonly clock: Clock;
  readonly crypt: Crypt;
  readonly budget: StreamBudget;
  /** The label that must stand in front; undefined: none is read. */
  readonly label: string | undefined;
}

/**
 * Reads one message from a stream, in whatever pieces it comes. `read` rejects with ProtocolError for bytes that are no
 * message, with `unexpected EOF` when the stream ends too soon, and with the error of the stream.
 */
export class StreamReader {
  readonly #stream: Stream;
  readonly #d: StreamReaderDependencies;
  #bytes: Uint8Array = new Uint8Array(1024);
  #size = 0;
  /** Of the budget: what has come, and what it was decompressed to. */
  #held = 0;
  /** No use looking before that many bytes are there. */
  #needed = 1;
  #done = false;
  /** The message is all there and is being taken apart. */
  #isWhole = false;
  #isSealed = true;
  #labelRead: boolean;
  #parser: BodyParser | undefined;
  #resolve: (message: StreamMessage) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(stream: Stream, dependencies: StreamReaderDependencies) {
    this.#stream = stream;
    this.#d = dependencies;
    this.#labelRead = dependencies.label === undefined;
  }

  /** Once. */
  read(): Promise<StreamMessage> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const ended = (error?: Error): void => {
        if (!this.#isWhole) this.fail(error ?? new ProtocolError('EOF', 'unexpected EOF'));
      };
      this.#stream.onEnd(() => ended());
      this.#stream.onClose(ended);
      this.#stream.onData((chunk) => this.#take(chunk));
    });
  }

  /** Gives up with this error, unless the message was there already. */
  fail(error: Error): void {
    if (this.#finish()) this.#reject(error);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#bytes = EMPTY_BYTES;
    return true;
  }

  /** The message is of no use any more, or there will be none: what it holds of the budget is given back. */
  release(): void {
    this.#d.budget.give(this.#held);
    this.#held = 0;
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    this.#d.budget.take(bytes);
  }

  #take(chunk: Uint8Array): void {
    if (this.#done || this.#isWhole) return;
    const size = this.#size + chunk.length;
    this.#size = size;
    try {
      this.#hold(chunk.length);
    } catch (error) {
      return this.fail(error as Error);
    }
    if (size > STREAM_BYTES_MAX + STREAM_HEADER_BYTES + 256) {
      return this.fail(new ProtocolError('STREAM_BYTES', 'message on a stream is too long'));
    }
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, size - chunk.length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, size - chunk.length);
    if (size >= this.#needed) void this.#advance();
  }

  async #advance(): Promise<void> {
    try {
      this.#needed = this.#size + 1;
      const parsed = this.#parse();
      this.#isWhole = parsed !== undefined;
      const message = await parsed;
      if (message !== undefined && this.#finish()) this.#resolve(message);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Undefined while bytes are missing; then `needed` says how many must be there at least. */
  #parse(): Promise<StreamMessage> | StreamMessage | undefined {
    let bytes = this.#bytes.subarray(0, this.#size);
    if (!this.#labelRead) {
      const split = splitLabel(bytes);
      if (split === undefined) return undefined;
      if (split.label !== this.#d.label) {
        throw new ProtocolError('LABEL', `discarding stream with unacceptable label "${split.label}"`);
      }
      this.#labelRead = true;
      this.#drop(bytes.length - split.rest.length);
      bytes = split.rest;
    }
    if (bytes.length === 0) return undefined;
    if (this.#isSealed) {
      if (bytes[0] === MessageType.encrypt) return this.#unseal(bytes);
      if (this.#d.crypt.demandsEncryption) {
        throw new ProtocolError('PLAINTEXT', 'Encryption is configured but remote state is not encrypted');
      }
      this.#isSealed = false;
    }
    return this.#body(bytes, false);
  }

  #drop(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
    this.#size -= count;
    this.#held -= count;
    this.#d.budget.give(count);
  }

  #unseal(bytes: Uint8Array): Promise<StreamMessage> | StreamMessage | undefined {
    if (!this.#d.crypt.isEnabled) {
      throw new ProtocolError('CIPHERTEXT', 'Remote state is encrypted and encryption is not configured');
    }
    if (bytes.length < STREAM_HEADER_BYTES) return undefined;
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
    if (length > STREAM_BYTES_MAX) {
      throw new ProtocolError('STREAM_BYTES', `Remote node state is larger than limit (${length})`);
    }
    const end = STREAM_HEADER_BYTES + length;
    if (bytes.length < end) {
      this.#needed = end;
      return undefined;
    }
    const header = bytes.slice(0, STREAM_HEADER_BYTES);
    const plain = this.#d.crypt.openStream(header, bytes.subarray(STREAM_HEADER_BYTES, end));
    return this.#body(plain, true);
  }

  #body(bytes: Uint8Array, isWhole: boolean): Promise<StreamMessage> | StreamMessage | undefined {
    this.#parser ??= new BodyParser({
      clock: this.#d.clock,
      budget: this.#d.budget,
      hold: (count) => this.#hold(count),
      isGivenUp: () => this.#done,
    });
    const message = this.#parser.step(bytes, isWhole);
    if (message === undefined) {
      if (isWhole) throw new ProtocolError('EOF', 'unexpected EOF');
      this.#needed = Math.max(this.#size + 1, this.#parser.needed);
    }
    return message;
  }
}

interface BodyDependencies {
  readonly clock: Clock;
  readonly budget: StreamBudget;
  /** So many more bytes are there. Throws when it is too much. */
  hold(bytes: number): void;
  /** Nobody waits for the message any more. */
  isGivenUp(): boolean;
}

/** A message after label and encryption. */
class BodyParser {
  readonly #d: BodyDependencies;
  readonly #exchange = new PushPullReader();
  /** Bytes without which a further step is of no use. */
  needed = 1;

  constructor(dependencies: BodyDependencies) {
    this.#d = dependencies;
  }

  step(bytes: Uint8Array, isWhole: boolean): Promise<StreamMessage> | StreamMessage | undefined {
    if (bytes[0] === MessageType.compress) {
      const packed = this.#whole(bytes, packedOf);
      return packed === undefined ? undefined : this.#decompress(packed);
    }
    return isWhole ? this.#inSlices(bytes) : this.#message(bytes);
  }

  /** A few bytes may become many: short messages at once, so that they need not wait for long ones. */
  #decompress(packed: Uint8Array): Promise<StreamMessage> {
    const reader = new LzwReader(packed, STREAM_BYTES_MAX);
    if (this.#unpack(reader, DECOMPRESSED_AT_ONCE_BYTES)) return this.#inSlices(reader.output);
    return this.#d.budget.oneByOne(async () => {
      while (!this.#unpack(reader, DECOMPRESS_SLICE_BYTES)) await turn(this.#d.clock);
      return this.#inSlices(reader.output);
    });
  }

  /** The next bytes. Whether these were the last. */
  #unpack(reader: LzwReader, bytes: number): boolean {
    if (this.#d.isGivenUp()) throw new ProtocolError('EOF', 'unexpected EOF');
    const before = reader.output.length;
    const isWhole = reader.step(bytes);
    this.#d.hold(reader.output.length - before);
    return isWhole;
  }

  /** A message that is all there, read without holding up everything else. */
  async #inSlices(bytes: Uint8Array): Promise<StreamMessage> {
    for (;;) {
      const before = this.#exchange.count;
      const message = this.#message(bytes, MERGE_SLICE);
      if (message !== undefined) return message;
      if (this.#exchange.count === before) throw new ProtocolError('EOF', 'unexpected EOF');
      await turn(this.#d.clock);
    }
  }

  #message(bytes: Uint8Array, countMax = Number.POSITIVE_INFINITY): StreamMessage | undefined {
    switch (bytes[0]) {
      case MessageType.pushPull: {
        const state = this.#exchange.step(bytes, countMax);
        return state && { kind: 'pushPull', state };
      }
      case MessageType.user:
        return this.#user(bytes);
      case MessageType.ping: {
        const request = this.#whole(bytes, (b) => ping.decode(b));
        return request && { kind: 'ping', ping: request };
      }
      case MessageType.ack: {
        const answer = this.#whole(bytes, (b) => ack.decode(b));
        return answer && { kind: 'ack', sequence: answer.SeqNo };
      }
      case MessageType.err: {
        const failure = this.#whole(bytes, (b) => err.decode(b));
        return failure && { kind: 'err', text: failure.Error };
      }
      default:
        throw new ProtocolError('STREAM_TYPE', `Received invalid msgType (${bytes[0]})`);
    }
  }

  #user(bytes: Uint8Array): StreamMessage | undefined {
    return this.#whole(bytes, (b) => {
      const r = new Reader(b, 1);
      const { UserMsgLen } = userHeader.read(r);
      const end = r.offset + UserMsgLen;
      if (UserMsgLen > STREAM_BYTES_MAX) throw new ProtocolError('STREAM_BYTES', 'user message is too long');
      if (end > b.length) {
        throw new ProtocolError('MSGPACK_TRUNCATED', 'unexpected EOF', { offset: r.offset, wanted: UserMsgLen });
      }
      return { kind: 'user', body: b.slice(r.offset, end) };
    });
  }

  /** Undefined when the bytes end too soon. */
  #whole<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T | undefined {
    try {
      return decode(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'MSGPACK_TRUNCATED') throw error;
      const offset = Number(error.meta['offset'] ?? 0);
      if (offset > STREAM_VALUE_BYTES_MAX) throw new ProtocolError('STREAM_BYTES', 'message on a stream is too long');
      this.needed = offset + Number(error.meta['wanted'] ?? 0);
      return undefined;
    }
  }
}

const turn = (clock: Clock): Promise<void> => new Promise((resolve) => void clock.after(0, resolve));
