import { concatBytes, EMPTY_BYTES, type Endpoint, type Stream } from '@proconsul/base';

/**
 * A stream whose first bytes somebody looks at before its owner takes it: nothing is lost in between. Until `onData` is
 * set the connection below is paused and what has arrived is kept (the pieces that were under way, no more).
 */
export class ReplayStream implements Stream {
  readonly #base: Stream;
  readonly #gone: (() => void) | undefined;
  #probe: ((bytes: Uint8Array) => void) | undefined;
  #probeFailed: ((error: Error) => void) | undefined;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;
  #drain: (() => void) | undefined;
  #kept: Uint8Array = EMPTY_BYTES;
  #isPaused = false;
  #isFlushing = false;
  #isRemoteEnded = false;
  #isEndDelivered = false;
  #isClosed = false;
  #error: Error | undefined;

  /** `gone` is called once, when the connection is closed, whoever holds the stream then. */
  constructor(base: Stream, gone?: () => void) {
    this.#base = base;
    this.#gone = gone;
    base.onEnd(() => this.#ended());
    base.onClose((error) => this.#closed(error));
    base.onDrain(() => this.#drain?.());
    base.onData((bytes) => this.#received(bytes));
  }

  get remote(): Endpoint {
    return this.#base.remote;
  }

  get local(): Endpoint {
    return this.#base.local;
  }

  /**
   * Shows each piece that arrives to `look` until that returns an object: `rest` is then kept for the owner. Rejects when
   * the stream ends or closes before, or with what `look` throws.
   */
  probe<T>(look: (bytes: Uint8Array) => { readonly value: T; readonly rest: Uint8Array } | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#probeFailed = reject;
      this.#probe = (bytes) => {
        try {
          const found = look(bytes);
          if (found === undefined) return;
          this.#endProbe();
          this.#kept = concatBytes([found.rest, this.#kept]);
          resolve(found.value);
        } catch (error) {
          this.#endProbe();
          reject(error as Error);
        }
      };
      if (this.#isClosed) this.#failProbe(this.#error);
      else this.#flushSoon();
    });
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
    return this.#base.write(bytes);
  }

  writeAll(chunks: readonly Uint8Array[]): boolean {
    if (this.#base.writeAll) return this.#base.writeAll(chunks);
    let isRoomy = true;
    for (const chunk of chunks) isRoomy = this.#base.write(chunk);
    return isRoomy;
  }

  pause(): void {
    this.#isPaused = true;
    this.#base.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#flushSoon();
  }

  end(): void {
    this.#base.end();
  }

  destroy(error?: Error): void {
    this.#base.destroy(error);
  }

  get #isFlowing(): boolean {
    return this.#data !== undefined && !this.#isPaused;
  }

  #received(bytes: Uint8Array): void {
    if (this.#probe !== undefined) this.#probe(bytes);
    else if (this.#isFlowing && this.#kept.length === 0) this.#data?.(bytes);
    else {
      this.#kept = concatBytes([this.#kept, bytes]);
      this.#base.pause();
    }
  }

  #endProbe(): void {
    this.#probe = undefined;
    this.#probeFailed = undefined;
    if (!this.#isFlowing) this.#base.pause();
  }

  #failProbe(error: Error | undefined): void {
    const failed = this.#probeFailed;
    this.#probe = undefined;
    this.#probeFailed = undefined;
    failed?.(error ?? new Error('EOF'));
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isClosed || (!this.#isFlowing && this.#probe === undefined)) return;
    const kept = this.#kept;
    this.#kept = EMPTY_BYTES;
    if (kept.length > 0) this.#received(kept);
    if (this.#isRemoteEnded) this.#ended();
    if (this.#isFlowing || this.#probe !== undefined) this.#base.resume();
  }

  #ended(): void {
    this.#isRemoteEnded = true;
    if (this.#probe !== undefined) {
      this.#failProbe(undefined);
      return;
    }
    if (!this.#isFlowing || this.#kept.length > 0 || this.#isEndDelivered || this.#isClosed) return;
    this.#isEndDelivered = true;
    if (this.#end) this.#end();
    else this.#base.end();
  }

  #closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    this.#kept = EMPTY_BYTES;
    this.#failProbe(error);
    this.#gone?.();
    this.#close?.(error);
  }
}
