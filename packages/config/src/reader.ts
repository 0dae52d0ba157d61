import { durationError, formatDuration, multiError, parseDuration } from '@proconsul/base';
import type { Value } from './decode.ts';
import { ConfigError, type ErrorDetail } from './errors.ts';
import type { Merged } from './merge.ts';
import type { Setting } from './setting.ts';
import { type KeyOfType, type SettingKey, settings } from './settings.ts';
import { placeOf } from './source.ts';

const SETTINGS: ReadonlyMap<string, Setting> = new Map(settings.map((setting) => [setting.key, setting]));

/** Errors that Consul collects and reports together. */
export class Problems {
  readonly #details: ErrorDetail[] = [];

  add(detail: ErrorDetail): void {
    this.#details.push(detail);
  }

  /** Throws all of them as one {@link ConfigError}, if there are any. */
  throwIfAny(): void {
    if (this.#details.length === 0) return;
    throw new ConfigError(multiError(this.#details.map(({ text }) => text)), this.#details);
  }
}

/** Typed access to merged settings. A key of the wrong type does not compile. */
export class Reader {
  readonly problems = new Problems();
  readonly #merged: Merged;

  constructor(merged: Merged) {
    this.#merged = merged;
  }

  /** The value as merged, defaults included; undefined when nothing sets it. */
  raw(key: SettingKey): Value | undefined {
    return this.#merged.values.get(key);
  }

  has(key: SettingKey): boolean {
    return this.#merged.values.has(key);
  }

  text(key: KeyOfType<'string' | 'duration'>): string {
    return (this.raw(key) as string | undefined) ?? '';
  }

  bool(key: KeyOfType<'bool'>, fallback = false): boolean {
    return (this.raw(key) as boolean | undefined) ?? fallback;
  }

  number(key: KeyOfType<'int' | 'uint' | 'uint32' | 'uint64' | 'float'>, fallback = 0): number {
    return (this.raw(key) as number | undefined) ?? fallback;
  }

  /** A rate: negative means no limit. */
  rate(key: KeyOfType<'float'>): number {
    const value = this.number(key, -1);
    return value < 0 ? Number.POSITIVE_INFINITY : value;
  }

  list(key: KeyOfType<'list'>): string[] {
    return [...((this.raw(key) as string[] | undefined) ?? [])];
  }

  map(key: KeyOfType<'map' | 'durationMap'>): Record<string, string> {
    return { ...((this.raw(key) as Record<string, string> | undefined) ?? {}) };
  }

  /** Milliseconds. A value that is no duration, or below `minNs`, is a problem and reads as 0. */
  ms(key: KeyOfType<'duration'>, minNs?: number): number {
    const text = this.text(key);
    const name = SETTINGS.get(key)?.errorName ?? key;
    const ns = this.duration(text, name.replace(/^(gossip_[lw]an)\./, '$1..'), key);
    if (minNs !== undefined && (ns ?? 0) < minNs) {
      this.problem(key, `${name}: duration '${text}' cannot be less than: ${formatDuration(minNs)}`);
    }
    return (ns ?? 0) / 1e6;
  }

  /** Nanoseconds of `text` ("" is 0); undefined and a problem when it is no duration. */
  duration(text: string, name: string, origin: string): number | undefined {
    if (text === '') return 0;
    const ns = parseDuration(text);
    if (ns === undefined)
      this.problem(origin, `${name}: invalid duration: ${JSON.stringify(text)}: ${durationError(text)}`);
    return ns;
  }

  /** Records an error to be reported with others. `origin` is the path of the value that it is about. */
  problem(origin: string, text: string): void {
    this.problems.add(this.#detail(origin, text));
  }

  /** An error to throw at once. */
  error(origin: string, text: string): ConfigError {
    return new ConfigError(text, [this.#detail(origin, text)]);
  }

  #detail(path: string, text: string): ErrorDetail {
    const origin = this.#merged.origins.get(path);
    const place = origin && placeOf(origin);
    return place === undefined ? { text } : { text, place };
  }
}
