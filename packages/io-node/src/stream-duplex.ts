import { Duplex } from 'node:stream';
import type { Stream } from '@proconsul/base';

/** A Stream as Node knows them, for what Node layers on top: TLS, HTTP/2. Half-open is allowed. */
export class StreamDuplex extends Duplex {
  readonly #stream: Stream;
  #isStreamClosed = false;
  #written: ((error?: Error | null) => void) | undefined;

  constructor(stream: Stream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    stream.onEnd(() => this.push(null));
    stream.onClose((error) => {
      this.#isStreamClosed = true;
      this.#continueWriting(error);
      this.destroy(error);
    });
    stream.onDrain(() => this.#continueWriting());
    stream.onData((bytes) => {
      if (!this.push(bytes)) stream.pause();
    });
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isStreamClosed) done(new Error('write after the connection was closed'));
    else if (this.#stream.write(bytes)) done();
    else this.#written = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isStreamClosed) this.#stream.destroy(error ?? undefined);
    done(error);
  }

  #continueWriting(error?: Error): void {
    const done = this.#written;
    this.#written = undefined;
    done?.(error ?? null);
  }
}
