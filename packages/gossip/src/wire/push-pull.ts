import { EMPTY_BYTES, ProtocolError } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';
import { MEMBERS_MAX, STREAM_VALUE_BYTES_MAX } from '../limits.ts';
import { MessageType } from './message-type.ts';
import { type NodeStateRecord, nodeStateRecord, pushPullHeader } from './messages.ts';

/** One side of a full exchange. */
export interface PushPull {
  readonly join: boolean;
  readonly nodes: readonly NodeStateRecord[];
  /** State of the delegate. */
  readonly userState: Uint8Array;
}

/** `u8 6 | header | node states, back to back | state of the delegate`. Source: gossip wire, section 2.4. */
export function encodePushPull({ join, nodes, userState }: PushPull): Uint8Array {
  const w = new Writer('gossip', 256 + 192 * nodes.length + userState.length);
  w.byte(MessageType.pushPull);
  pushPullHeader.write(w, { Join: join, Nodes: nodes.length, UserStateLen: userState.length });
  for (const node of nodes) nodeStateRecord.write(w, node);
  w.raw(userState);
  return w.finish();
}

/**
 * Reads a full exchange as it comes in: call `step` with all bytes so far, again and again. It goes over each node state
 * once, however small the pieces are. Throws ProtocolError for bytes that can never become a full exchange.
 */
export class PushPullReader {
  #at = 1;
  #header: { readonly Join: boolean; readonly Nodes: number; readonly UserStateLen: number } | undefined;
  readonly #nodes: NodeStateRecord[] = [];

  /** The exchange once it is whole; undefined while bytes are missing. Stops after `countMax` node states. */
  step(bytes: Uint8Array, countMax = Number.POSITIVE_INFINITY): PushPull | undefined {
    this.#header ??= this.#value(bytes, (r) => pushPullHeader.read(r));
    const header = this.#header;
    if (header === undefined) return undefined;
    if (header.Nodes > MEMBERS_MAX) throw new ProtocolError('PUSH_PULL_NODES', `too many node states: ${header.Nodes}`);
    for (let left = countMax; this.#nodes.length < header.Nodes; left--) {
      const node = left > 0 ? this.#value(bytes, (r) => nodeStateRecord.read(r)) : undefined;
      if (node === undefined) return undefined;
      this.#nodes.push(node);
    }
    const end = this.#at + header.UserStateLen;
    if (bytes.length < end) return undefined;
    const userState = header.UserStateLen === 0 ? EMPTY_BYTES : bytes.slice(this.#at, end);
    return { join: header.Join, nodes: this.#nodes, userState };
  }

  /** Node states read so far. */
  get count(): number {
    return this.#nodes.length;
  }

  /** The next value if it is all there. */
  #value<T>(bytes: Uint8Array, read: (r: Reader) => T): T | undefined {
    const end = Math.min(bytes.length, this.#at + STREAM_VALUE_BYTES_MAX);
    const r = new Reader(bytes, this.#at, end);
    try {
      const value = read(r);
      this.#at = r.offset;
      return value;
    } catch (error) {
      const isCut = error instanceof ProtocolError && error.code === 'MSGPACK_TRUNCATED';
      if (isCut && end < this.#at + STREAM_VALUE_BYTES_MAX) return undefined;
      throw error;
    }
  }
}
