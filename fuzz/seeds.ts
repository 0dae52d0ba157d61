import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex, unhex, utf8 } from '@proconsul/base';

/** Seeds taken from one file. */
const SEEDS_MAX = 400;
const SEED_BYTES_MAX = 16 * 1024;

function json(path: string): unknown {
  return JSON.parse(readFileSync(join('packages', path), 'utf8'));
}

/** Every text in a JSON value. */
function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield key;
      yield* textsIn(item);
    }
  }
}

/** Everything in a file of recorded vectors that looks like bytes in hex, each once. */
export function recordedHex(path: string, accept: (bytes: Uint8Array) => boolean = () => true): Uint8Array[] {
  const seen = new Set<string>();
  const out: Uint8Array[] = [];
  for (const text of textsIn(json(path))) {
    if (text.length < 4 || text.length > 2 * SEED_BYTES_MAX || !/^(?:[0-9a-fA-F]{2})+$/.test(text) || seen.has(text))
      continue;
    seen.add(text);
    const bytes = unhex(text);
    if (accept(bytes)) out.push(bytes);
    if (out.length === SEEDS_MAX) break;
  }
  return out;
}

/** Every text of a file of recorded vectors, each once. */
export function recordedTexts(path: string, accept: (text: string) => boolean = () => true): Uint8Array[] {
  const texts = new Set<string>();
  for (const text of textsIn(json(path))) if (text.length <= SEED_BYTES_MAX && accept(text)) texts.add(text);
  return [...texts].slice(0, SEEDS_MAX).map((t) => utf8(t));
}

export const file = (path: string): Uint8Array => new Uint8Array(readFileSync(join('packages', path)));
export const texts = (...all: readonly string[]): Uint8Array[] => all.map((t) => utf8(t));

/** Without those that are the same. */
export function distinct(all: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(all.map((b) => [hex(b), b])).values()];
}
