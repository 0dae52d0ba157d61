import type { Labels, Metrics } from '@proconsul/base';

/**
 * How well we ourselves are doing: 0 is healthy. Slow answers to us are first of all a sign that we are slow, so
 * everything that we demand of others is stretched by it. Source: Lifeguard (2018), section IV.A, local health multiplier.
 */
export class Awareness {
  readonly #max: number;
  readonly #metrics: Metrics;
  readonly #labels: Labels;
  #score = 0;

  /** The score stays below `multiplierMax`. */
  constructor(multiplierMax: number, metrics: Metrics, labels: Labels) {
    this.#max = multiplierMax;
    this.#metrics = metrics;
    this.#labels = labels;
  }

  get score(): number {
    return this.#score;
  }

  add(delta: number): void {
    const before = this.#score;
    this.#score = Math.min(this.#max - 1, Math.max(0, before + delta));
    if (this.#score !== before) this.#metrics.gauge('memberlist.health.score', this.#score, this.#labels);
  }

  scale(intervalMs: number): number {
    return intervalMs * (this.#score + 1);
  }
}
