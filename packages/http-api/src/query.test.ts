import { expect, test } from 'vitest';
import { Query, unescapePath } from './query.ts';

test.for([
  ['a%2Fb', 'a/b'],
  ['%C3%A9', '\u00e9'],
  ['%ff%41', '\ufffdA'],
  ['%ff\u{1f600}%41', '\ufffd\u{1f600}A'],
  // The same character with and without bytes around it that are not UTF-8.
  ['%EF%BB%BFa', '\ufeffa'],
  ['%EF%BB%BFa%ff', '\ufeffa\ufffd'],
] as const)('%s is unescaped', ([text, wanted]) => {
  expect(unescapePath(text)).toBe(wanted);
});

test.for(['%', '%2', '%zz', 'a%ff%g0'])('%s is no escape', (text) => {
  expect(unescapePath(text)).toBeUndefined();
});

test.for(['', '&o=1'.repeat(50)])(
  'pairs keep their order, and the first value counts, however many there are',
  (more) => {
    const query = Query.parse(`b=1&a&b=2&=x&c=y+z${more}`);
    expect([query?.get('b'), query?.all('b'), query?.has('a'), query?.get('a'), query?.get('c')]).toEqual([
      ...['1', ['1', '2'], true, '', 'y z'],
    ]);
    expect([query?.has('z'), query?.get('z'), query?.all('z')]).toEqual([false, '', []]);
    expect(query?.encode()).toBe(`=x&a=&b=1&b=2&c=y+z${more}`);
  },
);
