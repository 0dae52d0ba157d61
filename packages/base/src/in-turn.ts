/** Lets one in after another, in the order in which they came. */
export class InTurn {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all who came before have left. What it gives must be called once, to leave. */
  async enter(): Promise<() => void> {
    const before = this.#last;
    let leave = (): void => undefined;
    this.#last = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }
}
