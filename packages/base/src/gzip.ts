/** Compression as a dependency. The real one is in io-node. */
export interface Gzip {
  /** At once, on the caller's thread: for small bodies. */
  compressSync(bytes: Uint8Array): Uint8Array;
  /** On another thread. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** A compressed stream; what comes out goes to `onData`, in order and not before `stream` has returned. */
  stream(onData: (bytes: Uint8Array) => void): GzipStream;
}

export interface GzipStream {
  /** Adds bytes and pushes what is there through to `onData`, so that a reader sees it soon. */
  write(bytes: Uint8Array): void;
  /** Finishes. `done` is called after the last `onData`. */
  end(done: () => void): void;
  /** Stops at once: no further calls. */
  destroy(): void;
}
