import { HealthCheck, NodeService } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { own, ownRow } from './own.ts';

test('a copy shares nothing that anybody could change', () => {
  const Meta = Object.assign(Object.create(null), { __proto__: 'x', long: 'a text of some length' });
  const given = NodeService.make({ ID: 'web', Tags: ['a'], Meta, Weights: { Passing: 1, Warning: 2 } });
  const copy = own(given);
  expect(copy).toEqual(given);
  expect([copy.Tags === given.Tags, copy.Meta === given.Meta, copy.Weights === given.Weights]).toEqual(
    Array(3).fill(false),
  );
  expect(Object.getPrototypeOf(copy.Meta)).toBeNull();
  expect(copy.Proxy).toBe(NodeService.zero().Proxy);
});

test('bytes and lists in free-form values are copied, and names that look like a prototype stay names', () => {
  const bytes = new Uint8Array([1, 2]);
  const given = { list: [{ bytes }], text: JSON.parse('{"__proto__":{"a":1}}') };
  const copy = own(given);
  expect(copy).toEqual(given);
  expect(copy.list[0]?.bytes).not.toBe(bytes);
  expect(Object.keys(copy.text)).toEqual(['__proto__']);
});

test('a row is stored with its indexes and leaves the given one alone', () => {
  const zero = HealthCheck.zero();
  expect(ownRow(zero, 3, 7)).toEqual(HealthCheck.make({ CreateIndex: 3, ModifyIndex: 7 }));
  expect(zero.ModifyIndex).toBe(0);
});
