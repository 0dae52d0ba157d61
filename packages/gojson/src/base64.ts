import { GoJsonError } from './errors.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;
/** Below this size joining short strings is faster than filling a buffer. */
const SMALL_BYTES = 96;

const codes = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0));
/** Both digits of each twelve bits. Made for the first value: many programs never write one. */
let pairs: readonly string[] | undefined;

function makePairs(): readonly string[] {
  const made: string[] = [];
  for (let i = 0; i < 4096; i++) made.push(ALPHABET[i >> 6]! + ALPHABET[i & 63]!);
  pairs = made;
  return made;
}

const digits = new Int8Array(256).fill(-1);
for (let i = 0; i < codes.length; i++) digits[codes[i]!] = i;

const ascii = new TextDecoder();

/** Newer platforms encode themselves. */
type NativeBytes = Uint8Array & { toBase64?: () => string };

/** Node's buffers decode fast but pass over what is not base64. Other platforms do without. */
interface LenientDecoder {
  from(text: string, encoding: 'base64'): Uint8Array;
}
const lenient = (globalThis as { Buffer?: LenientDecoder }).Buffer;
/** Below this size the loop is as fast. */
const LENIENT_MIN = 32;
/** The decoder would take such a character for another one. In texts of one-byte characters the engine knows at once that there is none. */
const WIDE = /[^\0-\xff]/;

/** Undefined when there is anything but plain groups of four: then the careful reader has to see it. */
function decodePlain(text: string, decoder: LenientDecoder): Uint8Array | undefined {
  if (text.length % 4 !== 0 || WIDE.test(text)) return undefined;
  // The digits of another alphabet, which the decoder knows too.
  if (text.includes('-') || text.includes('_')) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const read = decoder.from(text, 'base64');
  // A byte too few shows that something was passed over.
  if (read.length !== (text.length / 4) * 3 - padding) return undefined;
  return new Uint8Array(read.buffer, read.byteOffset, read.length);
}

/** Standard base64 with padding (RFC 4648, section 4), as Go writes byte slices in JSON. */
export function encodeBase64(bytes: Uint8Array): string {
  const native = (bytes as NativeBytes).toBase64;
  if (native !== undefined) return native.call(bytes);
  return bytes.length <= SMALL_BYTES ? encodeSmall(bytes) : encodeLarge(bytes);
}

function encodeSmall(bytes: Uint8Array): string {
  const two = pairs ?? makePairs();
  const whole = bytes.length - (bytes.length % 3);
  let out = '';
  for (let i = 0; i < whole; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    out += two[group >> 12]! + two[group & 4095]!;
  }
  return out + tail(bytes, whole);
}

function encodeLarge(bytes: Uint8Array): string {
  const whole = bytes.length - (bytes.length % 3);
  const out = new Uint8Array((whole / 3) * 4);
  for (let i = 0, o = 0; i < whole; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    out[o++] = codes[group >> 18]!;
    out[o++] = codes[(group >> 12) & 63]!;
    out[o++] = codes[(group >> 6) & 63]!;
    out[o++] = codes[group & 63]!;
  }
  return ascii.decode(out) + tail(bytes, whole);
}

function tail(bytes: Uint8Array, from: number): string {
  const first = bytes[from];
  const second = bytes[from + 1];
  if (first === undefined) return '';
  const two = pairs ?? makePairs();
  if (second === undefined) return two[first << 4]! + '==';
  const group = (first << 16) | (second << 8);
  return two[group >> 12]! + ALPHABET[(group >> 6) & 63]! + '=';
}

/**
 * Reads standard base64 with padding; line breaks are ignored. Throws {@link GoJsonError}
 * `illegal base64 data at input byte N` as Go's StdEncoding does.
 */
export function decodeBase64(text: string): Uint8Array {
  if (lenient !== undefined && text.length >= LENIENT_MIN) {
    const plain = decodePlain(text, lenient);
    if (plain !== undefined) return plain;
  }
  const out = new Uint8Array(Math.floor((text.length * 3) / 4) + 3); // Room for the whole last group.
  const quads = text.length - 4;
  let at = 0;
  let size = 0;
  while (at <= quads) {
    const group = quad(text, at);
    if (group < 0) break;
    out[size++] = group >> 16;
    out[size++] = group >> 8;
    out[size++] = group;
    at += 4;
  }
  return decodeRest(text, at, out, size);
}

/** Twenty-four bits of four digits without breaks or padding; negative if they are anything else. */
function quad(text: string, at: number): number {
  const a = digits[text.charCodeAt(at)] ?? -1;
  const b = digits[text.charCodeAt(at + 1)] ?? -1;
  const c = digits[text.charCodeAt(at + 2)] ?? -1;
  const d = digits[text.charCodeAt(at + 3)] ?? -1;
  return (a | b | c | d) < 0 ? -1 : (a << 18) | (b << 12) | (c << 6) | d;
}

/** The careful reader, from the first group that is not plain to the end. */
function decodeRest(text: string, from: number, out: Uint8Array, done: number): Uint8Array {
  const group: number[] = [];
  let size = done;
  let at = from;
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (isBreak(unit)) continue;
    if (unit === PAD) return out.subarray(0, size + closeGroup(text, at, group, out, size));
    const digit = digits[unit] ?? -1;
    if (digit < 0) fail(at);
    group.push(digit);
    if (group.length === 4) {
      size += flush(group, out, size);
      group.length = 0;
    }
  }
  if (group.length > 0) fail(at - group.length);
  return out.subarray(0, size);
}

/** Handles padding that starts at `at` and returns the bytes of the last, short group. */
function closeGroup(text: string, at: number, group: number[], out: Uint8Array, size: number): number {
  if (group.length < 2) fail(at);
  let next = skipBreaks(text, at + 1);
  if (group.length === 2) {
    if (next >= text.length) fail(text.length);
    if (text.charCodeAt(next) !== PAD) fail(next - 1);
    next = skipBreaks(text, next + 1);
  }
  if (next < text.length) fail(next);
  return flush(group, out, size);
}

function flush(group: readonly number[], out: Uint8Array, size: number): number {
  const bits = (group[0]! << 18) | (group[1]! << 12) | ((group[2] ?? 0) << 6) | (group[3] ?? 0);
  out[size] = bits >> 16;
  out[size + 1] = bits >> 8;
  out[size + 2] = bits;
  return group.length - 1;
}

const isBreak = (unit: number): boolean => unit === 0x0a || unit === 0x0d;

function skipBreaks(text: string, from: number): number {
  let at = from;
  while (isBreak(text.charCodeAt(at))) at++;
  return at;
}

function fail(at: number): never {
  throw new GoJsonError(`illegal base64 data at input byte ${at}`, at);
}
