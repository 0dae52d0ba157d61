import { LogType, type RaftEffect, type RaftInput } from '@proconsul/raft';

/**
 * Which entry the members of one server must come from: the newest configuration in its log, or that of its snapshot. Reckoned from
 * what the core was told and said, so that the judge does not share a mistake with the judged. Source: Ongaro's thesis section 4.1.
 */
export class Members {
  /** Indexes of configurations, ascending: that of the snapshot first. */
  #indexes: number[];

  constructor(indexes: readonly number[]) {
    this.#indexes = [...indexes];
  }

  /** 0 when there is none. */
  get index(): number {
    return this.#indexes[this.#indexes.length - 1] ?? 0;
  }

  /** One step of the core: an input, and what it decided. */
  follow(input: RaftInput, effects: readonly RaftEffect[]): void {
    if (input.kind === 'log-rejected') this.#dropFrom(input.lastIndex + 1);
    for (const e of effects) {
      if (e.kind === 'append') {
        if (e.truncateFrom !== undefined) this.#dropFrom(e.truncateFrom);
        for (const { index, type } of e.entries) if (type === LogType.configuration) this.#indexes.push(index);
      } else if (e.kind === 'restore-snapshot' && input.kind === 'snapshot-stored') {
        const { configurationIndex } = input.request;
        this.#indexes = [configurationIndex, ...(e.keepLog ? this.#indexes.filter((index) => index > e.index) : [])];
      }
    }
  }

  #dropFrom(index: number): void {
    this.#indexes = this.#indexes.filter((i) => i < index);
  }
}
