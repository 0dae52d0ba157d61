import { readFileSync } from 'node:fs';

/** A file of vectors beside the tests. */
export function vectors<T>(name: string): T {
  const text = readFileSync(new URL(`../testdata/${name}.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly vectors: T }).vectors;
}
