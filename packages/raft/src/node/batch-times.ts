import type { Metrics, Millis } from '@proconsul/base';

/** Batches that are waited for at once; more are not measured. */
export const MEASURED_BATCHES_MAX = 4096;

interface Batch {
  readonly last: number;
  readonly at: Millis;
  isDurable: boolean;
}

/**
 * How long a leader's batches take: until they are durable here (`raft.leader.dispatchLog`) and until they are committed
 * (`raft.commitTime`), and how many entries a commit brings (`raft.commitNumLogs`). Source of the names: telemetry documentation.
 */
export class BatchTimes {
  readonly #metrics: Metrics;
  /** By ascending index. */
  #batches: Batch[] = [];
  #committed = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Entries up to `last` go to the disk and to the others. */
  dispatched(last: number, at: Millis): void {
    if (this.#batches.length < MEASURED_BATCHES_MAX) this.#batches.push({ last, at, isDurable: false });
  }

  /** Everything up to `index` is durable here. */
  durable(index: number, at: Millis): void {
    for (const batch of this.#batches) {
      if (batch.last > index) return;
      if (!batch.isDurable) this.#metrics.sample('raft.leader.dispatchLog', at - batch.at);
      batch.isDurable = true;
    }
  }

  /** Everything up to `index` is committed. */
  committed(index: number, at: Millis): void {
    const before = this.#committed;
    this.#committed = index;
    let done = 0;
    for (; (this.#batches[done]?.last ?? Number.POSITIVE_INFINITY) <= index; done++) {
      this.#metrics.sample('raft.commitTime', at - (this.#batches[done] as Batch).at);
    }
    if (done === 0) return;
    this.#batches.splice(0, done);
    this.#metrics.gauge('raft.commitNumLogs', index - before);
  }

  /** Another one leads: nothing comes of what is under way, or it is not ours to measure. */
  clear(): void {
    this.#batches = [];
  }
}
