import type { CheckType } from './definition.ts';
import type { CheckStatus } from './status.ts';

export interface ThresholdOptions {
  /** Consecutive results that are not failures before such a result is reported. 0 and 1 mean the first. */
  readonly successBeforePassing: number;
  /** Consecutive failures before a failure is reported as warning, and as critical. 0 and 1 mean the first. */
  readonly failuresBeforeWarning: number;
  readonly failuresBeforeCritical: number;
}

/** The thresholds of a definition: FailuresBeforeWarning follows FailuresBeforeCritical where it is not set. */
export function thresholdsOf(check: CheckType): ThresholdOptions {
  return {
    successBeforePassing: check.SuccessBeforePassing,
    failuresBeforeWarning:
      check.FailuresBeforeWarning === 0 ? check.FailuresBeforeCritical : check.FailuresBeforeWarning,
    failuresBeforeCritical: check.FailuresBeforeCritical,
  };
}

/** What to report after one result: a status, or that a threshold holds it back for now. */
export type ThresholdOutcome =
  | { readonly kind: 'report'; readonly status: CheckStatus }
  | { readonly kind: 'held-success'; readonly count: number }
  | { readonly kind: 'held-failure'; readonly count: number };

/**
 * Holds back results until enough of them came in a row. A warning counts as a success here: it is reported under the
 * same rule as passing and ends a row of failures. The very first result is always reported.
 * Source: the reference agent's answers to scripted results (testdata/thresholds.json).
 */
export class Thresholds {
  readonly options: ThresholdOptions;
  #successes: number;
  #failures: number;

  constructor(options: ThresholdOptions) {
    this.options = options;
    this.#successes = options.successBeforePassing;
    this.#failures = options.failuresBeforeCritical;
  }

  step(result: CheckStatus): ThresholdOutcome {
    if (result !== 'critical') {
      this.#successes++;
      this.#failures = 0;
      if (this.#successes >= this.options.successBeforePassing) return { kind: 'report', status: result };
      return { kind: 'held-success', count: this.#successes };
    }
    this.#failures++;
    this.#successes = 0;
    if (this.#failures >= this.options.failuresBeforeCritical) return { kind: 'report', status: 'critical' };
    if (this.#failures >= this.options.failuresBeforeWarning) return { kind: 'report', status: 'warning' };
    return { kind: 'held-failure', count: this.#failures };
  }
}
