import { DiscoverError } from './errors.ts';

/** What a `provider=... key=value ...` text says. Keys that are not given are empty. */
export class Arguments {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  get provider(): string {
    return this.get('provider');
  }

  get(key: string): string {
    return this.#values.get(key) ?? '';
  }

  /** Throws DiscoverError when it is missing or empty. */
  need(key: string): string {
    const value = this.get(key);
    if (value === '') throw new DiscoverError(`discover-${this.provider}: ${key} must be given`);
    return value;
  }

  /** `fallback` when it is not given. Throws DiscoverError for a text that is no boolean. */
  flag(key: string, fallback = false): boolean {
    const text = this.get(key).toLowerCase();
    if (text === '') return fallback;
    if (text === 'true' || text === '1' || text === 't') return true;
    if (text === 'false' || text === '0' || text === 'f') return false;
    throw new DiscoverError(`discover-${this.provider}: ${key} is neither true nor false: ${this.get(key)}`);
  }

  /** One of `allowed`, the first one when it is not given. Throws DiscoverError. */
  oneOf<const T extends string>(key: string, allowed: readonly [T, ...T[]]): T {
    const text = this.get(key);
    if (text === '') return allowed[0];
    const found = allowed.find((value) => value === text);
    if (found === undefined) {
      throw new DiscoverError(`discover-${this.provider}: ${key} must be one of ${allowed.join(', ')}, not ${text}`);
    }
    return found;
  }
}

const KEY = /\s*([^\s="\\]+)=/y;
const BARE = /(?:[^\s"\\]|\\.)*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/**
 * Reads `provider=aws tag_key=role tag_value="two words"`: pairs with blanks between them; quoted values may hold blanks,
 * a backslash keeps the character behind it. Throws DiscoverError. Source: documentation of cloud auto-join.
 */
export function parseArguments(text: string): Arguments {
  const values = new Map<string, string>();
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (text.slice(at).trim() !== '') {
    const key = take(KEY);
    if (key === null) throw new DiscoverError(`discover: invalid format: ${text}`);
    const quoted = take(QUOTED);
    const value = quoted === null ? (take(BARE) as RegExpExecArray)[0] : (quoted[1] as string);
    if (at < text.length && !/\s/.test(text[at] as string))
      throw new DiscoverError(`discover: invalid format: ${text}`);
    if (values.has(key[1] as string)) throw new DiscoverError(`discover: duplicate key ${key[1]}`);
    values.set(key[1] as string, value.replace(/\\(.)/g, '$1'));
  }
  return new Arguments(values);
}
