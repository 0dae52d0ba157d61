import { fromUtf8, utf8 } from '@proconsul/base';

/** Shorter texts are always copied by the engine; longer ones may be a window into the text that they were cut from. */
const WINDOW_LENGTH_MIN = 13;

/** The same text with memory of its own. Lone surrogates become U+FFFD, as on every server that reads it from the log. */
export function ownText(text: string): string {
  return text.length < WINDOW_LENGTH_MIN ? text : fromUtf8(utf8(text));
}

/** A copy of a plain record that keeps nothing else alive: no request body, no network buffer. */
export function own<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value === 'string') return ownText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(copy);
  const out: Record<string, unknown> = Object.create(Object.getPrototypeOf(value));
  for (const key of Object.keys(value)) {
    const inner = copy((value as Record<string, unknown>)[key]);
    if (key === '__proto__') {
      Object.defineProperty(out, key, { value: inner, writable: true, enumerable: true, configurable: true });
    } else out[ownText(key)] = inner;
  }
  return out;
}
