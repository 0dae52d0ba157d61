import { GoJsonError, kindName, parseJsonDocument } from '@proconsul/gojson';
import type { Position, Tree, TreeEntry, TreeMap } from '@proconsul/hcl';
import { ConfigError } from './errors.ts';

/** Deepest nesting of a JSON file. */
export const MAX_JSON_DEPTH = 500;

/**
 * Reads a JSON configuration file into the tree that HCL files become, with positions. Undefined for `null`, which sets
 * nothing. Throws {@link ConfigError} with the texts of Go's encoding/json.
 */
export function parseJsonTree(text: string, file: string): TreeMap | undefined {
  const value = checkJson(text, file);
  if (value === null) return undefined;
  const kind = kindName(value);
  if (kind !== 'object') {
    throw new ConfigError(`json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`, [
      { text: 'not an object', place: { file, line: 1, column: 1 } },
    ]);
  }
  const tree = new JsonReader(text).value();
  return tree.type === 'map' ? tree : undefined;
}

function checkJson(text: string, file: string) {
  try {
    return parseJsonDocument(text, { maxDepth: MAX_JSON_DEPTH });
  } catch (thrown) {
    if (!(thrown instanceof GoJsonError)) throw thrown;
    const { line, column } = positionOfByte(text, thrown.offset);
    throw new ConfigError(thrown.message, [{ text: thrown.message, place: { file, line, column } }]);
  }
}

/** The position of the last of `bytes` bytes of UTF-8. */
function positionOfByte(text: string, bytes: number): Position {
  let left = bytes - 1;
  let at = { offset: 0, line: 1, column: 1 };
  for (const c of text) {
    left -= utf8Length(c.codePointAt(0)!);
    if (left < 0) break;
    at = step(at, c);
  }
  return at;
}

function utf8Length(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}

function step({ offset, line, column }: Position, c: string): Position {
  return c === '\n'
    ? { offset: offset + 1, line: line + 1, column: 1 }
    : { offset: offset + c.length, line, column: column + 1 };
}

const BLANK = /[ \t\r\n]*/y;
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const WORD = /[-+.\w]+/y;

/** Walks a text that is known to be JSON. */
class JsonReader {
  readonly #text: string;
  #at: Position = { offset: 0, line: 1, column: 1 };

  constructor(text: string) {
    this.#text = text;
  }

  value(): Tree {
    const c = this.#peek();
    const position = this.#at;
    if (c === '{') return this.#object(position);
    if (c === '[') return this.#list(position);
    if (c === '"') return { type: 'string', value: this.#string(), position };
    const word = this.#take(WORD);
    if (word === 'null') return { type: 'null', value: null, position };
    if (word === 'true' || word === 'false') return { type: 'bool', value: word === 'true', position };
    return { type: 'float64', value: Number(word), position };
  }

  #object(position: Position): TreeMap {
    const entries = new Map<string, TreeEntry>();
    this.#skip();
    while (this.#peek() !== '}') {
      const keyPosition = this.#at;
      const key = this.#string();
      this.#peek();
      this.#skip();
      entries.set(key, { keyPosition, value: this.value() });
      if (this.#peek() === ',') this.#skip();
    }
    this.#skip();
    return { type: 'map', entries, position };
  }

  #list(position: Position): Tree {
    const items: Tree[] = [];
    this.#skip();
    while (this.#peek() !== ']') {
      items.push(this.value());
      if (this.#peek() === ',') this.#skip();
    }
    this.#skip();
    return { type: 'list', blocks: false, items, position };
  }

  #string(): string {
    return JSON.parse(this.#take(STRING)) as string;
  }

  #peek(): string {
    this.#take(BLANK);
    return this.#text[this.#at.offset] ?? '';
  }

  #skip(): void {
    this.#at = step(this.#at, this.#text[this.#at.offset]!);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at.offset;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    for (const c of found) this.#at = step(this.#at, c);
    return found;
  }
}
