import { type EndText, Scanner } from './scanner.ts';
import { decodeKeepingStray, hasStray, replaceStray } from './utf8.ts';
import type { JsonValue } from './value.ts';

/** Nesting that Go's decoder accepts. */
export const MAX_DEPTH = 10_000;

export interface ParseOptions {
  /** Deepest nesting of arrays and objects. Default {@link MAX_DEPTH}. */
  readonly maxDepth?: number;
}

const STREAM_END: EndText = { empty: 'EOF', cut: 'unexpected EOF', asSpace: false };
const DOCUMENT_END: EndText = {
  empty: 'unexpected end of JSON input',
  cut: 'unexpected end of JSON input',
  asSpace: true,
};

/** What the platform's parser would read differently: long integers, escaped surrogates, overflowing exponents. */
const NEEDS_SCANNER = /\d{16}|\\u[dD][89a-fA-F]|\d[eE]\+?\d{3}/;

/**
 * Reads the first JSON value and ignores what follows it, as Go's json.Decoder does with a request body.
 * Throws {@link GoJsonError}: `EOF` for an empty input, `unexpected EOF` for one that is cut.
 */
export function parseJson(input: Uint8Array | string, options: ParseOptions = {}): JsonValue {
  const maxDepth = options.maxDepth ?? MAX_DEPTH;
  const text = textOf(input);
  return parseNative(text, maxDepth) ?? new Scanner(text, maxDepth, STREAM_END).read();
}

/** Reads a text that is one JSON value and nothing else, as Go's json.Unmarshal does. Throws {@link GoJsonError}. */
export function parseJsonDocument(input: Uint8Array | string, options: ParseOptions = {}): JsonValue {
  const maxDepth = options.maxDepth ?? MAX_DEPTH;
  const text = textOf(input);
  const native = parseNative(text, maxDepth);
  if (native !== undefined) return native;
  const scanner = new Scanner(text, maxDepth, DOCUMENT_END);
  const value = scanner.read();
  scanner.expectEnd();
  return value;
}

/** The text to scan: well-formed if it was given as a string, with stray bytes marked if it was given as bytes. */
function textOf(input: Uint8Array | string): string {
  if (typeof input !== 'string') return decodeKeepingStray(input);
  return hasStray(input) ? replaceStray(input) : input;
}

/** The value by the platform's parser, which is several times faster; undefined where only the scanner is right. */
function parseNative(text: string, maxDepth: number): JsonValue | undefined {
  if (NEEDS_SCANNER.test(text) || mayExceedDepth(text, maxDepth) || hasStray(text)) return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** Counts opening brackets, also those inside strings: an upper bound of the depth. */
function mayExceedDepth(text: string, maxDepth: number): boolean {
  if (text.length <= maxDepth) return false;
  let count = 0;
  for (const bracket of ['[', '{']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (++count > maxDepth) return true;
    }
  }
  return false;
}
