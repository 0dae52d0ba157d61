import type { View } from '@proconsul/endpoints';

/** An answer from another server. It is not known when the state moves on: it is right for the moment it was made. */
export class RemoteView<T> implements View<T> {
  readonly index: number;
  readonly value: T;
  readonly valid = false;
  #memo: Map<unknown, unknown> | null = null;

  constructor(index: number, value: T) {
    this.index = Math.max(1, index);
    this.value = value;
  }

  get memo(): Map<unknown, unknown> {
    this.#memo ??= new Map();
    return this.#memo;
  }
}
