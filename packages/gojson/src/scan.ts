import { GoJsonError, quoteByte, TooManyValuesError } from './errors.ts';
import { BACKSLASH, CLOSE_LIST, CLOSE_OBJECT, COLON, MINUS, OPEN_LIST, OPEN_OBJECT, QUOTE } from './letters.ts';

/** Integers of up to this many digits keep every digit (as bigint where needed); longer ones become doubles. */
export const MAX_EXACT_INTEGER_DIGITS = 20;

/** What to say at the end of the input: the words differ between the two ways of reading. */
export type EndText = {
  readonly empty: string;
  readonly cut: string;
  /** Go's Unmarshal takes the end for a space, and says so where a space is not allowed. */
  readonly asSpace: boolean;
};

export interface Bounds {
  readonly maxDepth: number;
  readonly maxValues: number;
}

const PLUS = 0x2b;
const COMMA = 0x2c;
const POINT = 0x2e;
const ZERO = 0x30;
const SPACE = 0x20;
const U = 0x75;
/** Doubles of fewer digits and with exponents of fewer digits never overflow. */
const DIGITS_MAX = 308;
const EXPONENT_DIGITS_MAX = 2;
/** Longer numbers are cut in error texts, which are answered and logged; Go prints them whole. */
const LITERAL_SHOWN_MAX = 1024;
/** The platform's parser reads integers of fewer digits exactly. */
const LONG_INTEGER_DIGITS = 16;

const table = (text: string): Uint8Array => {
  const made = new Uint8Array(256);
  for (const letter of text) made[letter.charCodeAt(0)] = 1;
  return made;
};
const IS_SPACE = table(' \n\r\t');
const IS_ESCAPE = table('"\\/bfnrt');
/** What stands for itself in a string; from 0x80 on too, whether it is UTF-8 or not. */
const IS_PLAIN = new Uint8Array(256).fill(1, SPACE);
IS_PLAIN[QUOTE] = 0;
IS_PLAIN[BACKSLASH] = 0;
/** The digit's value plus one. */
const HEX = new Uint8Array(256);
'0123456789abcdef'.split('').forEach((letter, value) => {
  HEX[letter.charCodeAt(0)] = value + 1;
  HEX[letter.toUpperCase().charCodeAt(0)] = value + 1;
});
const REPLACEMENT = Uint8Array.from('fffd', (letter) => letter.charCodeAt(0));
const WORDS: Readonly<Record<number, string>> = { 116: 'true', 102: 'false', 110: 'null' };

/** Which containers are open, the outermost first: 1 for an object. Grows as it has to. */
const FIRST_DEPTH = 64;

const latin1 = new TextDecoder('latin1');

/**
 * Looks through JSON (RFC 8259) without making any value: a nanosecond or two for each byte, whatever is in it. Afterwards the
 * platform's parser reads {@link bytes} up to {@link end} as Go would, apart from stray bytes (see `decodeGoUtf8`) and
 * {@link hasLongIntegers}. Throws {@link GoJsonError} with Go's texts, and {@link TooManyValuesError}.
 */
export class Scan {
  /** The input; a copy where escapes of unpaired surrogates had to be replaced by that of U+FFFD. */
  bytes: Uint8Array;
  /** Where the value ends. */
  end = 0;
  /** There are integers that a double may not hold exactly. */
  hasLongIntegers = false;
  readonly #bounds: Bounds;
  readonly #endText: EndText;
  readonly #size: number;
  #containers = new Uint8Array(FIRST_DEPTH);
  #depth = 0;
  #values = 0;
  #at = 0;
  #isCopy = false;
  #overflow: GoJsonError | undefined;

  constructor(bytes: Uint8Array, bounds: Bounds, endText: EndText) {
    this.bytes = bytes;
    this.#bounds = bounds;
    this.#endText = endText;
    this.#size = bytes.length;
  }

  /** The value that stands first; what follows it is left alone. */
  value(): this {
    do {
      // A value, then whatever closes after it. A container that has just been opened goes on with its first value.
      if (this.#open()) while (this.#depth > 0 && this.#after());
    } while (this.#depth > 0);
    if (this.#overflow !== undefined) throw this.#overflow;
    this.end = this.#at;
    return this;
  }

  /** One value and nothing else. */
  document(): this {
    this.value();
    if (this.#skipSpace() >= 0) this.#fail('after top-level value');
    return this;
  }

  /** Passes a scalar or an empty container: true. False after opening a container whose first value comes next. */
  #open(): boolean {
    if (++this.#values > this.#bounds.maxValues) throw new TooManyValuesError(this.#bounds.maxValues);
    const byte = this.#skipSpace();
    if (byte === QUOTE) this.#string();
    else if (byte === OPEN_OBJECT) {
      this.#push(1);
      if (this.#skipSpace() !== CLOSE_OBJECT) {
        this.#key();
        return false;
      }
      this.#close();
    } else if (byte === OPEN_LIST) {
      this.#push(0);
      if (this.#skipSpace() !== CLOSE_LIST) return false;
      this.#close();
    } else if (WORDS[byte] !== undefined) this.#word(WORDS[byte]);
    else this.#number();
    return true;
  }

  /** After a value in a container: true when that is the container's end, false when another value comes. */
  #after(): boolean {
    const isObject = this.#containers[this.#depth - 1] === 1;
    const byte = this.#skipSpace();
    if (byte === COMMA) {
      this.#at++;
      if (isObject) this.#key();
      return false;
    }
    if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_LIST)) {
      this.#fail(isObject ? 'after object key:value pair' : 'after array element');
    }
    this.#close();
    return true;
  }

  #push(container: 0 | 1): void {
    if (this.#depth >= this.#bounds.maxDepth) this.#fail('exceeded max depth');
    if (this.#depth === this.#containers.length) {
      const grown = new Uint8Array(2 * this.#depth);
      grown.set(this.#containers);
      this.#containers = grown;
    }
    this.#containers[this.#depth++] = container;
    this.#at++;
  }

  #close(): void {
    this.#depth--;
    this.#at++;
  }

  #key(): void {
    if (this.#skipSpace() !== QUOTE) this.#fail('looking for beginning of object key string');
    this.#string();
    if (this.#skipSpace() !== COLON) this.#fail('after object key');
    this.#at++;
  }

  #word(word: string): void {
    for (let i = 1; i < word.length; i++) {
      const wanted = word.charCodeAt(i);
      if (this.#byte(++this.#at) !== wanted) this.#fail(`in literal ${word} (expecting ${quoteByte(wanted)})`);
    }
    this.#at++;
  }

  #number(): void {
    const start = this.#at;
    if (this.#byte(start) === MINUS) {
      this.#at++;
      if (!this.#isDigit()) this.#fail('in numeric literal');
    } else if (!this.#isDigit()) this.#fail('looking for beginning of value');
    const from = this.#at;
    if (this.#byte(from) === ZERO) this.#at++;
    else this.#digits();
    const digits = this.#at - from;
    const isInteger = this.#byte(this.#at) !== POINT;
    if (!isInteger) {
      this.#at++;
      if (!this.#isDigit()) this.#fail('after decimal point in numeric literal');
      this.#digits();
    }
    const exponent = this.#exponent();
    if (isInteger && exponent === 0 && digits >= LONG_INTEGER_DIGITS) this.hasLongIntegers = true;
    if (digits > DIGITS_MAX || exponent > EXPONENT_DIGITS_MAX) this.#checkFinite(start);
  }

  /** Passes an exponent; its digits, 0 when there is none. */
  #exponent(): number {
    const letter = this.#byte(this.#at);
    if (letter !== 0x65 && letter !== 0x45) return 0;
    const sign = this.#byte(++this.#at);
    if (sign === PLUS || sign === MINUS) this.#at++;
    if (!this.#isDigit()) this.#fail('in exponent of numeric literal');
    const from = this.#at;
    this.#digits();
    return this.#at - from;
  }

  /** What does not fit is only told when the whole value is well-formed, as Go does. */
  #checkFinite(start: number): void {
    if (this.#overflow !== undefined) return;
    const literal = latin1.decode(this.bytes.subarray(start, this.#at));
    if (Number.isFinite(Number(literal))) return;
    const shown = literal.length > LITERAL_SHOWN_MAX ? `${literal.slice(0, LITERAL_SHOWN_MAX)}...` : literal;
    const text = `json: cannot unmarshal number ${shown} into Go value of type float64`;
    this.#overflow = new GoJsonError(text, this.#at);
  }

  #digits(): void {
    const { bytes } = this;
    const size = this.#size;
    let at = this.#at;
    while (at < size && (bytes[at]! - ZERO) >>> 0 <= 9) at++;
    this.#at = at;
  }

  #isDigit(): boolean {
    return (this.#byte(this.#at) - ZERO) >>> 0 <= 9;
  }

  #string(): void {
    const size = this.#size;
    let { bytes } = this;
    let at = this.#at + 1;
    for (;;) {
      while (at < size && IS_PLAIN[bytes[at]!] === 1) at++;
      const next = at + 1;
      if (next < size && bytes[at] === BACKSLASH && IS_ESCAPE[bytes[next]!] === 1) {
        at += 2;
        continue;
      }
      this.#at = at;
      if (this.#byte(at) === QUOTE) break;
      if (this.#byte(at) !== BACKSLASH) this.#fail('in string literal'); // A control character, or the end.
      this.#at = next;
      if (this.#byte(next) !== U) this.#fail('in string escape code');
      this.#unicode();
      ({ bytes } = this);
      at = this.#at;
    }
    this.#at = at + 1;
  }

  /** Passes four digits after the `u` at the current position; with those of the other half, where it is a surrogate that has one. */
  #unicode(): void {
    const start = this.#at + 1;
    const unit = this.#hex4();
    if ((unit & 0xf800) !== 0xd800) return;
    const next = this.#at;
    if (unit < 0xdc00 && this.#byte(next) === BACKSLASH && this.#byte(next + 1) === U) {
      this.#at = next + 1;
      if ((this.#hex4() & 0xfc00) === 0xdc00) return;
      this.#at = next;
    }
    if (!this.#isCopy) this.bytes = this.bytes.slice();
    this.#isCopy = true;
    for (let i = 0; i < REPLACEMENT.length; i++) this.bytes[start + i] = REPLACEMENT[i]!;
  }

  #hex4(): number {
    const { bytes } = this;
    const end = Math.min(this.#at + 5, this.#size);
    let unit = 0;
    let at = this.#at + 1;
    for (; at < end; at++) {
      const digit = HEX[bytes[at]!]!;
      if (digit === 0) break;
      unit = unit * 16 + digit - 1;
    }
    const isWhole = at === this.#at + 5;
    this.#at = at;
    if (!isWhole) this.#fail('in \\u hexadecimal character escape');
    return unit;
  }

  /** The byte after white space, which becomes the current one; -1 at the end. */
  #skipSpace(): number {
    const { bytes } = this;
    const size = this.#size;
    let at = this.#at;
    while (at < size && IS_SPACE[bytes[at]!] === 1) at++;
    this.#at = at;
    return at < size ? bytes[at]! : -1;
  }

  #byte(at: number): number {
    return at < this.#size ? this.bytes[at]! : -1;
  }

  /** Throws for the byte at the current position, or for the end of the input when there is none. */
  #fail(context: string): never {
    const at = this.#at;
    const atEnd = at >= this.#size;
    if (atEnd && !(this.#endText.asSpace && refusesSpace(context))) {
      const isEmpty = this.#depth === 0 && context === 'looking for beginning of value';
      throw new GoJsonError(isEmpty ? this.#endText.empty : this.#endText.cut, at);
    }
    throw new GoJsonError(`invalid character ${quoteByte(atEnd ? SPACE : this.bytes[at]!)} ${context}`, at + 1);
  }
}

/** Inside literals, numbers and escapes; white space is fine between tokens and in strings. */
function refusesSpace(context: string): boolean {
  return /^in (?!string literal)|^after decimal/.test(context);
}
