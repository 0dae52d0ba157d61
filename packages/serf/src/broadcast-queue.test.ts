import { fromUtf8, utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BroadcastQueue } from './broadcast-queue.ts';

const texts = (messages: Uint8Array[]) => messages.map(fromUtf8);

test('the longer message first, then the newer one; those sent less often before all', () => {
  const queue = new BroadcastQueue(10, () => 3);
  for (const text of ['a', 'bb', 'c']) queue.push(utf8(text));
  expect(texts(queue.take(2, 100))).toEqual(['bb', 'c', 'a']);
  queue.push(utf8('d'));
  expect(texts(queue.take(2, 3))).toEqual(['d']);
  expect(texts(queue.take(2, 100))).toEqual(['bb', 'd', 'c', 'a']);
});

test('a message is sent as often as wanted, then reported', () => {
  const queue = new BroadcastQueue(10, () => 2);
  let sent = 0;
  queue.push(utf8('x'), () => sent++);
  expect(texts(queue.take(0, 10))).toEqual(['x']);
  expect([queue.depth, sent]).toEqual([1, 0]);
  expect(texts(queue.take(0, 10))).toEqual(['x']);
  expect([queue.depth, sent]).toEqual([0, 1]);
  expect(queue.take(0, 10)).toEqual([]);
});

test('what does not fit waits, and smaller ones go', () => {
  const queue = new BroadcastQueue(10, () => 1);
  for (const text of ['12345678', '123', '12']) queue.push(utf8(text));
  expect(texts(queue.take(1, 7))).toEqual(['123', '12']);
  expect(texts(queue.take(1, 9))).toEqual(['12345678']);
});

test('a full queue drops what was sent most, the oldest of it', () => {
  const queue = new BroadcastQueue(2, () => 9);
  const dropped: string[] = [];
  for (const text of ['a', 'b']) queue.push(utf8(text), () => dropped.push(text));
  queue.push(utf8('c'));
  expect(dropped).toEqual(['a']);
  expect(queue.depth).toBe(2);
});

test('never more than fits, nothing twice in one packet, nothing lost', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 60, max: 200 }), fc.nat(4), (lengths, limit, overhead) => {
      const queue = new BroadcastQueue(100, () => 2);
      for (const [i, length] of lengths.entries()) queue.push(new Uint8Array(length).fill(i));
      const seen = new Map<number, number>();
      for (let turn = 0; turn < 500 && queue.depth > 0; turn++) {
        const taken = queue.take(overhead, limit + overhead);
        const bytes = taken.reduce((sum, one) => sum + one.length + overhead, 0);
        expect(bytes).toBeLessThanOrEqual(limit + overhead);
        expect(new Set(taken.map((one) => one[0])).size).toBe(taken.length);
        for (const one of taken) seen.set(one[0]!, (seen.get(one[0]!) ?? 0) + 1);
      }
      expect(seen.size).toBe(lengths.length);
      for (const times of seen.values()) expect(times).toBe(2);
    }),
  );
});
