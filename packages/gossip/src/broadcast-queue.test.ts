import { fromUtf8, utf8 } from '@proconsul/base';
import { expect, test } from 'vitest';
import { BroadcastQueue } from './broadcast-queue.ts';
import { BROADCASTS_MAX } from './limits.ts';

const texts = (messages: readonly Uint8Array[]): string[] => messages.map(fromUtf8);

test('what was sent least comes first, then the longer, then the newer', () => {
  const queue = new BroadcastQueue(() => 3);
  for (const text of ['bb', 'aaaa', 'cc']) queue.add({ message: utf8(text) });
  expect(texts(queue.take(2, 10))).toEqual(['aaaa', 'cc']);
  expect(texts(queue.take(2, 10))).toEqual(['bb', 'aaaa']);
  expect(texts(queue.take(2, 100))).toEqual(['cc', 'bb', 'aaaa']);
  expect(texts(queue.take(2, 100))).toEqual(['cc', 'bb']);
  expect(queue.size).toBe(0);
});

test('a message that does not fit is passed over for a shorter one', () => {
  const queue = new BroadcastQueue(() => 1);
  for (const text of ['long message', 'tiny']) queue.add({ message: utf8(text) });
  expect(texts(queue.take(2, 8))).toEqual(['tiny']);
  expect(queue.take(2, 8)).toEqual([]);
  expect(queue.take(2, 14).length).toBe(1);
});

test('the limit follows the size of the pool at the time of sending', () => {
  let limit = 2;
  const queue = new BroadcastQueue(() => limit);
  queue.add({ message: utf8('x') });
  expect(queue.take(0, 9).length).toBe(1);
  limit = 3;
  expect(queue.take(0, 9).length).toBe(1);
  expect(queue.take(0, 9).length).toBe(1);
  expect(queue.take(0, 9).length).toBe(0);
});

test('a newer message of the same name replaces the older one, and both tell when they are done', () => {
  const queue = new BroadcastQueue(() => 1);
  const done: string[] = [];
  queue.add({ name: 'n', message: utf8('old'), finished: () => done.push('old') });
  queue.add({ name: 'm', message: utf8('other') });
  queue.add({ name: 'n', message: utf8('new'), finished: () => done.push('new') });
  expect(done).toEqual(['old']);
  expect(texts(queue.take(0, 99))).toEqual(['other', 'new']);
  expect(done).toEqual(['old', 'new']);
  queue.add({ name: 'n', message: utf8('again') });
  expect(queue.size).toBe(1);
});

test('the number of messages in one packet can be bounded', () => {
  const queue = new BroadcastQueue(() => 1);
  for (let i = 0; i < 10; i++) queue.add({ message: utf8(String(i)) });
  expect(queue.take(0, 1000, 4).length).toBe(4);
  expect(queue.size).toBe(6);
});

test('pruning drops what was sent most, and the queue has an end', () => {
  const queue = new BroadcastQueue(() => 9);
  queue.add({ message: utf8('sent') });
  queue.take(0, 9);
  queue.add({ message: utf8('fresh') });
  queue.prune(1);
  expect(texts(queue.take(0, 9))).toEqual(['fresh']);
  const message = utf8('m');
  for (let i = 0; i < BROADCASTS_MAX + 10; i++) queue.add({ message });
  expect(queue.size).toBe(BROADCASTS_MAX);
});
