/** The state of a snapshot on its way from a connection to the disk: pieces in order, with back-pressure. Read once. */
export class StateInbox implements AsyncIterable<Uint8Array> {
  readonly #onRoom: () => void;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isDone = false;
  #isDiscarding = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** `onRoom` is told whenever pieces were taken out. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** Bytes that wait. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  add(piece: Uint8Array): void {
    if (this.#isDiscarding) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    this.#wakeReader();
  }

  /** No more comes; with an error, not all of it came. */
  end(error?: Error): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#error = error;
    this.#wakeReader();
  }

  /** Nobody will read: what still comes is dropped. */
  discard(): void {
    this.#isDiscarding = true;
    this.#pieces = [];
    this.#bytes = 0;
    this.#onRoom();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) {
        this.#bytes -= piece.length;
        this.#onRoom();
        yield piece;
        continue;
      }
      if (this.#error) throw this.#error;
      if (this.#isDone) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
