import { expect, test } from 'vitest';
import { kind } from './kind.ts';
import { order } from './order.ts';

const nothing = async () => {};
const plain = ['a', 'b', 'c', 'd', 'e'].map((name) => kind(name, name, [], nothing));
const kinds = [...plain, ...['x', 'y'].map((name) => kind(name, name, ['disks'], nothing))];
const names = (of: ReturnType<typeof order>) => of.map((chain) => chain.map((e) => `${e.kind.name}${e.seed}`));

test('every kind comes once with every seed, and those that need disks share no cluster with the others', () => {
  const chains = order({ kinds, seeds: [1, 2], together: 3, isOrdered: false });
  const wanted = [1, 2].flatMap((seed) => kinds.map((k) => `${k.name}${seed}`));
  expect(names(chains).flat().sort()).toEqual(wanted.sort());
  expect(names(chains).map((chain) => chain.length)).toEqual([3, 2, 2, 3, 2, 2]);
  for (const chain of chains) {
    expect(new Set(chain.map((e) => e.kind.needs.length)).size).toBe(1);
    expect(new Set(chain.map((e) => e.seed)).size).toBe(1);
  }
});

test('a seed chooses the order, the same one each time', () => {
  const of = (seed: number) => names(order({ kinds: plain, seeds: [seed], together: 5, isOrdered: false })).join();
  expect(of(1)).toBe(of(1));
  expect(new Set([1, 2, 3, 4, 5].map((seed) => of(seed).replaceAll(/\d/g, ''))).size).toBeGreaterThan(1);
});

test('kinds that somebody names come in that order, seed after seed', () => {
  const named = [plain[2], kinds[5]] as typeof kinds;
  expect(names(order({ kinds: named, seeds: [7, 8], together: 3, isOrdered: true }))).toEqual([
    ['c7', 'x7', 'c8'],
    ['x8'],
  ]);
});
