import { BACKSLASH, CLOSE_LIST, CLOSE_OBJECT, COLON, MINUS, OPEN_LIST, OPEN_OBJECT, QUOTE } from './letters.ts';
import { MAX_EXACT_INTEGER_DIGITS } from './scan.ts';
import { type JsonObject, type JsonValue, setOwn } from './value.ts';

type Container = { readonly value: JsonValue[] | JsonObject; key: string };

const WORDS: ReadonlyMap<number, readonly [JsonValue, number]> = new Map([
  [0x74, [true, 4]],
  [0x66, [false, 5]],
  [0x6e, [null, 4]],
] as const);

/** Values that are made in one step. */
const STEP_VALUES = 4096;

/**
 * The value of a text that is known to be well-formed, in steps of a few thousand values. Slower than the platform's parser, but integers
 * keep their digits. Keeps its own stack.
 */
export function* build(text: string): Generator<void, JsonValue> {
  const stack: Container[] = [];
  let made = 0;
  let at = 0;
  for (;;) {
    const unit = text.charCodeAt(at);
    if (isBetween(unit)) at++;
    else if (unit === OPEN_LIST || unit === OPEN_OBJECT) {
      stack.push({ value: unit === OPEN_LIST ? [] : {}, key: '' });
      at++;
    } else {
      let value: JsonValue;
      const start = at;
      if (unit === CLOSE_LIST || unit === CLOSE_OBJECT) {
        value = stack.pop()!.value;
        at++;
      } else if (unit === QUOTE) {
        at = stringEnd(text, start);
        value = stringOf(text.slice(start, at));
      } else {
        const word = WORDS.get(unit);
        at = word === undefined ? numberEnd(text, start) : start + word[1];
        value = word === undefined ? numberOf(text.slice(start, at)) : word[0];
      }
      const top = stack.at(-1);
      if (top === undefined) return value;
      if (++made % STEP_VALUES === 0) yield;
      if (Array.isArray(top.value)) top.value.push(value);
      else if (unit === QUOTE && isKey(text, at)) top.key = value as string;
      else setOwn(top.value, top.key, value);
    }
  }
}

/** White space, a comma or a colon. */
const isBetween = (unit: number): boolean => unit <= 0x20 || unit === 0x2c || unit === COLON;

function isKey(text: string, from: number): boolean {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === COLON;
}

/** Position behind the quote that closes the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let slashes = at;
    while (text.charCodeAt(slashes - 1) === BACKSLASH) slashes--;
    if ((at - slashes) % 2 === 0) return at + 1;
  }
}

const stringOf = (literal: string): string =>
  literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);

/** Digits, a point, an exponent with its sign. */
const isOfNumber = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || unit === MINUS || unit === 0x2e || unit === 0x65 || unit === 0x45 || unit === 0x2b;

function numberEnd(text: string, start: number): number {
  let at = start + 1;
  while (isOfNumber(text.charCodeAt(at))) at++;
  return at;
}

function numberOf(literal: string): JsonValue {
  const value = Number(literal);
  if (Number.isSafeInteger(value) || literal.length > MAX_EXACT_INTEGER_DIGITS + 1) return value;
  return /^-?\d+$/.test(literal) ? BigInt(literal) : value;
}
