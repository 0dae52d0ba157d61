/** The message behind its length in two bytes. Source: RFC 1035 section 4.2.2. */
export function frame(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(message.length + 2);
  out[0] = message.length >> 8;
  out[1] = message.length;
  out.set(message, 2);
  return out;
}

/** Cuts a stream into messages. Holds at most one incomplete message (65,537 bytes) and the bytes just pushed. */
export class FrameReader {
  private rest: Uint8Array = new Uint8Array(0);

  /** The messages that are complete now. They alias `bytes` or the rest kept from before. */
  push(bytes: Uint8Array): Uint8Array[] {
    const all = this.rest.length === 0 ? bytes : joined(this.rest, bytes);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (all.length - at >= 2) {
      const end = at + 2 + ((all[at]! << 8) | all[at + 1]!);
      if (end > all.length) break;
      messages.push(all.subarray(at + 2, end));
      at = end;
    }
    this.rest = all.slice(at);
    return messages;
  }

  /** Part of a message is here, the rest is to come. */
  get incomplete(): boolean {
    return this.rest.length > 0;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
