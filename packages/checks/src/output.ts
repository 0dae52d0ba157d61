import { fromUtf8, utf8 } from '@proconsul/base';

/** Bytes of output kept for each check unless the agent or the check says otherwise. */
export const OUTPUT_MAX_SIZE_DEFAULT = 4096;

/**
 * Cuts a note that was sent to a TTL check: its first `maxBytes` bytes, then ` ... (captured 4096 of 5000 bytes)`.
 * Source: capture 06-agent-check/019.
 */
export function cutNote(note: string, maxBytes: number): string {
  if (note.length * 3 <= maxBytes) return note;
  const bytes = utf8(note);
  if (bytes.length <= maxBytes) return note;
  return `${fromUtf8(bytes.subarray(0, maxBytes))} ... (captured ${maxBytes} of ${bytes.length} bytes)`;
}

/** Keeps the last `maxBytes` bytes of a stream of any length, in memory bounded by twice that. */
export class TailBuffer {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #total = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = Math.max(1, maxBytes);
  }

  /** Bytes written so far, those dropped included. */
  get totalBytes(): number {
    return this.#total;
  }

  write(chunk: Uint8Array): void {
    this.#total += chunk.length;
    const kept = chunk.length > this.#maxBytes ? chunk.subarray(chunk.length - this.#maxBytes) : chunk;
    this.#chunks.push(kept.slice());
    this.#held += kept.length;
    if (this.#held >= 2 * this.#maxBytes || this.#chunks.length > 64) this.#compact();
  }

  /** The kept bytes. */
  bytes(): Uint8Array {
    this.#compact();
    return this.#chunks[0] ?? new Uint8Array(0);
  }

  /** The kept bytes as text, without a word about what was dropped. As HTTP checks report bodies. */
  text(): string {
    return fromUtf8(this.bytes());
  }

  /** The kept bytes as text; when some were dropped a first line says so. As scripts are reported. */
  textWithNotice(): string {
    const text = this.text();
    if (this.#total <= this.#maxBytes) return text;
    return `Captured ${this.#maxBytes} of ${this.#total} bytes\n...\n${text}`;
  }

  #compact(): void {
    const all = new Uint8Array(this.#held);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    const tail = all.length > this.#maxBytes ? all.slice(all.length - this.#maxBytes) : all;
    this.#chunks = [tail];
    this.#held = tail.length;
  }
}
