/** AES-GCM with nonces of 12 bytes and tags of 16 bytes at the end. Keys of 16, 24 or 32 bytes. Source: NIST SP 800-38D. */
export interface AesGcm {
  /** Ciphertext and tag. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, additional: Uint8Array): Uint8Array;
  /** The plaintext; undefined when key, nonce, tag or additional data do not belong together. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, additional: Uint8Array): Uint8Array | undefined;
}
