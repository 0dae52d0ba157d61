import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LEAF_ROWS_MAX, OrderedRows } from './ordered-rows.ts';
import { compareUtf8 } from './utf8-order.ts';

interface Row {
  readonly key: string;
  readonly index: number;
}
const make = () =>
  new OrderedRows<Row>(
    (row) => row.key,
    (row) => row.index,
  );
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const wellFormed = fc.string({ unit: 'binary', maxLength: 6 });

test('texts compare as their UTF-8 bytes do', () => {
  fc.assert(
    fc.property(wellFormed, wellFormed, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(byBytes(a, b));
    }),
  );
  expect(compareUtf8('\uffff', '\u{10000}')).toBeLessThan(0);
});

const key = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '\u{1f600}', '\uffee'), maxLength: 4 }),
  fc.integer({ min: 0, max: 999 }).map((n) => `k/${n}`),
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('put' as const), key, index: fc.integer({ min: 1, max: 99 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('deleteUnder' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('freeze' as const), key }) },
);

test('rows stay in byte order and agree with a plain map, also under frozen copies', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), key, (steps, prefix) => {
      const rows = make();
      const model = new Map<string, Row>();
      const sorted = () => [...model.values()].sort((a, b) => byBytes(a.key, b.key));
      const frozen: { copy: readonly (readonly Row[])[]; model: Row[] }[] = [];
      for (const s of steps) {
        if (s.op === 'put') {
          const row = { key: s.key, index: s.index };
          expect(rows.put(row)).toBe(model.get(s.key));
          model.set(s.key, row);
        } else if (s.op === 'delete') {
          expect(rows.delete(s.key)).toBe(model.get(s.key));
          model.delete(s.key);
        } else if (s.op === 'deleteUnder') {
          const gone = sorted().filter((row) => row.key.startsWith(s.key));
          expect(rows.deleteUnder(s.key)).toEqual(gone);
          for (const row of gone) model.delete(row.key);
        } else frozen.push({ copy: rows.freeze(), model: sorted() });
      }
      expect(rows.all()).toEqual(sorted());
      expect(rows.size).toBe(model.size);
      const under = sorted().filter((row) => row.key.startsWith(prefix));
      expect(rows.under(prefix)).toEqual(under);
      expect(rows.maxIndexUnder(prefix)).toBe(Math.max(0, ...under.map((row) => row.index)));
      expect(rows.get(prefix)).toBe(model.get(prefix));
      for (const { copy, model: then } of frozen) expect(copy.flat()).toEqual(then);
    }),
    { numRuns: 150 },
  );
});

test('many rows split leaves and every one is found again', () => {
  const rows = make();
  const count = LEAF_ROWS_MAX * 20;
  for (let i = 0; i < count; i++) rows.put({ key: `k${(i * 7919) % count}`, index: i + 1 });
  expect(rows.size).toBe(count);
  for (let i = 0; i < count; i += 37) expect(rows.get(`k${i}`)?.key).toBe(`k${i}`);
  expect(rows.maxIndexUnder('')).toBe(count);
  expect(rows.deleteUnder('k').length).toBe(count);
  expect(rows.all()).toEqual([]);
});

test('pages put together are the whole, whatever their size', () => {
  const rows = make();
  for (let i = 0; i < 1000; i++) rows.put({ key: `p/${i}`, index: i });
  rows.put({ key: 'o', index: 1 });
  rows.put({ key: 'q', index: 1 });
  for (const limit of [1, 7, 256, 5000]) {
    const seen: Row[] = [];
    for (let page = rows.page('p/', '', limit); page.length > 0; page = rows.page('p/', seen.at(-1)!.key, limit)) {
      expect(page.length).toBeLessThanOrEqual(limit);
      seen.push(...page);
    }
    expect(seen).toEqual(rows.under('p/'));
  }
});
