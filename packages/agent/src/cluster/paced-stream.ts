import { concatBytes, ProtocolError, type Stream } from '@proconsul/base';
import { Reader } from '@proconsul/msgpack';

/** Bytes that may wait for the reader before the sender is held back. */
export const SOURCE_BUFFER_BYTES = 1 << 20;

/** Longest value in front of an archive. */
export const HEAD_BYTES_MAX = 64 * 1024;

/**
 * A stream for one conversation: each side says one MessagePack value and then chunks until it has finished. Nobody is
 * sent more than he takes. To be made before the first byte is delivered.
 */
export class PacedStream {
  readonly #stream: Stream;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #error: Error | null = null;
  #paused = false;
  #closed = false;
  #wake: () => void = () => {};
  #drained: () => void = () => {};

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.onData((bytes) => {
      // What is delivered is only lent.
      this.#chunks.push(bytes.slice());
      this.#bytes += bytes.length;
      if (this.#bytes > SOURCE_BUFFER_BYTES && !this.#paused) {
        this.#paused = true;
        stream.pause();
      }
      this.#wake();
    });
    stream.onEnd(() => {
      this.#ended = true;
      this.#wake();
    });
    stream.onClose((error) => {
      if (!this.#ended) this.#error = error ?? new Error('EOF');
      this.#ended = true;
      this.#closed = true;
      this.#wake();
      this.#drained();
    });
    stream.onDrain(() => this.#drained());
  }

  async #next(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#chunks.shift() as Uint8Array;
    this.#bytes -= chunk.length;
    if (this.#paused && this.#bytes <= SOURCE_BUFFER_BYTES / 2) {
      this.#paused = false;
      this.#stream.resume();
    }
    return chunk;
  }

  /** The bytes of the first value. Throws when the stream ends within it or it is too long. */
  async value(): Promise<Uint8Array> {
    let head: Uint8Array = new Uint8Array(0);
    for (;;) {
      const chunk = await this.#next();
      if (chunk === undefined) throw new Error('EOF');
      head = concatBytes([head, chunk]);
      const size = valueSize(head);
      if (size !== undefined) {
        const rest = head.subarray(size);
        if (rest.length > 0) {
          this.#chunks.unshift(rest);
          this.#bytes += rest.length;
        }
        return head.subarray(0, size);
      }
      if (head.length > HEAD_BYTES_MAX) throw new Error('value in front of the archive is too long');
    }
  }

  /** What follows the value. Throws when the connection breaks. */
  async *rest(): AsyncIterable<Uint8Array> {
    for (;;) {
      const chunk = await this.#next();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  /** Sends a value, then chunks, then that this was all. Rejects when the connection breaks before. */
  async say(value: Uint8Array, chunks?: AsyncIterable<Uint8Array>): Promise<void> {
    this.#stream.write(value);
    if (chunks !== undefined) {
      for await (const chunk of chunks) {
        if (this.#closed) throw this.#error ?? new Error('EOF');
        if (!this.#stream.write(chunk)) await this.#drain();
      }
    }
    this.#stream.end();
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** Bytes that the first value takes; undefined while some are missing. Throws ProtocolError when it cannot be one. */
function valueSize(bytes: Uint8Array): number | undefined {
  const reader = new Reader(bytes);
  try {
    reader.skip();
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'MSGPACK_TRUNCATED') return undefined;
    throw error;
  }
  return reader.offset;
}
