import { InTurn, ProtocolError } from '@proconsul/base';
import { STREAM_BYTES_TOTAL_MAX } from './limits.ts';

/** What all streams that are being read share: memory, and the event loop. */
export class StreamBudget {
  #bytes = 0;
  readonly #turns = new InTurn();

  /** Throws ProtocolError STREAM_BYTES when all of them together hold too much. What was taken is to be given back even so. */
  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > STREAM_BYTES_TOTAL_MAX) {
      throw new ProtocolError('STREAM_BYTES', 'message on a stream is too long');
    }
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Long work, one after the other: each turn of the event loop has a slice of one of them, not of all. */
  async oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.#turns.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
