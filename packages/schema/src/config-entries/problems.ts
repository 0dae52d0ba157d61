import { formatFloat, type JsonValue, quoteJson } from '@proconsul/gojson';
import { DecodeError, isObject } from '../kind.ts';
import { plainName } from './names.ts';

/** Names that an entry does not have of which its refusal tells. */
export const UNKNOWN_KEYS_MAX = 1000;

/** What decoding found wrong, collected over the whole document. */
export interface Problems {
  readonly unknownKeys: string[];
  readonly errors: string[];
}

/** The kind of a JSON value as Go's reflection names it. */
export function goKind(json: JsonValue): string {
  if (Array.isArray(json)) return 'slice';
  if (typeof json === 'object') return 'map';
  if (typeof json === 'boolean') return 'bool';
  return typeof json === 'string' ? 'string' : 'float64';
}

/** Go's `%v` of decoded JSON. */
function goValue(json: JsonValue): string {
  if (json === null) return '<nil>';
  if (Array.isArray(json)) return `[${json.map(goValue).join(' ')}]`;
  if (isObject(json)) {
    const pairs = Object.keys(json)
      .sort()
      .map((key) => `${key}:${goValue(json[key] as JsonValue)}`);
    return `map[${pairs.join(' ')}]`;
  }
  if (typeof json === 'number' || typeof json === 'bigint') return formatFloat(Number(json));
  return String(json);
}

/** A value of the wrong kind. Notes it, in the words of the reference, and returns undefined. */
export function refuse(problems: Problems, path: string, type: string, json: JsonValue): undefined {
  const got = Array.isArray(json) ? '[]interface {}' : isObject(json) ? 'map[string]interface {}' : typeof json;
  problems.errors.push(`'${path}' expected type '${type}', got unconvertible type '${got}', value: '${goValue(json)}'`);
  return undefined;
}

const editionHint = (key: string): string =>
  plainName(key) === 'namespace' ? ', namespaces are a consul enterprise feature' : '';

/** Throws what was found, with the texts of the reference. */
export function refuseProblems({ unknownKeys, errors }: Problems): void {
  if (errors.length > 0) {
    throw new DecodeError(
      `${errors.length} error(s) decoding:\n\n${[...errors]
        .sort()
        .map((e) => `* ${e}`)
        .join('\n')}`,
    );
  }
  if (unknownKeys.length > 0) {
    const count = `${unknownKeys.length} error${unknownKeys.length === 1 ? '' : 's'} occurred`;
    const lines = unknownKeys.map((key) => `\t* invalid config key ${quoteJson(key)}${editionHint(key)}\n`);
    throw new DecodeError(`${count}:\n${lines.join('')}\n`);
  }
}
