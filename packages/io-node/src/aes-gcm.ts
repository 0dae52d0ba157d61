import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto';
import { type AesGcm, invariant } from '@proconsul/base';

const TAG_BYTES = 16;
const NONCE_BYTES = 12;

const ALGORITHMS: Readonly<Record<number, CipherGCMTypes>> = {
  16: 'aes-128-gcm',
  24: 'aes-192-gcm',
  32: 'aes-256-gcm',
};

function algorithm(key: Uint8Array, nonce: Uint8Array): CipherGCMTypes {
  const name = ALGORITHMS[key.length];
  invariant(name !== undefined, 'an AES key has 16, 24 or 32 bytes');
  invariant(nonce.length === NONCE_BYTES, 'an AES-GCM nonce has 12 bytes');
  return name;
}

/** AES-GCM by Node's crypto, on the caller's thread. */
export const nodeAesGcm: AesGcm = {
  seal(key, nonce, plaintext, additional) {
    const cipher = createCipheriv(algorithm(key, nonce), key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(additional);
    const out = new Uint8Array(plaintext.length + TAG_BYTES);
    out.set(cipher.update(plaintext));
    cipher.final();
    out.set(cipher.getAuthTag(), plaintext.length);
    return out;
  },
  open(key, nonce, sealed, additional) {
    if (sealed.length < TAG_BYTES) return undefined;
    const split = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(algorithm(key, nonce), key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(additional);
    decipher.setAuthTag(sealed.subarray(split));
    const plain = decipher.update(sealed.subarray(0, split));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  },
};
