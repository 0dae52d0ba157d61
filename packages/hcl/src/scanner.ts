import { errorAt, type HclError, type Position } from './errors.ts';
import { isHeredocPart, isLetter, isNamePart } from './letters.ts';
import type { Token, TokenType } from './token.ts';

const EOF = '';
const SINGLE: Readonly<Record<string, TokenType>> = {
  '[': 'LBRACK',
  ']': 'RBRACK',
  '{': 'LBRACE',
  '}': 'RBRACE',
  ',': 'COMMA',
  '=': 'ASSIGN',
  '+': 'ADD',
};
const ESCAPE_DIGITS: Readonly<Record<string, readonly [count: number, digit: RegExp]>> = {
  x: [2, /[0-9a-fA-F]/],
  u: [4, /[0-9a-fA-F]/],
  U: [8, /[0-9a-fA-F]/],
};

/**
 * Splits a text into tokens. Comments and white space are skipped. A lexical error is kept in `error` (the last one
 * wins, as in Consul's messages) and scanning goes on, so the parser reports `error` in preference to its own.
 * Source: the syntax part of the public README of HCL 1; details asked of the reference agent.
 */
export class Scanner {
  error: HclError | undefined;
  readonly #text: string;
  #at = 0;
  #line = 1;
  #column = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token; `EOF` at the end, and again for each further call. */
  next(): Token {
    this.#skipBlank();
    const start = this.#position();
    const c = this.#peek();
    if (c === EOF) {
      this.#column++;
      return { type: 'EOF', text: '', position: start };
    }
    return { type: this.#scan(c), text: this.#text.slice(start.offset, this.#at), position: start };
  }

  #scan(c: string): TokenType {
    if (isLetter(c)) return this.#identifier();
    if (isDigit(c)) return this.#number();
    this.#advance();
    const single = SINGLE[c];
    if (single !== undefined) return single;
    switch (c) {
      case '"':
        return this.#string();
      case '<':
        return this.#heredoc();
      case '.':
        return isDigit(this.#peek()) ? this.#fraction() : 'PERIOD';
      case '-':
        return isDigit(this.#peek()) ? this.#number() : 'SUB';
      default:
        return this.#illegal('illegal char', this.#positionBefore(c));
    }
  }

  #skipBlank(): void {
    for (;;) {
      const c = this.#peek();
      if (c === ' ' || c === '\t' || c === '\n' || c === '\r') this.#advance();
      else if (c === '#' || this.#text.startsWith('//', this.#at)) this.#skipLine();
      else if (this.#text.startsWith('/*', this.#at)) this.#skipBlockComment();
      else if (c === '/') {
        this.#fail("expected '/' for comment", this.#position());
        this.#advance();
      } else return;
    }
  }

  #skipLine(): void {
    while (this.#peek() !== EOF && this.#peek() !== '\n') this.#advance();
  }

  #skipBlockComment(): void {
    this.#advance();
    this.#advance();
    while (!this.#text.startsWith('*/', this.#at)) {
      if (this.#peek() === EOF) {
        this.#fail('comment not terminated', this.#position());
        return;
      }
      this.#advance();
    }
    this.#advance();
    this.#advance();
  }

  #identifier(): TokenType {
    const start = this.#at;
    while (isNamePart(this.#peek())) this.#advance();
    this.#pastEnd();
    const word = this.#text.slice(start, this.#at);
    return word === 'true' || word === 'false' ? 'BOOL' : 'IDENT';
  }

  /** At the first digit. Octal and hexadecimal as in Go; `08` passes here and fails when it is converted. */
  #number(): TokenType {
    const first = this.#advance();
    if (first === '0' && (this.#peek() === 'x' || this.#peek() === 'X')) return this.#hexadecimal();
    const digits = this.#digits();
    const c = this.#peek();
    if (c === '.') {
      this.#advance();
      return this.#fraction();
    }
    if (c === 'e' || c === 'E') return this.#exponent();
    if (first === '0' && /^[0-7].*[89]/.test(digits)) {
      return this.#illegal('illegal octal number', this.#position(), 'NUMBER');
    }
    this.#pastEnd();
    this.#pastEnd();
    return 'NUMBER';
  }

  #hexadecimal(): TokenType {
    this.#advance();
    const start = this.#at;
    while (/^[0-9a-fA-F]$/.test(this.#peek())) this.#advance();
    if (this.#at === start) return this.#illegal('illegal hexadecimal number', this.#position(), 'NUMBER');
    this.#pastEnd();
    return 'NUMBER';
  }

  #fraction(): TokenType {
    this.#digits();
    if (this.#peek() === 'e' || this.#peek() === 'E') return this.#exponent();
    this.#pastEnd();
    return 'FLOAT';
  }

  #exponent(): TokenType {
    this.#advance();
    if (this.#peek() === '+' || this.#peek() === '-') this.#advance();
    this.#digits();
    this.#pastEnd();
    return 'FLOAT';
  }

  #digits(): string {
    const start = this.#at;
    while (isDigit(this.#peek())) this.#advance();
    return this.#text.slice(start, this.#at);
  }

  /** After the opening quote. Quotes and line ends inside `${...}` belong to the string. */
  #string(): TokenType {
    let braces = 0;
    for (;;) {
      const c = this.#peek();
      if (c === EOF || c === '\0' || (c === '\n' && braces === 0)) {
        this.#fail('literal not terminated', this.#position());
        if (c !== EOF) this.#advance();
        return 'STRING';
      }
      this.#advance();
      if (c === '"' && braces === 0) return 'STRING';
      if (c === '\\') this.#escape();
      else if (braces === 0 && c === '$' && this.#peek() === '{') {
        this.#advance();
        braces = 1;
      } else if (braces > 0 && c === '{') braces++;
      else if (braces > 0 && c === '}') braces--;
    }
  }

  #escape(): void {
    const c = this.#peek();
    if (c !== EOF && 'abfnrtv\\"'.includes(c)) {
      this.#advance();
      return;
    }
    const form = isOctal(c) ? ([3, /[0-7]/] as const) : ESCAPE_DIGITS[c];
    if (form === undefined) {
      this.#fail('illegal char escape', this.#position());
      this.#pastEnd();
      return;
    }
    if (!isOctal(c)) this.#advance();
    const start = this.#at;
    for (let left = form[0]; left > 0; left--) {
      if (!form[1].test(this.#peek())) {
        this.#fail('illegal char escape', this.#position());
        return;
      }
      this.#advance();
    }
    const code = Number.parseInt(this.#text.slice(start, this.#at), isOctal(c) ? 8 : 16);
    const tooBig = code > (isOctal(c) ? 0xff : 0x10ffff) || (code >= 0xd800 && code <= 0xdfff);
    if (tooBig) this.#fail('illegal char escape', this.#position());
  }

  /** After the first `<`. The token runs to the end of the marker's line, without the line end. */
  #heredoc(): TokenType {
    if (this.#peek() !== '<')
      return this.#illegal("heredoc expected second '<', didn't see it", this.#position(), 'HEREDOC');
    this.#advance();
    if (this.#peek() === '-') this.#advance();
    const start = this.#at;
    while (isHeredocPart(this.#peek())) this.#advance();
    const anchor = this.#text.slice(start, this.#at);
    if (this.#peek() === EOF) return this.#illegal('heredoc not terminated', this.#position(), 'HEREDOC');
    if (this.#peek() === '\r') this.#advance();
    if (this.#peek() !== '\n')
      return this.#illegal('invalid characters in heredoc anchor', this.#position(), 'HEREDOC');
    if (anchor === '') return this.#illegal('zero-length heredoc anchor', this.#position(), 'HEREDOC');
    for (;;) {
      this.#advance();
      const lineEnd = this.#text.indexOf('\n', this.#at);
      const end = lineEnd < 0 ? this.#text.length : lineEnd;
      const isLast =
        this.#text
          .slice(this.#at, end)
          .replace(/\r$/, '')
          .replace(/^[ \t]+/, '') === anchor;
      while (this.#at < end) this.#advance();
      if (lineEnd < 0) return this.#illegal('heredoc not terminated', this.#position(), 'HEREDOC');
      if (isLast) return 'HEREDOC';
    }
  }

  #illegal(message: string, at: Position, type: TokenType = 'ILLEGAL'): TokenType {
    this.#fail(message, at);
    return type;
  }

  #fail(message: string, at: Position): void {
    this.error = errorAt(at, message);
  }

  /** The character here, a surrogate pair as one; '' at the end. */
  #peek(): string {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? EOF : String.fromCodePoint(code);
  }

  #advance(): string {
    const c = this.#peek();
    this.#at += c.length;
    if (c === '\n') {
      this.#line++;
      this.#column = 1;
    } else if (c !== EOF) this.#column++;
    return c;
  }

  /** Consul's scanner moves its column on each time it looks past the end, which shows in messages about EOF. */
  #pastEnd(): void {
    if (this.#peek() === EOF) this.#column++;
  }

  #position(): Position {
    return { offset: this.#at, line: this.#line, column: this.#column };
  }

  #positionBefore(c: string): Position {
    return { offset: this.#at - c.length, line: this.#line, column: this.#column - 1 };
  }
}

function isDigit(c: string): boolean {
  return c >= '0' && c <= '9' && c.length === 1;
}

function isOctal(c: string): boolean {
  return c >= '0' && c <= '7' && c.length === 1;
}
