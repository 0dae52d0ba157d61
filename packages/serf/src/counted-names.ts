import type { Labels, Metrics } from '@proconsul/base';

/** Different names of events, and of queries, that have a counter of their own. */
export const COUNTED_NAMES_MAX = 1024;

/** Counts things and, as far as their names are few, each name by itself: names come from the wire. */
export class CountedNames {
  readonly #metrics: Metrics;
  readonly #metric: string;
  readonly #labels: Labels;
  readonly #names = new Set<string>();

  constructor(metrics: Metrics, metric: string, labels: Labels) {
    this.#metrics = metrics;
    this.#metric = metric;
    this.#labels = labels;
  }

  count(name: string): void {
    this.#metrics.count(this.#metric, 1, this.#labels);
    if (!this.#names.has(name)) {
      if (this.#names.size >= COUNTED_NAMES_MAX) return;
      this.#names.add(name);
    }
    this.#metrics.count(`${this.#metric}.${name}`, 1, this.#labels);
  }
}
