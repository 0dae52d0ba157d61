/** Hash of a sequence of bytes, the same however it is cut. FNV-1a over two 32-bit lanes, as 16 hexadecimal digits. */
export class RunningHash {
  #a = 0x811c9dc5;
  #b = 0x1b873593;

  update(bytes: Uint8Array): void {
    let a = this.#a;
    let b = this.#b;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul((b << 5) | (b >>> 27), 0x9e3779b1) ^ byte;
    }
    this.#a = a;
    this.#b = b;
  }

  digest(): string {
    const digits = (lane: number) => (lane >>> 0).toString(16).padStart(8, '0');
    return digits(this.#a) + digits(this.#b);
  }
}
