import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FlagError, type FlagTable, parseFlags } from './flags.ts';

const table: FlagTable = {
  b: { kind: 'bool', doc: '' },
  name: { kind: 'string', default: 'x', doc: '' },
  n: { kind: 'int', doc: '' },
  u: { kind: 'uint', doc: '' },
  d: { kind: 'duration', default: 5, doc: '' },
  tag: { kind: 'list', doc: '' },
  meta: { kind: 'map', doc: '' },
  opt: { kind: 'bool', type: 'true|false', doc: '' },
  stale: { kind: 'bool', ownParser: true, doc: '' },
  max: { kind: 'uint', type: 'value', doc: '' },
};

const parse = (...argv: string[]) => parseFlags(table, argv);

test('values come after a space or an equals sign, with one dash or two', () => {
  const { values, args, given } = parse('-name', 'a', '--n=3', '--u', '0x10', '-d=1m', 'rest', '-b');
  expect(values).toMatchObject({ name: 'a', n: 3, u: 16n, d: 60e9, b: false });
  expect(args).toEqual(['rest', '-b']);
  expect([...given]).toEqual(['name', 'n', 'u', 'd']);
});

test('a boolean takes its value only after an equals sign', () => {
  expect(parse('-b', 'false')).toMatchObject({ values: { b: true }, args: ['false'] });
  expect(parse('-b=F').values['b']).toBe(false);
});

test('defaults and zero values stand where nothing is given', () => {
  expect(parse().values).toEqual({
    stale: false,
    b: false,
    name: 'x',
    n: 0,
    u: 0n,
    d: 5,
    tag: [],
    meta: {},
    opt: false,
    max: 0n,
  });
});

test('lists and maps gather', () => {
  expect(parse('-tag=a', '-tag', 'b', '-meta=k=v=w', '-meta', 'l=').values).toMatchObject({
    tag: ['a', 'b'],
    meta: { k: 'v=w', l: '' },
  });
});

test('parsing ends at two dashes, which go, and at one dash, which stays', () => {
  expect(parse('--', '-b').args).toEqual(['-b']);
  expect(parse('-', '-b').args).toEqual(['-', '-b']);
});

test.for([
  [['-zz'], 'flag provided but not defined: -zz'],
  [['-h'], 'flag: help requested'],
  [['--help=x'], 'flag: help requested'],
  [['-zz=1'], 'flag provided but not defined: -zz'],
  [['-toString'], 'flag provided but not defined: -toString'],
  [['-name'], 'flag needs an argument: -name'],
  [['---b'], 'bad flag syntax: ---b'],
  [['-=x'], 'bad flag syntax: -=x'],
  [['-b=zz'], 'invalid boolean value "zz" for -b: parse error'],
  [['-opt=maybe'], 'invalid boolean value "maybe" for -opt: strconv.ParseBool: parsing "maybe": invalid syntax'],
  [['-stale=x'], 'invalid boolean value "x" for -stale: strconv.ParseBool: parsing "x": invalid syntax'],
  [['-n=abc'], 'invalid value "abc" for flag -n: parse error'],
  [['-u=-1'], 'invalid value "-1" for flag -u: parse error'],
  [['-u=99999999999999999999'], 'invalid value "99999999999999999999" for flag -u: value out of range'],
  [['-max=x'], 'invalid value "x" for flag -max: strconv.ParseUint: parsing "x": invalid syntax'],
  [['-d=abc'], 'invalid value "abc" for flag -d: parse error'],
  [['-meta=bad'], 'invalid value "bad" for flag -meta: Missing "=" value in argument: bad'],
] as const)('%j is refused with the text of Go', ([argv, text]) => {
  expect(() => parse(...argv)).toThrow(new FlagError(text));
});

test('any arguments are parsed or refused, and what is left is a tail of them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.constantFrom('-b', '-n=1', '-name', '--', '-', '-tag=a'))),
      (argv) => {
        try {
          const { args } = parseFlags(table, argv);
          expect(argv.slice(argv.length - args.length)).toEqual(args);
        } catch (error) {
          expect(error).toBeInstanceOf(FlagError);
        }
      },
    ),
  );
});
