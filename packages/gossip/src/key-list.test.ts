import { expect, test } from 'vitest';
import { KEYS_MAX, KeyList } from './key-list.ts';

const key = (byte: number, size = 16): Uint8Array => new Uint8Array(size).fill(byte);

test('the first key stays first until another is used', () => {
  const ring = new KeyList([key(1), key(2, 32)]);
  ring.add(key(3, 24));
  ring.add(key(1));
  expect(ring.keys.map((k) => k[0])).toEqual([1, 2, 3]);
  ring.use(key(3, 24));
  expect(ring.keys.map((k) => k[0])).toEqual([3, 1, 2]);
  ring.remove(key(1));
  ring.remove(key(9));
  expect(ring.keys.map((k) => k[0])).toEqual([3, 2]);
});

test('keys that cannot be are refused', () => {
  const ring = new KeyList([key(1)]);
  expect(() => ring.add(key(1, 20))).toThrow('key size must be 16, 24 or 32 bytes');
  expect(() => ring.use(key(2))).toThrow('Requested key is not in the keyring');
  expect(() => ring.remove(key(1))).toThrow('Removing the primary key is not allowed');
  for (let i = 2; i <= KEYS_MAX; i++) ring.add(key(i));
  expect(() => ring.add(key(0))).toThrow('too many keys');
});
