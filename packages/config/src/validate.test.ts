import { expect, test } from 'vitest';
import { ConfigError } from './errors.ts';
import vectors from './testdata/validate.json' with { type: 'json' };
import { load } from './testing/world.ts';

/** What `validate` prints about one file. */
function validateOutput(text: string, format: string): string {
  const name = `t.${format}`;
  try {
    const files = { [name]: text, 'mdbd/mdb/': '', '/etc/passwd': 'root' };
    const { warnings } = load(['-config-file', name], files);
    return ['Configuration is valid!', ...warnings].map((line) => `${line}\n`).join('');
  } catch (thrown) {
    if (thrown instanceof ConfigError) return `Config validation failed: ${thrown.message}\n`;
    throw thrown;
  }
}

/** The reference lists unknown keys of one stanza in a random order. */
function inAnyOrder(output: string): string {
  if (!output.includes('invalid config key')) return output;
  const lines = output.split('\n');
  const keys = lines.filter((line) => line.includes('invalid config key')).sort();
  return lines.map((line) => (line.includes('invalid config key') ? keys.shift()! : line)).join('\n');
}

test.for(vectors)('validate prints what the reference prints: $format $text', ({ text, format, output }) => {
  expect(inAnyOrder(validateOutput(text, format))).toBe(inAnyOrder(output));
});
