import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columns } from './columns.ts';
import { toGoJson } from './go-json.ts';
import { goRegExp } from './go-regexp.ts';
import { wrap } from './help.ts';

test('columns are as wide as their widest cell, and the last cell is not padded', () => {
  expect(
    columns([
      ['Node', 'ID'],
      ['n', 'abc'],
      ['long-name', ''],
    ]),
  ).toBe('Node       ID\nn          abc\nlong-name  ');
});

test('width counts characters, not UTF-16 units', () => {
  expect(
    columns([
      ['😀', 'x'],
      ['ab', 'y'],
    ]),
  ).toBe('😀   x\nab  y');
});

test('JSON is indented and escaped as Go does it', () => {
  const value = { a: [], b: {}, c: '<&>\u2028\b', d: [1, { e: null }], f: undefined, g: 2n ** 64n - 1n, h: 1e-7 };
  expect(toGoJson(value, '  ')).toBe(
    '{\n  "a": [],\n  "b": {},\n  "c": "\\u003c\\u0026\\u003e\\u2028\\b",\n  "d": [\n    1,\n    {\n      "e": null\n    }\n  ],\n' +
      '  "g": 18446744073709551615,\n  "h": 1e-07\n}',
  );
});

test('JSON without indentation means the same as the platform writes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(toGoJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(JSON.parse(toGoJson(value, '\t'))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test.for([
  ['[', 'missing closing ]: `[`'],
  ['a(', 'missing closing ): `a(`'],
  ['*', 'missing argument to repetition operator: `*`'],
  ['a)', 'unexpected ): `a)`'],
  ['a\\', 'trailing backslash at end of expression: ``'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['a*?*', 'invalid nested repetition operator: `*?*`'],
  ['a{2}{3}', 'invalid nested repetition operator: `{2}{3}`'],
  ['\\k', 'invalid escape sequence: `\\k`'],
  ['\\1', 'invalid escape sequence: `\\1`'],
  ['(?P<n', 'invalid named capture: `(?P<n`'],
  ['a{2,1}', 'invalid repeat count: `{2,1}`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
])('the expression %j is refused with the text of Go', ([source, text]) => {
  expect(() => goRegExp(source!)).toThrow(`error parsing regexp: ${text}`);
});

test('what Go writes otherwise is translated', () => {
  expect(goRegExp('(?i)^WEB').test('web-1')).toBe(true);
  expect(goRegExp('(?P<n>a)\\z').test('ba')).toBe(true);
  expect(goRegExp('^[[:digit:]]+$').test('42')).toBe(true);
  for (const source of ['a*?', 'a??', '[*+]{2}', '\\x41', '\\*\\**'])
    expect(() => goRegExp(source), source).not.toThrow();
});

test('wrapped text loses no word and no line is too long', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
      fc.integer({ min: 12, max: 80 }),
      (words, width) => {
        const lines = wrap(words.join(' '), width);
        expect(lines.join(' ')).toBe(words.join(' '));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      },
    ),
  );
});
