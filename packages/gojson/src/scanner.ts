import { GoJsonError, quoteByte } from './errors.ts';
import { hasStray, leadByte, replaceStray, utf8Size } from './utf8.ts';
import { type JsonObject, type JsonValue, setOwn } from './value.ts';

/** Integers of up to this many digits keep every digit (as bigint where needed); longer ones become doubles. */
export const MAX_EXACT_INTEGER_DIGITS = 20;

/** What to say at the end of the input: the words differ between the two ways of reading. */
export type EndText = {
  readonly empty: string;
  readonly cut: string;
  /** Go's Unmarshal takes the end for a space, and says so where a space is not allowed. */
  readonly asSpace: boolean;
};

type Container = { readonly value: JsonValue[] | JsonObject; key: string };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Reads JSON (RFC 8259) with Go's error texts. Keeps its own stack, so that nesting is bounded by `maxDepth` and
 * never by the size of the call stack. Unpaired surrogates, raw or escaped, become U+FFFD.
 */
export class Scanner {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #end: EndText;
  readonly #stack: Container[] = [];
  #at = 0;

  constructor(text: string, maxDepth: number, end: EndText) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#end = end;
  }

  /** The value that starts at the current position; what follows it is left alone. */
  read(): JsonValue {
    for (;;) {
      let value = this.#open();
      if (value === undefined) continue;
      for (;;) {
        const top = this.#stack.at(-1);
        if (top === undefined) return value;
        if (this.#attach(top, value)) break;
        this.#stack.pop();
        value = top.value;
      }
    }
  }

  /** Throws unless only white space is left. */
  expectEnd(): void {
    if (this.#skipSpace() !== undefined) this.#fail('after top-level value');
  }

  /** A whole scalar or empty container; undefined after opening a container whose first value comes next. */
  #open(): JsonValue | undefined {
    switch (this.#skipSpace()) {
      case '{':
        return this.#openObject();
      case '[':
        this.#push([]);
        if (this.#skipSpace() !== ']') return undefined;
        return this.#close();
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      case undefined:
        return this.#fail('');
      default:
        return this.#number();
    }
  }

  #openObject(): JsonValue | undefined {
    this.#push({});
    if (this.#skipSpace() === '}') return this.#close();
    this.#key();
    return undefined;
  }

  #close(): JsonValue {
    this.#at++;
    return this.#stack.pop()!.value;
  }

  #push(value: JsonValue[] | JsonObject): void {
    if (this.#stack.length >= this.#maxDepth) this.#fail('exceeded max depth');
    this.#stack.push({ value, key: '' });
    this.#at++;
  }

  /** Puts `value` into `top`. True when another value follows, false when `top` has just been closed. */
  #attach(top: Container, value: JsonValue): boolean {
    const isArray = Array.isArray(top.value);
    if (Array.isArray(top.value)) top.value.push(value);
    else setOwn(top.value, top.key, value);
    const next = this.#skipSpace();
    if (next === (isArray ? ']' : '}')) {
      this.#at++;
      return false;
    }
    if (next !== ',') this.#fail(isArray ? 'after array element' : 'after object key:value pair');
    this.#at++;
    if (!isArray) this.#key();
    return true;
  }

  #key(): void {
    if (this.#skipSpace() !== '"') this.#fail('looking for beginning of object key string');
    this.#stack.at(-1)!.key = this.#string();
    if (this.#skipSpace() !== ':') this.#fail('after object key');
    this.#at++;
  }

  #literal<T extends JsonValue>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      this.#at++;
      if (this.#text[this.#at] !== word[i])
        this.#fail(`in literal ${word} (expecting ${quoteByte(word.charCodeAt(i))})`);
    }
    this.#at++;
    return value;
  }

  #number(): JsonValue {
    const start = this.#at;
    if (this.#text[this.#at] === '-') {
      this.#at++;
      if (!this.#isDigit()) this.#fail('in numeric literal');
    } else if (!this.#isDigit()) {
      this.#fail('looking for beginning of value');
    }
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits();
    const isInteger = !this.#fraction();
    const literal = this.#text.slice(start, this.#at);
    const value = Number(literal);
    if (isInteger && !Number.isSafeInteger(value) && literal.length <= MAX_EXACT_INTEGER_DIGITS + 1)
      return BigInt(literal);
    if (!Number.isFinite(value)) {
      throw new GoJsonError(`json: cannot unmarshal number ${literal} into Go value of type float64`, this.#offset());
    }
    return value;
  }

  /** Reads what may follow the integer part. True when there was something. */
  #fraction(): boolean {
    const start = this.#at;
    if (this.#text[this.#at] === '.') {
      this.#at++;
      if (!this.#isDigit()) this.#fail('after decimal point in numeric literal');
      this.#digits();
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      if (!this.#isDigit()) this.#fail('in exponent of numeric literal');
      this.#digits();
    }
    return this.#at > start;
  }

  #isDigit(): boolean {
    const unit = this.#text.charCodeAt(this.#at);
    return unit >= 0x30 && unit <= 0x39;
  }

  #digits(): void {
    while (this.#isDigit()) this.#at++;
  }

  #string(): string {
    const text = this.#text;
    let result = '';
    let from = ++this.#at;
    for (;;) {
      const unit = text.charCodeAt(this.#at);
      if (unit === QUOTE) break;
      if (unit === BACKSLASH) {
        result += text.slice(from, this.#at) + this.#escape();
        from = this.#at;
      } else if (unit >= 0x20) {
        this.#at++;
      } else {
        this.#fail('in string literal'); // A control character, or NaN at the end of the input.
      }
    }
    result += text.slice(from, this.#at++);
    return hasStray(result) ? replaceStray(result) : result;
  }

  #escape(): string {
    const letter = this.#text[++this.#at] ?? '';
    if (letter !== 'u') {
      const plain = ESCAPES[letter];
      if (plain === undefined) this.#fail('in string escape code');
      this.#at++;
      return plain!;
    }
    const unit = this.#hex4();
    if ((unit & 0xf800) !== 0xd800) return String.fromCharCode(unit);
    if (unit < 0xdc00 && this.#text.startsWith('\\u', this.#at)) {
      const before = this.#at;
      this.#at++;
      const low = this.#hex4();
      if ((low & 0xfc00) === 0xdc00) return String.fromCharCode(unit, low);
      this.#at = before;
    }
    return '\ufffd';
  }

  /** Four hexadecimal digits after the `u` at the current position. */
  #hex4(): number {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = Number.parseInt(this.#text[++this.#at] ?? '', 16);
      if (Number.isNaN(digit)) this.#fail('in \\u hexadecimal character escape');
      unit = unit * 16 + digit;
    }
    this.#at++;
    return unit;
  }

  #skipSpace(): string | undefined {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return this.#text[this.#at];
      this.#at++;
    }
  }

  #offset(): number {
    return utf8Size(this.#text, this.#at);
  }

  /** Throws for the character at the current position, or for the end of the input when there is none. */
  #fail(context: string): never {
    const atEnd = this.#at >= this.#text.length;
    if (atEnd && !(this.#end.asSpace && refusesSpace(context))) {
      const isEmpty = this.#text.trim() === '';
      throw new GoJsonError(isEmpty ? this.#end.empty : this.#end.cut, this.#offset());
    }
    const text = `invalid character ${quoteByte(atEnd ? SPACE : leadByte(this.#text, this.#at))} ${context}`;
    throw new GoJsonError(text, this.#offset() + 1);
  }
}

/** Inside literals, numbers and escapes; white space is fine between tokens and in strings. */
function refusesSpace(context: string): boolean {
  return /^in (?!string literal)|^after decimal/.test(context);
}
