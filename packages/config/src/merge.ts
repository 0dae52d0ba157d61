import type { Value } from './decode.ts';
import type { Setting } from './setting.ts';
import { settings } from './settings.ts';
import type { Layer, Origin } from './source.ts';

/** The settings of all layers together. */
export interface Merged {
  readonly values: ReadonlyMap<string, Value>;
  /** By path: `ports.http`, `retry_join[0]` (index in the merged list), `node_meta[a]`. */
  readonly origins: ReadonlyMap<string, Origin>;
}

type MergeRule = 'replace' | 'append' | 'union';

const RULES: Partial<Record<Setting['type'], MergeRule>> = {
  list: 'append',
  anyList: 'append',
  entries: 'append',
  addHeaders: 'append',
  mspTokens: 'append',
  segments: 'append',
  services: 'append',
  checks: 'append',
  map: 'union',
  durationMap: 'union',
  any: 'union',
  auditSinks: 'union',
};

/** How values of several sources for one setting become one: lists are appended, maps united, others replaced. */
export function mergeRule(type: Setting['type']): MergeRule {
  return RULES[type] ?? 'replace';
}

/**
 * Merges layers, later ones over earlier ones. Nested stanzas merge field by field, since each field is a setting of
 * its own. Source: config documentation ("merge" section), checked with the reference agent.
 */
export function mergeLayers(layers: readonly Layer[]): Merged {
  const values = new Map<string, Value>();
  const origins = new Map<string, Origin>();
  for (const layer of layers) {
    for (const { key, type } of settings) {
      const value = layer.values.get(key);
      if (value === undefined) continue;
      mergeValue(values, origins, { key, rule: mergeRule(type), value, layer });
    }
  }
  return { values, origins };
}

interface MergeStep {
  readonly key: string;
  readonly rule: MergeRule;
  readonly value: Value;
  readonly layer: Layer;
}

function mergeValue(values: Map<string, Value>, origins: Map<string, Origin>, step: MergeStep): void {
  const { key, rule, value, layer } = step;
  const origin = layer.origins.get(key) ?? { source: layer.source };
  const before = values.get(key);
  if (rule === 'append' && Array.isArray(value)) {
    const items = Array.isArray(before) ? before : [];
    value.forEach((_, index) => {
      origins.set(`${key}[${items.length + index}]`, layer.origins.get(`${key}[${index}]`) ?? origin);
    });
    values.set(key, [...items, ...value]);
  } else if (rule === 'union' && isObject(value)) {
    for (const name of Object.keys(value)) {
      origins.set(`${key}[${name}]`, layer.origins.get(`${key}[${name}]`) ?? origin);
    }
    values.set(key, Object.fromEntries([...Object.entries(isObject(before) ? before : {}), ...Object.entries(value)]));
  } else {
    values.set(key, value);
  }
  origins.set(key, origin);
}

function isObject(value: Value | undefined): value is { [key: string]: Value } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
