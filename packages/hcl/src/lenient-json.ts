import type { HclItem, HclList, HclLiteral, HclNode, HclObject } from './ast.ts';
import { HclError, type Position } from './errors.ts';

/** Deepest nesting, as for HCL proper. */
const MAX_NESTING = 500;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const TOKENS: Readonly<Record<string, string>> = { ',': 'COMMA', '[': 'LBRACK', ']': 'RBRACK', '{': 'LBRACE' };
const BLANK = /[ \t\r\n]*/y;

/**
 * The JSON form of HCL, as lenient as the reference: a comma before a closing bracket is fine, a text that ends early
 * ends there, and what follows the outer object is ignored. `null` is the empty string. A list of objects counts as
 * repeated blocks. Throws {@link HclError}.
 */
export function parseLenientJson(text: string): HclObject {
  const reader = new Reader(text);
  return reader.object(0);
}

class Reader {
  readonly #text: string;
  #at = 0;
  /** Where lines have been counted up to, so that positions cost their distance and not their offset. */
  #mark: Position = { offset: 0, line: 1, column: 1 };

  constructor(text: string) {
    this.#text = text;
  }

  object(depth: number): HclObject {
    const position = this.#open(depth);
    const items: HclItem[] = [];
    for (;;) {
      const c = this.#peek();
      if (c === '}' || c === '') break;
      if (c !== '"') throw this.#keyError(c);
      const keyAt = this.#position();
      const key = this.#string();
      if (this.#peek() === '') break;
      if (this.#peek() !== ':')
        throw this.#error(/\w/.test(this.#peek()) ? 'illegal char' : `illegal char: ${this.#peek()}`);
      this.#at++;
      const end = this.#peek();
      if (end === '' || end === '}') continue;
      if (end === ',') throw this.#unexpectedComma();
      const value = this.#value(depth + 1);
      for (const node of asBlocks(value)) items.push({ keys: [{ text: key, position: keyAt }], value: node });
      if (this.#peek() === ',') this.#at++;
    }
    this.#at++;
    return { type: 'object', items, position };
  }

  #value(depth: number): HclNode {
    const c = this.#peek();
    if (c === '{') return this.object(depth);
    if (c === '[') return this.#list(depth);
    const position = this.#position();
    const start = this.#at;
    if (c === '"') {
      const value = this.#string();
      return { type: 'string', value, raw: this.#text.slice(start, this.#at), position };
    }
    return this.#word(position) ?? this.#number(position);
  }

  #list(depth: number): HclList {
    const position = this.#open(depth);
    const items: HclNode[] = [];
    for (;;) {
      const c = this.#peek();
      if (c === ']' || c === '') break;
      if (c === ',') this.#at++;
      else items.push(this.#value(depth + 1));
    }
    this.#at++;
    return { type: 'list', items, position };
  }

  #open(depth: number): Position {
    if (depth > MAX_NESTING) throw this.#error(`nesting deeper than ${MAX_NESTING} levels`, 'HCL_LIMIT');
    this.#peek();
    const position = this.#position();
    this.#at++;
    return position;
  }

  #word(position: Position): HclLiteral | undefined {
    for (const raw of ['true', 'false', 'null']) {
      if (!this.#text.startsWith(raw, this.#at)) continue;
      this.#at += raw.length;
      if (raw === 'null') return { type: 'string', value: '', raw, position };
      return { type: 'bool', value: raw === 'true', raw, position };
    }
    return undefined;
  }

  #number(position: Position): HclLiteral {
    const raw = this.#match(NUMBER);
    if (raw === undefined) throw this.#error('illegal char');
    const value = Number(raw);
    if (!Number.isFinite(value)) throw this.#error('value out of range');
    const isInt = /^-?\d+$/.test(raw);
    if (isInt && !Number.isSafeInteger(value)) return { type: 'int', value: BigInt(raw), raw, position };
    return { type: isInt ? 'int' : 'float', value: value || 0, raw, position };
  }

  #string(): string {
    const raw = this.#match(STRING);
    if (raw === undefined) throw this.#error('literal not terminated');
    return JSON.parse(raw) as string;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  /** The next character that is not blank; '' at the end. */
  #peek(): string {
    this.#match(BLANK);
    return this.#text[this.#at] ?? '';
  }

  #position(): Position {
    let { offset, line, column } = this.#mark;
    for (const c of this.#text.slice(offset, this.#at)) {
      offset += c.length;
      if (c === '\n') {
        line++;
        column = 1;
      } else column++;
    }
    this.#mark = { offset, line, column };
    return this.#mark;
  }

  /** Something that is no key where one should start. */
  #keyError(c: string): HclError {
    const token = TOKENS[c] ?? (/[\d-]/.test(c) ? 'NUMBER' : undefined);
    if (token !== undefined) return new HclError('HCL_SYNTAX', `expected: STRING got: ${token}`, this.#position());
    if (this.#match(/[\p{L}\p{Nd}_.-]+/uy) === undefined) return this.#error(`illegal char: ${c}`);
    this.#at--;
    return this.#error('illegal char');
  }

  #unexpectedComma(): HclError {
    const position = this.#position();
    const message = `Expected object value, got unknown token: ${position.line}:${position.column} COMMA ,`;
    return new HclError('HCL_SYNTAX', message, position);
  }

  #error(message: string, code: 'HCL_SYNTAX' | 'HCL_LIMIT' = 'HCL_SYNTAX'): HclError {
    const position = this.#position();
    return new HclError(code, `${position.line}:${position.column}: ${message}`, position);
  }
}

/** A list of objects only becomes one block for each; anything else stays. */
function asBlocks(value: HclNode): readonly HclNode[] {
  if (value.type !== 'list' || value.items.length === 0) return [value];
  return value.items.every((item) => item.type === 'object') ? value.items : [value];
}
