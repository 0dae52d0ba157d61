import { MessageType } from './message-type.ts';

/** A packet message for the other's delegate: one byte, then its bytes. */
export function userMessage(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + message.length);
  out[0] = MessageType.user;
  out.set(message, 1);
  return out;
}
