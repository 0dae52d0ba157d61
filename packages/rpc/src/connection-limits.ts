import { SharedBytes } from '@proconsul/yamux';
import { REQUEST_BUFFER_PER_ADDRESS_BYTES } from './limits.ts';

/** What one client address has in use. */
export interface AddressShare {
  readonly budget: SharedBytes;
  /** A connection of it is gone. Called once. */
  leave(): void;
}

/** Counts connections by client address; an address without any is forgotten, so the map is bounded by them. */
export class ConnectionLimits {
  readonly #addresses = new Map<string, { count: number; readonly budget: SharedBytes }>();
  readonly #parent: SharedBytes;
  #total = 0;

  constructor(parent: SharedBytes) {
    this.#parent = parent;
  }

  get total(): number {
    return this.#total;
  }

  /** Addresses known at present. */
  get addressCount(): number {
    return this.#addresses.size;
  }

  /** Undefined: the address, or the whole listener, has as many connections as it may. */
  enter(host: string, perAddressMax: number, totalMax: number): AddressShare | undefined {
    const known = this.#addresses.get(host);
    if (this.#total >= totalMax || (known?.count ?? 0) >= perAddressMax) return undefined;
    const entry = known ?? { count: 0, budget: new SharedBytes(REQUEST_BUFFER_PER_ADDRESS_BYTES, this.#parent) };
    this.#addresses.set(host, entry);
    entry.count++;
    this.#total++;
    const leave = () => {
      this.#total--;
      // Calls may still hold some of the budget; they give it back to the object, which nobody else uses then.
      if (--entry.count === 0) this.#addresses.delete(host);
    };
    return { budget: entry.budget, leave };
  }
}
