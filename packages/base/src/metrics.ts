export type Labels = Readonly<Record<string, string>>;

/**
 * Counters, gauges and samples by dotted name (`consul.raft.apply` is `raft.apply` here: the sink adds the prefix).
 * Source of the names: the telemetry page of the documentation.
 */
export interface Metrics {
  /** Adds to a counter (default 1). */
  count(name: string, n?: number, labels?: Labels): void;
  /** Sets a value that stays until it is set again. */
  gauge(name: string, value: number, labels?: Labels): void;
  /** Adds one observation; for durations the unit is milliseconds. */
  sample(name: string, value: number, labels?: Labels): void;
}

export const noMetrics: Metrics = { count() {}, gauge() {}, sample() {} };
