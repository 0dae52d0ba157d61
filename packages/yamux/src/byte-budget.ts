/** Memory that several holders share. */
export interface ByteBudget {
  /** True, and the bytes are taken, when that many are left. */
  take(bytes: number): boolean;
  /** Gives back what was taken. */
  give(bytes: number): void;
}

/** A budget of `limit` bytes, itself within `parent` when there is one. */
export class SharedBytes implements ByteBudget {
  readonly #limit: number;
  readonly #parent: ByteBudget | undefined;
  #used = 0;

  constructor(limit: number, parent?: ByteBudget) {
    this.#limit = limit;
    this.#parent = parent;
  }

  /** Bytes taken at present. */
  get used(): number {
    return this.#used;
  }

  take(bytes: number): boolean {
    if (bytes > this.#limit - this.#used) return false;
    if (this.#parent !== undefined && !this.#parent.take(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#parent?.give(bytes);
  }
}
