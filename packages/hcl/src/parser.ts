import type { HclItem, HclKey, HclLiteral, HclNode, HclObject } from './ast.ts';
import { errorAt, HclError, type Position } from './errors.ts';
import { parseLenientJson } from './lenient-json.ts';
import { literalOf, unquote } from './literal.ts';
import { Scanner } from './scanner.ts';
import type { Token } from './token.ts';

/** Longest text accepted, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 32 * 1024 * 1024;
/** Deepest nesting of lists and objects. */
export const MAX_NESTING = 500;

const START: Position = { offset: 0, line: 1, column: 1 };

/**
 * Parses HCL 1. A text whose first character is `{` is taken as JSON, as the reference does. Throws {@link HclError},
 * nothing else. Source: public README of HCL 1, and the reference agent's answers to the texts in `testdata/`.
 */
export function parseHcl(text: string): HclObject {
  if (text.length > MAX_TEXT_LENGTH) {
    throw new HclError('HCL_LIMIT', `text is longer than ${MAX_TEXT_LENGTH} characters`, START);
  }
  const normal = text.includes('\r') ? text.replaceAll('\r\n', '\n') : text;
  if (/^[ \t\r\n]*\{/.test(normal)) return parseLenientJson(normal);
  return new Parser(normal).parse();
}

class Parser {
  readonly #scanner: Scanner;
  #token: Token = { type: 'EOF', text: '', position: START };
  #pushedBack = false;
  #depth = 0;
  /** The first number that does not convert. Consul converts when all is parsed, so errors of syntax come first. */
  #badNumber: HclError | undefined;

  constructor(text: string) {
    this.#scanner = new Scanner(text);
  }

  parse(): HclObject {
    try {
      const items = this.#items(false);
      const error = this.#scanner.error ?? this.#badNumber;
      if (error) throw error;
      return { type: 'object', items, position: START };
    } catch (thrown) {
      throw this.#scanner.error ?? thrown;
    }
  }

  #next(): Token {
    if (this.#pushedBack) this.#pushedBack = false;
    else this.#token = this.#scanner.next();
    return this.#token;
  }

  #pushBack(): void {
    this.#pushedBack = true;
  }

  /** Items up to the end of the text or the closing brace, which stays to be read. */
  #items(inObject: boolean): HclItem[] {
    const items: HclItem[] = [];
    for (;;) {
      if (inObject) {
        const isEnd = this.#next().type === 'RBRACE';
        this.#pushBack();
        if (isEnd) return items;
      }
      const keys = this.#keys();
      if (keys === undefined) return items;
      this.#depth += keys.length - 1;
      const value = this.#token.type === 'ASSIGN' ? this.#value() : this.#object();
      if (value === undefined) return items;
      this.#depth -= keys.length - 1;
      items.push({ keys, value });
      if (this.#next().type !== 'COMMA') this.#pushBack();
    }
  }

  /** The keys before `=` or `{`, which has been read; undefined at the end of the text. */
  #keys(): HclKey[] | undefined {
    const keys: HclKey[] = [];
    let raw = '';
    for (;;) {
      const { type, text, position } = this.#next();
      switch (type) {
        case 'IDENT':
        case 'STRING':
          // Each key is one more object inside the others.
          if (this.#depth + keys.length > MAX_NESTING) throw tooDeep(position);
          keys.push({ text: type === 'STRING' ? unquote(text) : text, position });
          raw += raw === '' ? text : ` ${text}`;
          continue;
        case 'ASSIGN':
          if (keys.length === 0) throw errorAt(position, 'no object keys found!');
          if (keys.length > 1) throw errorAt(position, 'nested object expected: LBRACE got: ASSIGN');
          return keys;
        case 'LBRACE':
          if (keys.length === 0) throw errorAt(position, 'expected: IDENT | STRING got: LBRACE');
          return keys;
        case 'EOF':
          if (keys.length === 0) {
            this.#pushBack();
            return undefined;
          }
          throw keyError(position, raw);
        case 'RBRACE':
          if (keys.length > 0) throw keyError(position, raw);
      }
      throw errorAt(position, `expected: IDENT | STRING | ASSIGN | LBRACE got: ${type}`);
    }
  }

  /** Undefined when the text ends where a value should start: the reference then drops the key without a word. */
  #value(): HclNode | undefined {
    const token = this.#next();
    switch (token.type) {
      case 'NUMBER':
      case 'FLOAT':
      case 'BOOL':
      case 'STRING':
      case 'HEREDOC':
        return this.#literal(token);
      case 'LBRACE':
        return this.#object();
      case 'LBRACK':
        return this.#list();
      case 'EOF':
        return undefined;
      default: {
        const { line, column } = token.position;
        throw errorAt(token.position, `Unknown token: ${line}:${column} ${token.type} ${token.text}`);
      }
    }
  }

  #literal(token: Token): HclLiteral {
    try {
      return literalOf(token);
    } catch (thrown) {
      if (!(thrown instanceof HclError)) throw thrown;
      this.#badNumber ??= thrown;
      return { type: 'int', value: 0, raw: token.text, position: token.position };
    }
  }

  /** After the opening brace. */
  #object(): HclObject {
    const { position } = this.#token;
    this.#enter(position);
    const items = this.#items(true);
    if (this.#token.type === 'EOF') this.#pushedBack = false;
    const end = this.#next();
    if (end.type !== 'RBRACE') throw errorAt(end.position, `object expected closing RBRACE got: ${end.type}`);
    this.#depth--;
    return { type: 'object', items, position };
  }

  /** After the opening bracket. */
  #list(): HclNode {
    const { position } = this.#token;
    this.#enter(position);
    const items: HclNode[] = [];
    let needsComma = false;
    for (;;) {
      const token = this.#next();
      if (token.type === 'RBRACK') break;
      if (token.type === 'COMMA') {
        needsComma = false;
        continue;
      }
      if (needsComma) {
        const message = `error parsing list, expected comma or list end, got: ${token.type}`;
        throw errorAt(token.position, message);
      }
      items.push(this.#listItem(token));
      // Consul asks for no comma after a list in a list.
      needsComma = items.at(-1)?.type !== 'list';
    }
    this.#depth--;
    return { type: 'list', items, position };
  }

  #listItem(token: Token): HclNode {
    switch (token.type) {
      case 'NUMBER':
      case 'FLOAT':
      case 'BOOL':
      case 'STRING':
      case 'HEREDOC':
        return this.#literal(token);
      case 'LBRACE':
        return this.#nested('object', () => this.#object());
      case 'LBRACK':
        return this.#nested('list', () => this.#list());
      default:
        throw errorAt(token.position, `unexpected token while parsing list: ${token.type}`);
    }
  }

  /** A list or an object inside a list: an error says so and where the outer one started. */
  #nested(kind: 'list' | 'object', parse: () => HclNode): HclNode {
    const { position } = this.#token;
    try {
      return parse();
    } catch (thrown) {
      if (!(thrown instanceof HclError) || thrown.code !== 'HCL_SYNTAX') throw thrown;
      const { line, column } = position;
      const message = `At ${line}:${column}: error while trying to parse ${kind} within list: ${thrown.message}`;
      throw new HclError('HCL_SYNTAX', message, thrown.position);
    }
  }

  #enter(position: Position): void {
    if (++this.#depth > MAX_NESTING) {
      throw tooDeep(position);
    }
  }
}

const tooDeep = (position: Position): HclError =>
  errorAt(position, `nesting deeper than ${MAX_NESTING} levels`, 'HCL_LIMIT');

function keyError(position: Position, raw: string): HclError {
  return errorAt(position, `key '${raw}' expected start of object ('{') or assignment ('=')`);
}
