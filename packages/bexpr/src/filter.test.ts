import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CHECK_FIELDS,
  CHECK_SERVICE_NODE_FIELDS,
  compileFilter,
  FILTER_ERROR_PREFIX,
  type FieldMap,
  FilterError,
  MATCH_FREE_MS,
  MAX_FILTER_DEPTH,
  MAX_FILTER_LENGTH,
  MEMBER_FIELDS,
  NODE_FIELDS,
  parseFilter,
  SERVICE_FIELDS,
  SERVICE_NODE_FIELDS,
  SLOW_MATCHES_MS_MAX,
} from './index.ts';
import vectors from './testdata/filters.json' with { type: 'json' };

type Case = { on: keyof typeof fields; filter: string; matches?: string[]; error?: string };
type Row = Record<string, unknown>;

const fields = {
  nodes: NODE_FIELDS,
  services: SERVICE_FIELDS,
  health: CHECK_SERVICE_NODE_FIELDS,
  checks: CHECK_FIELDS,
  members: MEMBER_FIELDS,
  instances: SERVICE_NODE_FIELDS,
};

const names: Readonly<Record<keyof typeof fields, (row: Row) => unknown>> = {
  nodes: (row) => row['Node'],
  services: (row) => row['ID'],
  health: (row) => (row['Service'] as Row)['ID'],
  checks: (row) => row['CheckID'],
  members: (row) => row['Name'],
  instances: (row) => row['ServiceID'],
};

function errorOf(text: string, map: FieldMap): string | undefined {
  try {
    compileFilter(text, map);
    return undefined;
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return error.message;
  }
}

test.for(vectors.cases as Case[])('$on: %j', ({ on, filter, matches, error }) => {
  if (error !== undefined) {
    expect(errorOf(filter, fields[on])).toBe(error);
    return;
  }
  const compiled = compileFilter(filter, fields[on]);
  const rows = vectors.records[on] as unknown as Row[];
  const found = rows.filter((row) => compiled.matches(row)).map(names[on]);
  expect(found.sort()).toEqual(matches);
});

const RECORD: FieldMap = {
  Name: 'string',
  Count: 'int64',
  Hash: 'uint64',
  Ratio: 'float64',
  On: 'bool',
  Tags: { list: 'string' },
  Sizes: { list: 'uint16' },
  Meta: { map: 'string' },
  Ports: { map: { Number: 'int', Names: { list: 'string' } } },
  Items: { list: { Name: 'string', Meta: { map: 'string' } } },
};

const holds = (filter: string, record: unknown): boolean => compileFilter(filter, RECORD).matches(record);

describe('evaluation', () => {
  test('the empty filter lets everything pass', () => {
    expect(holds('', {})).toBe(true);
  });

  test('absent fields have their zero values', () => {
    const filter = 'Name == "" and Count == 0 and On == false and Tags is empty and Meta is empty and not x in Meta';
    expect(holds(filter, {})).toBe(true);
    expect(holds(filter, { Name: null, Count: null, On: null, Tags: null, Meta: null })).toBe(true);
    expect(holds('Items.Name == x or Items.Name != x', {})).toBe(false);
  });

  test('64-bit integers are compared exactly', () => {
    expect(holds('Hash == 18446744073709551615', { Hash: 18446744073709551615n })).toBe(true);
    expect(holds('Hash == 18446744073709551614', { Hash: 18446744073709551615n })).toBe(false);
    expect(holds('Hash == 5', { Hash: 5n })).toBe(true);
    expect(holds('Count == -9223372036854775808', { Count: -(2n ** 63n) })).toBe(true);
    expect(errorOf('Hash == 18446744073709551616', RECORD)).toContain('value out of range');
  });

  test('floats are compared as numbers', () => {
    expect(holds('Ratio == "1.50"', { Ratio: 1.5 })).toBe(true);
    expect(holds('Ratio == "15e-1"', { Ratio: 1.5 })).toBe(true);
    expect(errorOf('Ratio == "1x"', RECORD)).toContain('strconv.ParseFloat: parsing "1x": invalid syntax');
    expect(errorOf('Ratio == "1e400"', RECORD)).toContain('value out of range');
  });

  test('lists of numbers convert the value', () => {
    expect(holds('"0x10" in Sizes', { Sizes: Uint16Array.of(1, 16) })).toBe(true);
    expect(errorOf('70000 in Sizes', RECORD)).toContain('strconv.ParseUint: parsing "70000": value out of range');
  });

  test('maps of structures and lists of structures are followed', () => {
    const record = { Ports: { lan: { Number: 80, Names: ['a'] } }, Items: [{ Name: 'x' }, { Meta: { k: 'v' } }] };
    expect(holds('Ports.lan.Number == 80 and a in Ports.lan.Names', record)).toBe(true);
    expect(holds('Ports.wan.Names is empty', record)).toBe(true);
    expect(holds('Items.Meta.k == v and Items.Name == x', record)).toBe(true);
  });

  test('names that every object has are neither fields nor keys', () => {
    expect(errorOf('constructor == x', RECORD)).toBe('Selector "constructor" is not valid');
    expect(holds('toString in Meta', { Meta: {} })).toBe(false);
    expect(holds('Meta.constructor == x', { Meta: {} })).toBe(false);
  });

  test('evaluation follows the precedence not, and, or', () => {
    const outcomes = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(outcomes, ([a, b, c, d]) => {
        const word = (value: boolean | undefined): string => `Name ${value ? '==' : '!='} x`;
        const filter = `not ${word(a)} and ${word(b)} or ${word(c)} and (not not ${word(d)} or ${word(a)})`;
        expect(holds(filter, { Name: 'x' })).toBe((!a && b) || (c && (d || a)));
      }),
    );
  });
});

describe('bounds', () => {
  test('a filter may be long and deep, up to a limit', () => {
    const long = Array.from({ length: 4000 }, () => 'Name == a').join(' or ');
    expect(long.length).toBeLessThan(MAX_FILTER_LENGTH);
    expect(holds(long, { Name: 'a' })).toBe(true);
    const open = MAX_FILTER_DEPTH - 1;
    expect(holds('('.repeat(open) + 'Name == a' + ')'.repeat(open), { Name: 'a' })).toBe(true);
    expect(errorOf('('.repeat(open + 1) + 'Name == a', RECORD)).toContain('nested more than');
    expect(errorOf('not '.repeat(15_000) + 'Name == a', RECORD)).toContain('nested more than');
    expect(errorOf(' '.repeat(MAX_FILTER_LENGTH + 1), RECORD)).toContain('longer than');
  });

  test('any text gives a filter or a FilterError', () => {
    const words = fc.constantFrom(
      '(',
      ')',
      ' ',
      'not ',
      ' and ',
      ' or ',
      'Name',
      'Tags',
      '==',
      '"',
      '`',
      '[',
      ']',
      '.',
      '\n',
      'é',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 30 }), fc.string({ unit: 'binary' }), (parts, noise) => {
        errorOf(parts.join(''), RECORD);
        errorOf(noise, RECORD);
      }),
      { numRuns: 500 },
    );
  });
});

test('parsing and binding can be done apart, for endpoints that check selectors late', () => {
  const expression = parseFilter('Nope == 1 and a in Tags');
  expect(expression).toEqual({
    kind: 'and',
    operands: [
      { kind: 'match', selector: ['Nope'], operator: 'Equal', value: '1' },
      { kind: 'match', selector: ['Tags'], operator: 'In', value: 'a' },
    ],
  });
  const error = new FilterError('FILTER_SELECTOR', 'Selector "Nope" is not valid');
  expect(error.text).toBe(`${FILTER_ERROR_PREFIX}Selector "Nope" is not valid`);
});

test('a long quoted text with an escape is read as a whole', () => {
  const value = '\u4e2d'.repeat(65_000);
  const filter = compileFilter(`Name == "${value}\\n"`, MEMBER_FIELDS);
  expect(filter.matches({ Name: `${value}\n` })).toBe(true);
});

test('a filter whose patterns take too long is given up, one that is only slow once is not', () => {
  let ms = 0;
  let takes = 0;
  const now = () => {
    ms += takes / 2;
    return ms;
  };
  const filter = () => compileFilter('Service matches "^w" or ID not matches "^w"', SERVICE_FIELDS, now);
  const record = { Service: 'x', ID: 'web' };
  const count = (f: { matches(record: unknown): boolean }, times: number) => {
    for (let i = 0; i < times; i++) expect(f.matches(record)).toBe(false);
  };
  takes = 2 * MATCH_FREE_MS;
  count(filter(), 10_000);
  takes = 2 * (SLOW_MATCHES_MS_MAX / 4);
  count(filter(), 2);
  const slow = filter();
  count(slow, 2);
  expect(() => slow.matches(record)).toThrow(
    expect.objectContaining({ code: 'FILTER_LIMIT', message: 'the patterns of the filter take too long' }),
  );
  // Nobody watches: as long as it takes.
  count(compileFilter('Service matches "^w"', SERVICE_FIELDS), 10);
});
