import { build } from './build.ts';
import { type Bounds, type EndText, Scan } from './scan.ts';
import { decodeGoUtf8, hasSurrogate, strictUtf8 } from './utf8.ts';
import type { JsonValue } from './value.ts';

/** Nesting that Go's decoder accepts. */
export const MAX_DEPTH = 10_000;

export interface ParseOptions {
  /** Deepest nesting of arrays and objects. Default {@link MAX_DEPTH}. */
  readonly maxDepth?: number;
  /** Most values, those of arrays and objects and these themselves counted; any number unless told. Beyond: {@link TooManyValuesError}. */
  readonly maxValues?: number;
}

const STREAM_END: EndText = { empty: 'EOF', cut: 'unexpected EOF', asSpace: false };
const DOCUMENT_END: EndText = {
  empty: 'unexpected end of JSON input',
  cut: 'unexpected end of JSON input',
  asSpace: true,
};

/** Shorter input is given to the platform's parser at once; nearly all of it is fine. */
const SMALL = 8192;
/** Longer bytes too, unless they may nest too deeply or have too many values. */
const MEDIUM = 128 * 1024;

/** What the platform's parser would read differently: long integers, escaped surrogates, overflowing exponents. */
const NEEDS_SCAN = /\d{16}|\\u[dD][89a-fA-F]|\d[eE]\+?\d{3}/;

const encoder = new TextEncoder();

/**
 * Reads the first JSON value and ignores what follows it, as Go's json.Decoder does with a request body.
 * Throws {@link GoJsonError}: `EOF` for an empty input, `unexpected EOF` for one that is cut.
 */
export function parseJson(input: Uint8Array | string, options: ParseOptions = {}): JsonValue {
  const bounds = boundsOf(options);
  return parseSmall(input, bounds) ?? readValue(new Scan(bytesOf(input), bounds, STREAM_END).value());
}

/** Reads a text that is one JSON value and nothing else, as Go's json.Unmarshal does. Throws {@link GoJsonError}. */
export function parseJsonDocument(input: Uint8Array | string, options: ParseOptions = {}): JsonValue {
  const bounds = boundsOf(options);
  return parseSmall(input, bounds) ?? readValue(new Scan(bytesOf(input), bounds, DOCUMENT_END).document());
}

const UNBOUNDED: Bounds = { maxDepth: MAX_DEPTH, maxValues: Number.POSITIVE_INFINITY };

function boundsOf({ maxDepth, maxValues }: ParseOptions): Bounds {
  if (maxDepth === undefined && maxValues === undefined) return UNBOUNDED;
  return { maxDepth: maxDepth ?? UNBOUNDED.maxDepth, maxValues: maxValues ?? UNBOUNDED.maxValues };
}

/** Lone surrogates become U+FFFD. */
const bytesOf = (input: Uint8Array | string): Uint8Array => (typeof input === 'string' ? encoder.encode(input) : input);

/** The value of a short text by the platform's parser; undefined where it would be wrong, or finds an error. */
function parseSmall(input: Uint8Array | string, bounds: Bounds): JsonValue | undefined {
  // No text nests deeper than it is long, nor has more values.
  const isSmall = input.length <= Math.min(SMALL, bounds.maxDepth, bounds.maxValues);
  if (!isSmall && (typeof input === 'string' || !isWithin(input, bounds))) return undefined;
  try {
    const text = typeof input === 'string' ? input : strictUtf8.decode(input);
    if (NEEDS_SCAN.test(text) || (typeof input === 'string' && hasSurrogate(text))) return undefined;
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** Whether `bytes` are certainly within the bounds: before every value but the first there is a comma or an opening bracket. */
function isWithin(bytes: Uint8Array, { maxDepth, maxValues }: Bounds): boolean {
  if (bytes.length > MEDIUM) return false;
  let values = 1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === 0x2c || (byte | 0x20) === 0x7b) values++;
  }
  return values <= Math.min(maxDepth, maxValues);
}

/** The value of what is known to be well-formed. */
function readValue(scan: Scan): JsonValue {
  const text = textOf(scan);
  if (!scan.hasLongIntegers) return JSON.parse(text) as JsonValue;
  const building = build(text);
  for (;;) {
    const { done, value } = building.next();
    if (done) return value;
  }
}

const textOf = (scan: Scan): string => decodeGoUtf8(scan.bytes.subarray(0, scan.end));

/**
 * As {@link parseJson}, in steps that each take a few nanoseconds for a byte at the most: the caller may look after others between
 * them. The last one returns the value.
 */
export function* parseJsonInSteps(input: Uint8Array, options: ParseOptions = {}): Generator<void, JsonValue> {
  const scan = new Scan(input, boundsOf(options), STREAM_END).value();
  yield;
  const text = textOf(scan);
  yield;
  return scan.hasLongIntegers ? yield* build(text) : (JSON.parse(text) as JsonValue);
}
