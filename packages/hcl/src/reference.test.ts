import { describe, expect, test } from 'vitest';
import { HclError, parseHcl, treeOf } from './index.ts';
import vectors from './testdata/reference.json' with { type: 'json' };

function outcome(text: string): string | null {
  try {
    treeOf(parseHcl(text));
    return null;
  } catch (thrown) {
    if (thrown instanceof HclError) return thrown.message;
    throw thrown;
  }
}

describe('texts answer as the reference agent does', () => {
  test.for(vectors)('%j', ({ text, error }) => {
    expect(outcome(text)).toBe(error);
  });
});
