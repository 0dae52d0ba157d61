import { multiError } from '@proconsul/base';
import { HclError, parseHcl, type TreeMap, treeOf } from '@proconsul/hcl';
import { type Decoded, decode, detailsOf, type Value } from './decode.ts';
import { ConfigError, type Place } from './errors.ts';
import { parseJsonTree } from './json-tree.ts';
import { settings } from './settings.ts';
import { CONFIG } from './shape.ts';

export type Format = 'hcl' | 'json';

/** One value of one source, and where it was written. */
export interface Origin {
  /** File, flag (`-bind`) or `default`. */
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
}

/** What one source sets: values by key of the table. */
export interface Layer {
  readonly source: string;
  readonly values: ReadonlyMap<string, Value>;
  /** By path of a value: `ports.http`, `retry_join[0]`, `node_meta[a]`. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly warnings: readonly string[];
}

/** Parses one file or fragment. Throws {@link ConfigError} `failed to parse <name>: ...`. */
export function parseSource(name: string, text: string, format: Format): Layer {
  const decoded = decodeText(name, text, format);
  const { mismatches } = decoded;
  if (mismatches.length > 0) {
    const lines = mismatches.map((slip) => `* ${slip.text}`).join('\n');
    throw parseError(name, `${mismatches.length} error(s) decoding:\n\n${lines}`, detailsOf(mismatches, name));
  }
  const warnings: string[] = [];
  const unknown = decoded.unknown.filter(({ text: path }) => !/^audit\.sink\[.*\]\.name$/.test(path));
  if (decoded.value['acl_enforce_version_8'] !== undefined) {
    warnings.push('config key "acl_enforce_version_8" is deprecated and should be removed');
  }
  if (hasSinkName(decoded.value)) warnings.push('config key audit.sink[].name is deprecated and should be removed');
  if (unknown.length > 0) {
    const texts = unknown.map((slip) => `invalid config key ${slip.text}`);
    throw parseError(name, multiError(texts), detailsOf(unknown, name));
  }
  return { source: name, values: flattenSettings(decoded.value), origins: originsOf(name, decoded), warnings };
}

function decodeText(name: string, text: string, format: Format): Decoded {
  try {
    return decode(treeOfText(name, text, format), CONFIG);
  } catch (thrown) {
    if (thrown instanceof ConfigError) throw parseError(name, thrown.message, thrown.details);
    if (!(thrown instanceof HclError)) throw thrown;
    const { line, column } = thrown.position;
    throw parseError(name, thrown.message, [{ text: thrown.message, place: { file: name, line, column } }]);
  }
}

function treeOfText(name: string, text: string, format: Format): TreeMap {
  const tree = format === 'json' ? parseJsonTree(text, name) : treeOf(parseHcl(text));
  return tree ?? { type: 'map', entries: new Map(), position: { offset: 0, line: 1, column: 1 } };
}

function parseError(name: string, message: string, details: ConfigError['details']): ConfigError {
  return new ConfigError(`failed to parse ${name}: ${message}`, details);
}

function hasSinkName(value: Decoded['value']): boolean {
  const audit = value['audit'] as { sink?: Record<string, { name?: string }> } | undefined;
  return Object.values(audit?.sink ?? {}).some((sink) => sink.name !== undefined);
}

/** Values by key of the table: `{ports: {http: 1}}` gives `ports.http`. */
export function flattenSettings(value: Decoded['value']): Map<string, Value> {
  const out = new Map<string, Value>();
  for (const { key } of settings) {
    let at: Value | undefined = value;
    for (const part of key.split('.')) {
      at =
        at !== null && typeof at === 'object' && !Array.isArray(at) && Object.hasOwn(at, part) ? at[part] : undefined;
    }
    if (at !== undefined) out.set(key, at);
  }
  return out;
}

function originsOf(name: string, { positions }: Decoded): Map<string, Origin> {
  const out = new Map<string, Origin>();
  for (const [path, { line, column }] of positions) out.set(path, { source: name, line, column });
  return out;
}

/** The place of an origin that is a file. */
export function placeOf({ source, line, column }: Origin): Place | undefined {
  return line === undefined || column === undefined ? undefined : { file: source, line, column };
}
