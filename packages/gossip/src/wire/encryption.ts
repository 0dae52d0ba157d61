import { type AesGcm, concatBytes, ProtocolError } from '@proconsul/base';
import { MessageType } from './message-type.ts';

/** 0: plaintext padded to whole blocks (PKCS #7). 1: not padded. Source: gossip wire, section 2.3. */
export type EncryptionVersion = 0 | 1;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES;
/** `u8 10 | u32be length of the body`, in front of an encrypted stream message. */
export const STREAM_HEADER_BYTES = 5;

/** Bytes by which a message grows, at most. */
export function encryptionOverhead(version: EncryptionVersion): number {
  return HEADER_BYTES + TAG_BYTES + (version === 0 ? BLOCK_BYTES : 0);
}

/** `version | nonce | ciphertext and tag`. */
export function sealBody(
  aes: AesGcm,
  key: Uint8Array,
  message: Uint8Array,
  options: { readonly version: EncryptionVersion; readonly nonce: Uint8Array; readonly additional: Uint8Array },
): Uint8Array {
  const { version, nonce, additional } = options;
  const plain = version === 0 ? pad(message) : message;
  return concatBytes([Uint8Array.of(version), nonce, aes.seal(key, nonce, plain, additional)]);
}

/** Tries every key in order. Throws ProtocolError DECRYPT. */
export function openBody(
  aes: AesGcm,
  keys: readonly Uint8Array[],
  body: Uint8Array,
  additional: Uint8Array,
): Uint8Array {
  const version = body[0];
  if (version !== 0 && version !== 1) {
    throw new ProtocolError('DECRYPT', `Unsupported encryption version ${version}`);
  }
  if (body.length < HEADER_BYTES + TAG_BYTES) {
    throw new ProtocolError('DECRYPT', `Payload is too small to decrypt: ${body.length}`);
  }
  const nonce = body.subarray(1, HEADER_BYTES);
  const sealed = body.subarray(HEADER_BYTES);
  for (const key of keys) {
    const plain = aes.open(key, nonce, sealed, additional);
    if (plain !== undefined) return version === 0 ? unpad(plain) : plain;
  }
  throw new ProtocolError('DECRYPT', 'No installed keys could decrypt the message');
}

/** What a stream's ciphertext is bound to besides the key: its own header, then the label. */
export function streamHeader(bodyBytes: number): Uint8Array {
  const out = new Uint8Array(STREAM_HEADER_BYTES);
  out[0] = MessageType.encrypt;
  new DataView(out.buffer).setUint32(1, bodyBytes);
  return out;
}

/** Size of the body of {@link sealBody}. */
export function sealedBytes(version: EncryptionVersion, plainBytes: number): number {
  const padding = version === 0 ? BLOCK_BYTES - (plainBytes % BLOCK_BYTES) : 0;
  return HEADER_BYTES + plainBytes + padding + TAG_BYTES;
}

export const NONCE_SIZE = NONCE_BYTES;

function pad(message: Uint8Array): Uint8Array {
  const count = BLOCK_BYTES - (message.length % BLOCK_BYTES);
  const out = new Uint8Array(message.length + count).fill(count);
  out.set(message);
  return out;
}

/** Authentic bytes whose padding is wrong were made by somebody with the key who does not follow the format. */
function unpad(plain: Uint8Array): Uint8Array {
  const count = plain[plain.length - 1] ?? 0;
  if (plain.length % BLOCK_BYTES !== 0 || count < 1 || count > BLOCK_BYTES) {
    throw new ProtocolError('DECRYPT', 'invalid padding');
  }
  return plain.subarray(0, plain.length - count);
}
