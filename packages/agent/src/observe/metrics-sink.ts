import type { Clock, Labels, Metrics, Millis, Timer } from '@proconsul/base';
import type { MetricSample, MetricsSnapshot } from '@proconsul/http-api';

/** The in-memory sink collects over this long and shows the last complete interval. Source: telemetry documentation. */
export const INTERVAL_MS: Millis = 10_000;

/** Different series; beyond it new ones are not collected. */
export const SERIES_MAX = 20_000;

export interface MetricsOptions {
  readonly prefix: string;
  /** Host name put into the names of gauges; empty for none. */
  readonly hostname: string;
  readonly filterDefault: boolean;
  readonly allowed: readonly string[];
  readonly blocked: readonly string[];
  /** 0 turns the Prometheus form off. */
  readonly prometheusRetentionMs: Millis;
}

/** Adds up observations of one series. */
export class Aggregate {
  count = 0;
  sum = 0;
  sumOfSquares = 0;
  min = 0;
  max = 0;
  add(value: number): void {
    if (this.count === 0 || value < this.min) this.min = value;
    if (this.count === 0 || value > this.max) this.max = value;
    this.count++;
    this.sum += value;
    this.sumOfSquares += value * value;
  }
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }
  /** Of a sample: divided by one less than the count. */
  get stddev(): number {
    if (this.count < 2) return 0;
    const variance = (this.count * this.sumOfSquares - this.sum ** 2) / (this.count * (this.count - 1));
    return variance <= 0 ? 0 : Math.sqrt(variance);
  }
}

interface Named<T> {
  readonly name: string;
  readonly labels: Labels;
  readonly value: T;
}

interface Gauge extends Named<number> {
  readonly bareName: string;
}

interface Interval {
  readonly gauges: readonly Gauge[];
  readonly counters: Map<string, Named<Aggregate>>;
  readonly samples: Map<string, Named<Aggregate>>;
  readonly startedAtMs: number;
}

/** What becomes of a name as the product's code says it. */
interface MetricName {
  readonly isAllowed: boolean;
  /** With the prefix; gauges may have the host in theirs. */
  readonly full: string;
  readonly gauge: string;
}

const emptyInterval = (startedAtMs: number): Interval => ({
  gauges: [],
  counters: new Map(),
  samples: new Map(),
  startedAtMs,
});

export type MetricKind = 'gauge' | 'counter' | 'sample';

/**
 * Something that wants every observation as it comes: a push sink, or the Prometheus registry. `bareName` is the name
 * without the host in it.
 */
export type Observer = (kind: MetricKind, name: string, value: number, labels: Labels, bareName: string) => void;

const NO_LABELS: Labels = {};

function seriesKey(name: string, labels: Labels): string {
  let key = name;
  for (const k of Object.keys(labels).sort()) key += `;${k}=${labels[k]}`;
  return key;
}

/** Collects all metrics of the process and shows them by interval. */
export class MetricsSink implements Metrics {
  readonly #clock: Clock;
  #options: MetricsOptions;
  /** Values that stay until they are set again. */
  readonly #gauges = new Map<string, Gauge>();
  #current: Interval;
  #last: Interval;
  readonly #observers = new Set<Observer>();
  readonly #streams = new Set<(m: MetricsSnapshot) => void>();
  #timer: Timer | null = null;
  /** Called at the end of each interval, to refresh gauges. */
  readonly #collectors: (() => void)[] = [];

  constructor(options: MetricsOptions, clock: Clock) {
    this.#clock = clock;
    this.#options = options;
    this.#current = emptyInterval(clock.wallMs());
    this.#last = this.#current;
  }

  /** Begins to turn intervals over. */
  start(): void {
    const now = this.#clock.wallMs();
    const next = INTERVAL_MS - (now % INTERVAL_MS);
    this.#timer = this.#clock.after(next, () => {
      this.#turn();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  setFilter(filter: Pick<MetricsOptions, 'allowed' | 'blocked' | 'filterDefault'>): void {
    this.#options = { ...this.#options, ...filter };
    this.#names.clear();
  }

  /** From now on `observer` hears of everything. The returned function ends it. */
  observe(observer: Observer): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** `collect` sets gauges that are cheaper to read now and then than to keep up to date. */
  collectWith(collect: () => void): void {
    this.#collectors.push(collect);
  }

  stream(sink: (m: MetricsSnapshot) => void): () => void {
    this.#streams.add(sink);
    return () => this.#streams.delete(sink);
  }

  count(name: string, n = 1, labels: Labels = NO_LABELS): void {
    this.#add('counter', name, n, labels);
  }

  sample(name: string, value: number, labels: Labels = NO_LABELS): void {
    this.#add('sample', name, value, labels);
  }

  gauge(name: string, value: number, labels: Labels = NO_LABELS): void {
    const { isAllowed, full: bareName, gauge: full } = this.#named(name);
    if (!isAllowed) return;
    const key = this.#keyOf(full, labels);
    if (this.#gauges.size >= SERIES_MAX && !this.#gauges.has(key)) return;
    this.#gauges.set(key, { name: full, bareName, labels, value });
    for (const o of this.#observers) o('gauge', full, value, labels, bareName);
  }

  #add(kind: 'counter' | 'sample', name: string, value: number, labels: Labels): void {
    const { isAllowed, full } = this.#named(name);
    if (!isAllowed) return;
    const series = kind === 'counter' ? this.#current.counters : this.#current.samples;
    const key = this.#keyOf(full, labels);
    let row = series.get(key);
    if (row === undefined) {
      if (series.size >= SERIES_MAX) return;
      row = { name: full, labels, value: new Aggregate() };
      series.set(key, row);
    }
    row.value.add(value);
    for (const o of this.#observers) o(kind, full, value, labels, full);
  }

  /** Keys of label objects that are used again and again, by the name they are used with. */
  readonly #keys = new WeakMap<Labels, Map<string, string>>();

  #keyOf(full: string, labels: Labels): string {
    if (labels === NO_LABELS) return full;
    let keys = this.#keys.get(labels);
    const known = keys?.get(full);
    if (known !== undefined) return known;
    const key = seriesKey(full, labels);
    if (keys === undefined) {
      keys = new Map();
      this.#keys.set(labels, keys);
    }
    if (keys.size < SERIES_MAX) keys.set(full, key);
    return key;
  }

  readonly #names = new Map<string, MetricName>();

  #named(name: string): MetricName {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const { prefix, hostname } = this.#options;
    const full = `${prefix}.${name}`;
    const gauge = hostname === '' ? full : `${prefix}.${hostname}.${name}`;
    const named = { isAllowed: this.#isAllowed(full), full, gauge };
    if (this.#names.size < SERIES_MAX) this.#names.set(name, named);
    return named;
  }

  /** The longest rule that a name begins with decides. */
  #isAllowed(full: string): boolean {
    let longest = -1;
    let verdict = this.#options.filterDefault;
    for (const rule of this.#options.allowed) {
      if (full.startsWith(rule) && rule.length > longest) {
        longest = rule.length;
        verdict = true;
      }
    }
    for (const rule of this.#options.blocked) {
      if (full.startsWith(rule) && rule.length >= longest) {
        longest = rule.length;
        verdict = false;
      }
    }
    return verdict;
  }

  /**
   * Ends the interval. Push sinks and the Prometheus form hear of every gauge once in each interval, so that a value
   * that does not change does not look like one that nobody sets any more.
   */
  #turn(): void {
    this.#tellGauges(this.#refresh());
    this.#last = { ...this.#current, gauges: [...this.#gauges.values()] };
    this.#current = emptyInterval(this.#clock.wallMs());
    if (this.#streams.size === 0) return;
    const snapshot = this.snapshot();
    for (const sink of this.#streams) sink(snapshot);
  }

  /** Runs the collectors; answers the gauges that none of them has set. */
  #refresh(): readonly Gauge[] {
    const before = new Set(this.#gauges.values());
    for (const collect of this.#collectors) collect();
    return [...this.#gauges.values()].filter((g) => before.has(g));
  }

  #tellGauges(gauges: readonly Gauge[]): void {
    for (const { name, value, labels, bareName } of gauges) {
      for (const o of this.#observers) o('gauge', name, value, labels, bareName);
    }
  }

  /** The last complete interval; before there is one, what has come so far. */
  snapshot(): MetricsSnapshot {
    const isFirst = this.#last === this.#current;
    if (isFirst) this.#refresh();
    const { counters, samples, startedAtMs } = this.#last;
    const gauges = isFirst ? this.#gauges.values() : this.#last.gauges;
    const aligned = Math.floor(startedAtMs / INTERVAL_MS) * INTERVAL_MS;
    return {
      Timestamp: `${new Date(aligned).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`,
      // JSON has no NaN, which is how a gauge says that this agent cannot know.
      Gauges: byName([...gauges].filter((g) => Number.isFinite(g.value))).map((g) => ({
        Name: g.name,
        Value: g.value,
        Labels: g.labels,
      })),
      Points: [],
      Counters: byName([...counters.values()]).map(sampleOf),
      Samples: byName([...samples.values()]).map(sampleOf),
    };
  }
}

/** By name, and by labels where the names are the same. */
function byName<T>(rows: readonly Named<T>[]): readonly Named<T>[] {
  const keyed = rows.map((row) => ({ row, key: seriesKey(row.name, row.labels) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ row }) => row);
}

function sampleOf({ name, labels, value }: Named<Aggregate>): MetricSample {
  return {
    Name: name,
    Count: value.count,
    Rate: value.sum / (INTERVAL_MS / 1000),
    Sum: value.sum,
    Min: value.min,
    Max: value.max,
    Mean: value.mean,
    Stddev: value.stddev,
    Labels: labels,
  };
}
