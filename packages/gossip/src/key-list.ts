import { equalBytes } from '@proconsul/base';
import { GossipError } from './errors.ts';
import type { Keyring } from './keyring.ts';

/** Keys that one ring may hold. */
export const KEYS_MAX = 64;
const KEY_SIZES = [16, 24, 32];

/** A {@link Keyring} in memory. Throws GossipError KEY_SIZE for keys of other sizes than 16, 24 and 32 bytes. */
export class KeyList implements Keyring {
  #keys: readonly Uint8Array[] = [];

  /** The first key is the one that encrypts. */
  constructor(keys: readonly Uint8Array[] = []) {
    for (const key of keys) this.add(key);
  }

  get keys(): readonly Uint8Array[] {
    return this.#keys;
  }

  add(key: Uint8Array): void {
    if (!KEY_SIZES.includes(key.length)) throw new GossipError('KEY_SIZE', 'key size must be 16, 24 or 32 bytes');
    if (this.#index(key) >= 0) return;
    if (this.#keys.length >= KEYS_MAX) throw new GossipError('KEY_SIZE', 'too many keys are installed');
    this.#keys = [...this.#keys, key.slice()];
  }

  use(key: Uint8Array): void {
    const at = this.#index(key);
    const found = this.#keys[at];
    if (found === undefined) throw new GossipError('KEY_UNKNOWN', 'Requested key is not in the keyring');
    this.#keys = [found, ...this.#keys.filter((_, i) => i !== at)];
  }

  remove(key: Uint8Array): void {
    const at = this.#index(key);
    if (at === 0) throw new GossipError('KEY_PRIMARY', 'Removing the primary key is not allowed');
    if (at > 0) this.#keys = this.#keys.filter((_, i) => i !== at);
  }

  #index(key: Uint8Array): number {
    return this.#keys.findIndex((k) => equalBytes(k, key));
  }
}
