import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HclError, MAX_NESTING, parseHcl, plainOf, treeOf } from './index.ts';

const plain = (text: string) => plainOf(treeOf(parseHcl(text)));

describe('values', () => {
  test('numbers may be decimal, hexadecimal, octal or have an exponent', () => {
    expect(plain('a = 12 b = 0x1F c = 017 d = 1e3 e = -2.5 f = .5 g = -0x10')).toEqual({
      a: 12,
      b: 31,
      c: 15,
      d: 1000,
      e: -2.5,
      f: 0.5,
      g: -16,
    });
  });

  test('an integer beyond 2^53 keeps every digit', () => {
    expect(plain('a = 9223372036854775807')).toEqual({ a: 9223372036854775807n });
  });

  test('escapes are replaced outside of interpolations and kept inside', () => {
    const kept = '\u0024{f("\\n")}';
    expect(plain(String.raw`a = "x\t\u00e9\x41\101 ` + kept + ' $$"')).toEqual({ a: `x\té` + `AA ${kept} $$` });
  });

  test('a heredoc keeps its lines and an indented one loses the indentation of its marker', () => {
    expect(plain('a = <<X\n  b\n c\nX\n')).toEqual({ a: '  b\n c\n' });
    expect(plain('a = <<-X\n    b\n   c\n  X\n')).toEqual({ a: '  b\n c\n' });
    expect(plain('a = <<-X\n    b\n c\n  X\n')).toEqual({ a: '    b\n c\n' });
  });

  test('blocks become lists of maps and labels become keys', () => {
    expect(plain('s { a = 1 } s { a = 2 } t "x" "y" { b = 3 } u = { c = 4 }')).toEqual({
      s: [{ a: 1 }, { a: 2 }],
      t: [{ x: [{ y: [{ b: 3 }] }] }],
      u: [{ c: 4 }],
    });
  });

  test('objects in a list are maps and repeated lists are appended', () => {
    expect(plain('s = [{ a = 1 }] s = [{ a = 2 }, "x"]')).toEqual({ s: [{ a: 1 }, { a: 2 }, 'x'] });
  });

  test('comments of all three kinds are ignored', () => {
    expect(plain('# a\n// b\n/* c\n*/ x = /* d */ 1 # e')).toEqual({ x: 1 });
  });

  test('a key named __proto__ is data', () => {
    const value = plain('__proto__ = 1 x { __proto__ { y = 2 } }') as Record<string, unknown>;
    expect(Object.getOwnPropertyNames(value)).toEqual(['__proto__', 'x']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test('a text in braces is JSON', () => {
    expect(plain('{"a": {"b": [1, 2.5, "x", true]}, "s": [{"c": 1}, {"c": 2}]}')).toEqual({
      a: [{ b: [1, 2.5, 'x', true] }],
      s: [{ c: 1 }, { c: 2 }],
    });
  });
});

describe('positions', () => {
  test('every key and value knows its line and column', () => {
    const { items } = parseHcl('a = 1\n  b "c" {\n    d = [ "é", "f" ]\n  }\n');
    expect(items[1]!.keys.map((key) => key.position)).toMatchObject([
      { line: 2, column: 3 },
      { line: 2, column: 5 },
    ]);
    const block = items[1]!.value;
    if (block.type !== 'object') throw new Error('not a block');
    const list = block.items[0]!.value;
    if (list.type !== 'list') throw new Error('not a list');
    expect(list.items.map((item) => item.position)).toMatchObject([
      { line: 3, column: 11 },
      { line: 3, column: 16 },
    ]);
  });
});

describe('limits', () => {
  test('deep nesting is refused', () => {
    for (const text of ['a = ' + '['.repeat(MAX_NESTING + 1), 'a '.concat('{ a '.repeat(MAX_NESTING + 1))]) {
      expect(() => parseHcl(text)).toThrow(/nesting deeper than/);
    }
    expect(() => parseHcl('{"a":' + '['.repeat(MAX_NESTING + 1))).toThrow(/nesting deeper than/);
  });

  test('a long text of brackets inside a string takes no depth', () => {
    expect(plain(`a = "${'[{'.repeat(5000)}"`)).toEqual({ a: '[{'.repeat(5000) });
  });
});

describe('rubbish', () => {
  const piece = fc.constantFrom(
    ...['a', 'b', '=', '{', '}', '[', ']', ',', '"', '"x"', '1', '-', '.', '0x', '1e', '#', '//', '/*', '*/', '\n'],
    ...['<<', '<<-X\n', 'X', '\\', '$', '${', 'true', '\0', '\r\n', '\ud800', 'é', ' ', ':', 'null', '08'],
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.array(piece, { maxLength: 40 }).map((parts) => `{${parts.join('')}`),
    fc.string({ unit: 'binary' }),
  );

  test('any text parses or throws HclError with a position inside it', () => {
    fc.assert(
      fc.property(text, (input) => {
        try {
          plainOf(treeOf(parseHcl(input)));
        } catch (thrown) {
          if (!(thrown instanceof HclError)) throw thrown;
          expect(thrown.position.line).toBeGreaterThan(0);
          expect(thrown.position.line).toBeLessThanOrEqual(input.split('\n').length);
          expect(thrown.position.column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('values written as HCL are read back', () => {
    const scalar = fc.oneof(
      fc.integer(),
      fc.boolean(),
      fc.string().filter((s) => !/[$\0-\x1f\\"]/.test(s)),
    );
    const key = fc.stringMatching(/^[a-z_][a-z0-9_-]{0,8}$/).filter((word) => word !== 'true' && word !== 'false');
    const show = (value: unknown): string =>
      Array.isArray(value) ? `[${value.map(show).join(', ')}]` : JSON.stringify(value);
    fc.assert(
      fc.property(fc.dictionary(key, fc.oneof(scalar, fc.array(scalar)), { noNullPrototype: true }), (value) => {
        const written = Object.entries(value).map(([name, v]) => `${name} = ${show(v)}`);
        expect(plain(written.join('\n'))).toEqual(value);
      }),
    );
  });
});

test('keys behind each other are as deep as objects in each other', () => {
  const keys = 'a '.repeat(MAX_NESTING);
  expect(() => parseHcl(`${keys}{}`)).not.toThrow();
  expect(() => parseHcl(`${keys} a {}`)).toThrow(/nesting deeper than/);
  const half = 'a '.repeat(MAX_NESTING / 2);
  expect(() => parseHcl(`${half}{ ${half} a {} }`)).toThrow(/nesting deeper than/);
  expect(() => plainOf(treeOf(parseHcl('"" '.repeat(MAX_NESTING - 1) + '{}')))).not.toThrow();
});
