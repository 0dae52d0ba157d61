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

interface Indexed {
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** As {@link own}, of a row that is stored with these indexes. */
export function ownRow<T extends Indexed>(row: T, CreateIndex: number, ModifyIndex: number): T {
  const out = copyRecord(row);
  out['CreateIndex'] = CreateIndex;
  out['ModifyIndex'] = ModifyIndex;
  return out as T;
}

function copy(value: unknown): unknown {
  if (typeof value === 'string') return ownText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(copy);
  // What is in a zero record: it is shared by all of them, and nobody can change it.
  return Object.isFrozen(value) ? value : copyRecord(value);
}

/** Copied whole, so that the engine keeps the shape. Names of properties never are windows. */
function copyRecord(value: object): Record<string, unknown> {
  const hasNoPrototype = Object.getPrototypeOf(value) === null;
  const out: Record<string, unknown> = hasNoPrototype ? Object.assign(Object.create(null), value) : { ...value };
  for (const key of Object.keys(out)) {
    const inner = out[key];
    if (typeof inner === 'object' || (typeof inner === 'string' && inner.length >= WINDOW_LENGTH_MIN)) {
      out[key] = copy(inner);
    }
  }
  return out;
}
