import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRegex, MAX_PATTERN_LENGTH, RegexError } from './index.ts';

describe('compileRegex', () => {
  test('matches anywhere in the text and gives the groups', () => {
    const regex = compileRegex('^geo-db-(.*?)-([^-]+)?$');
    expect(regex.test('geo-db-master-x')).toBe(true);
    expect(regex.groups('geo-db-master-')).toEqual(['geo-db-master-', 'master', null]);
    expect(regex.groups('other')).toBeNull();
    expect(compileRegex('b').test('abc')).toBe(true);
  });

  test('understands Go syntax that JavaScript does not', () => {
    expect(compileRegex('(?i)^WEB$').test('web')).toBe(true);
    expect(compileRegex('^[[:alpha:]]+$').test('web')).toBe(true);
    expect(compileRegex('\\Qa.b\\E').test('axb')).toBe(false);
    expect(compileRegex('^\\pL$').test('é')).toBe(true);
    expect(compileRegex('(?P<name>x)\\z').test('x')).toBe(true);
    expect(compileRegex('(?P<n>a)|[(?<n>]|\\(?<|(?<n>b)').groups('b')).toEqual(['b', null, 'b']);
  });

  // Messages recorded from Go 1.26.
  test.for([
    ['[', 'missing closing ]: `[`'],
    ['a**', 'invalid nested repetition operator: `**`'],
    ['(a', 'missing closing ): `(a`'],
    [')', 'unexpected ): `)`'],
    ['a\\', 'trailing backslash at end of expression: ``'],
    ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
    ['\\1', 'invalid escape sequence: `\\1`'],
    ['a{1001}', 'invalid repeat count: `{1001}`'],
    ['(a{1000}){1000}', 'invalid repeat count: `{1000}`'],
    ['[z-a]', 'invalid character class range: `z-a`'],
    ['?a', 'missing argument to repetition operator: `?`'],
    ['(?P<n', 'invalid named capture: `(?P<n`'],
  ])('refuses %s as Go does', ([pattern, problem]) => {
    expect(() => compileRegex(pattern!)).toThrow(RegexError);
    expect(() => compileRegex(pattern!)).toThrow('error parsing regexp: ' + problem);
  });

  test('takes linear time for patterns that make backtracking engines hang', () => {
    const text = 'a'.repeat(4000) + '!';
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '(.*)*b', '^(([a-z])+.)+[A-Z]([a-z])+$']) {
      expect(compileRegex(pattern).test(text)).toBe(false);
    }
  });

  test('bounds the size of a pattern', () => {
    expect(() => compileRegex('a'.repeat(MAX_PATTERN_LENGTH + 1))).toThrow(RegexError);
    for (const huge of [
      'x{1000}'.repeat(250),
      `(${'a'.repeat(1500)}){1000}`,
      `(${'ab{30}'.repeat(100)}){40}`,
      '(\\pL|\\pN){500}',
    ]) {
      expect(() => compileRegex(huge)).toThrow('error parsing regexp: expression too large');
    }
    expect(compileRegex('^[a-z]{1,63}([.][a-z]{1,63}){1,8}$').test('web.service.consul')).toBe(true);
  });
});

test('any pattern compiles or gives a RegexError', () => {
  const parts = fc.constantFrom(
    '(',
    ')',
    '[',
    ']',
    '*',
    '+?',
    '{2,3}',
    'a',
    '\\',
    '\\Q',
    '\\pL',
    '|',
    '(?P<n>',
    '(?i)',
    '^',
    '$',
    '-',
    '[:alpha:]',
    '\\x{1F600}',
    'é',
    '😀',
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 20 }), (pattern, text) => {
      try {
        compileRegex(pattern.join('')).test(text);
      } catch (error) {
        expect(error).toBeInstanceOf(RegexError);
      }
    }),
    { numRuns: 500 },
  );
});

test.for(['['.repeat(1500), '(?i)' + '[\\pL'.repeat(100), '\\pL'.repeat(65)])('%s has too many classes', (pattern) => {
  expect(() => compileRegex(pattern)).toThrow('expression too large');
});

test('a pattern may have as many classes as people write', () => {
  expect(compileRegex(`^${'[a-z]'.repeat(200)}\\p{Greek}$`).test(`${'x'.repeat(200)}\u03b1`)).toBe(true);
});
