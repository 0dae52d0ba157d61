/** Keys of 16, 24 or 32 bytes; the first encrypts, all of them decrypt. */
export interface Keyring {
  readonly keys: readonly Uint8Array[];
  add(key: Uint8Array): void;
  /** Makes an installed key the first. Throws GossipError when it is not installed. */
  use(key: Uint8Array): void;
  /** Throws GossipError for the first key. */
  remove(key: Uint8Array): void;
}
