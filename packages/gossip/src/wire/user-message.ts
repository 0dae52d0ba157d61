import { concatBytes } from '@proconsul/base';
import { Writer } from '@proconsul/msgpack';
import { MessageType } from './message-type.ts';
import { userHeader } from './messages.ts';

/** A packet message for the other's delegate: one byte, then its bytes. */
export function userMessage(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + message.length);
  out[0] = MessageType.user;
  out.set(message, 1);
  return out;
}

/** The same on a stream: one byte, the length, then its bytes. */
export function userStream(message: Uint8Array): Uint8Array {
  const w = new Writer('gossip', 16);
  w.byte(MessageType.user);
  userHeader.write(w, { UserMsgLen: message.length });
  return concatBytes([w.finish(), message]);
}
