import type { Clock, Labels, Millis } from '@proconsul/base';
import { DECLARED, DECLARED_BY_SERVERS } from './declared-metrics.ts';
import type { MetricKind } from './metrics-sink.ts';
import { numberText } from './number-text.ts';
import { processFamilies } from './process-families.ts';

/** Observations kept for the quantiles of one summary, and how long they count. */
const WINDOW_MAX = 512;
const WINDOW_MS: Millis = 10_000;
const SERIES_MAX = 20_000;
const QUANTILES = [0.5, 0.9, 0.99];

interface Series {
  readonly labels: string;
  readonly kind: MetricKind;
  value: number;
  count: number;
  readonly window: { at: Millis; value: number }[];
  updatedAt: Millis;
}

interface Family {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly declared: boolean;
  readonly series: Map<string, Series>;
}

const TYPES: Readonly<Record<MetricKind, string>> = { gauge: 'gauge', counter: 'counter', sample: 'summary' };

export const promName = (name: string): string => name.replace(/[.\-\s=/]/g, '_');

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** `a="1",b="2"`: sorted, without braces. */
function labelText(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((k) => `${promName(k)}="${escapeLabel(labels[k] as string)}"`)
    .join(',');
}

/** All metrics in the exposition format. Source: Prometheus documentation, text format 0.0.4. */
export class PrometheusRegistry {
  readonly #clock: Clock;
  readonly #retentionMs: Millis;
  readonly #families = new Map<string, Family>();
  #size = 0;

  constructor(retentionMs: Millis, prefix: string, clock: Clock, options: { server: boolean } = { server: true }) {
    this.#clock = clock;
    this.#retentionMs = retentionMs;
    for (const [kind, name, help] of options.server ? [...DECLARED, ...DECLARED_BY_SERVERS] : DECLARED) {
      const full = promName(`${prefix}.${name}`);
      this.#families.set(full, { name: full, kind, help, declared: true, series: new Map() });
    }
  }

  readonly observe = (kind: MetricKind, name: string, value: number, labels: Labels): void => {
    const full = promName(name);
    let family = this.#families.get(full);
    if (family === undefined) {
      if (this.#families.size >= SERIES_MAX) return;
      family = { name: full, kind, help: full, declared: false, series: new Map() };
      this.#families.set(full, family);
    }
    const key = labelText(labels);
    let series = family.series.get(key);
    if (series === undefined) {
      if (this.#size >= SERIES_MAX) return;
      this.#size++;
      series = { labels: key, kind, value: 0, count: 0, window: [], updatedAt: 0 };
      family.series.set(key, series);
    }
    this.#update(series, kind, value);
  };

  #update(series: Series, kind: MetricKind, value: number): void {
    const now = this.#clock.now();
    series.updatedAt = now;
    series.count++;
    if (kind === 'gauge') series.value = value;
    else series.value += value;
    if (kind !== 'sample') return;
    series.window.push({ at: now, value });
    if (series.window.length > WINDOW_MAX) series.window.shift();
  }

  /** The whole text. Series that were not updated within the retention time are dropped. */
  text(): string {
    const now = this.#clock.now();
    let out = '';
    for (const name of [...this.#families.keys()].sort()) {
      const family = this.#families.get(name) as Family;
      for (const [key, series] of family.series) {
        if (now - series.updatedAt <= this.#retentionMs) continue;
        family.series.delete(key);
        this.#size--;
      }
      if (family.series.size === 0 && !family.declared) {
        this.#families.delete(name);
        continue;
      }
      out += `# HELP ${name} ${family.help}\n# TYPE ${name} ${TYPES[family.kind]}\n`;
      if (family.declared && !family.series.has('')) out += emptyLines(family);
      for (const key of [...family.series.keys()].sort()) out += lines(family, family.series.get(key) as Series, now);
    }
    return out + processFamilies();
  }
}

function emptyLines({ name, kind }: Family): string {
  if (kind !== 'sample') return `${name} 0\n`;
  return `${QUANTILES.map((q) => `${name}{quantile="${q}"} NaN\n`).join('')}${name}_sum 0\n${name}_count 0\n`;
}

function lines({ name, kind }: Family, s: Series, now: Millis): string {
  const braces = s.labels === '' ? '' : `{${s.labels}}`;
  if (kind !== 'sample') return `${name}${braces} ${numberText(s.value)}\n`;
  const recent = s.window
    .filter((o) => now - o.at <= WINDOW_MS)
    .map((o) => o.value)
    .sort((a, b) => a - b);
  let out = '';
  for (const q of QUANTILES) {
    const at =
      recent.length === 0
        ? Number.NaN
        : (recent[Math.min(recent.length - 1, Math.ceil(q * recent.length) - 1)] as number);
    out += `${name}{${s.labels === '' ? '' : `${s.labels},`}quantile="${q}"} ${numberText(at)}\n`;
  }
  return `${out}${name}_sum${braces} ${numberText(s.value)}\n${name}_count${braces} ${s.count}\n`;
}
