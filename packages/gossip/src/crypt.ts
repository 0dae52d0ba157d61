import { type AesGcm, concatBytes, ProtocolError, type Rng, utf8 } from '@proconsul/base';
import type { Keyring } from './keyring.ts';
import type { MemberlistOptions } from './options.ts';
import { encryptionOverhead, NONCE_SIZE, openBody, sealBody, sealedBytes, streamHeader } from './wire/encryption.ts';

export interface CryptDependencies {
  readonly rng: Rng;
  readonly aesGcm?: AesGcm;
  readonly keyring?: Keyring;
}

/**
 * Encryption as this pool does it. Without keys everything passes as it is. Keys may come, go and change places at any
 * time. Source: gossip wire, section 2.3.
 */
export class Crypt {
  readonly #options: MemberlistOptions;
  readonly #d: CryptDependencies;
  readonly #label: Uint8Array;

  constructor(options: MemberlistOptions, dependencies: CryptDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#label = utf8(options.label);
  }

  get isEnabled(): boolean {
    return this.#d.aesGcm !== undefined && this.#keys.length > 0;
  }

  /** Plaintext from others is refused. */
  get demandsEncryption(): boolean {
    return this.isEnabled && this.#options.verifyIncoming;
  }

  /** Bytes that a packet grows by. */
  get overheadBytes(): number {
    return this.#sends ? encryptionOverhead(this.#options.encryptionVersion) : 0;
  }

  sealPacket(message: Uint8Array): Uint8Array {
    return this.#sends ? this.#seal(message, this.#label) : message;
  }

  /** Throws ProtocolError DECRYPT. */
  openPacket(bytes: Uint8Array): Uint8Array {
    return this.isEnabled ? this.#open(bytes, this.#label, () => bytes) : bytes;
  }

  sealStream(message: Uint8Array): Uint8Array {
    if (!this.#sends) return message;
    const header = streamHeader(sealedBytes(this.#options.encryptionVersion, message.length));
    return concatBytes([header, this.#seal(message, concatBytes([header, this.#label]))]);
  }

  /** `body` is what follows `header`. Throws ProtocolError DECRYPT. */
  openStream(header: Uint8Array, body: Uint8Array): Uint8Array {
    return this.#open(body, concatBytes([header, this.#label]));
  }

  get #keys(): readonly Uint8Array[] {
    return this.#d.keyring?.keys ?? [];
  }

  get #sends(): boolean {
    return this.isEnabled && this.#options.verifyOutgoing;
  }

  #seal(message: Uint8Array, additional: Uint8Array): Uint8Array {
    const { aesGcm, rng } = this.#d;
    const version = this.#options.encryptionVersion;
    return sealBody(aesGcm!, this.#keys[0]!, message, { version, nonce: rng.bytes(NONCE_SIZE), additional });
  }

  #open(body: Uint8Array, additional: Uint8Array, orElse?: () => Uint8Array): Uint8Array {
    try {
      return openBody(this.#d.aesGcm!, this.#keys, body, additional);
    } catch (error) {
      if (orElse !== undefined && !this.#options.verifyIncoming && error instanceof ProtocolError) return orElse();
      throw error;
    }
  }
}
