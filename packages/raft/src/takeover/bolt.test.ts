import { fromUtf8, utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DamageError } from '../errors.ts';
import { type BoltShape, bigEndian, boltFile } from '../testing/consul-files.ts';
import { BoltFile, fnv1a64 } from './bolt.ts';

const pairs = (count: number, size = 10) =>
  Array.from({ length: count }, (_, i) => [bigEndian(i + 1), utf8(`${i + 1} `.padEnd(size, 'x'))] as const);

const read = (bytes: Uint8Array, bucket: string): string[] =>
  [...new BoltFile('f', bytes).bucket(bucket)].map(({ value }) => fromUtf8(value));

describe('a file of bbolt', () => {
  const shapes: Record<string, [count: number, size: number, shape: BoltShape]> = {
    'in one leaf': [7, 10, {}],
    'under a branch': [105, 10, { perLeaf: 10 }],
    'longer than a page': [3, 10_000, { perLeaf: 1 }],
    'inside the value of the bucket': [4, 10, { inline: true }],
    'that is empty': [0, 0, {}],
  };
  for (const [name, [count, size, shape]] of Object.entries(shapes)) {
    test(`a bucket ${name} is read in order`, () => {
      const bytes = boltFile({ logs: pairs(count, size), other: pairs(1) }, shape);
      expect(read(bytes, 'logs')).toEqual(pairs(count, size).map(([, value]) => fromUtf8(value)));
      expect(read(bytes, 'missing')).toEqual([]);
    });
  }

  test('one value is found by its key', () => {
    const file = new BoltFile('f', boltFile({ conf: [[utf8('CurrentTerm'), bigEndian(3)]] }));
    expect(file.value('conf', 'CurrentTerm')).toEqual(bigEndian(3));
    expect(file.value('conf', 'Other')).toBeUndefined();
  });

  test('the newer meta page counts, and the other one where that is damaged', () => {
    const bytes = boltFile({ logs: pairs(2) });
    expect(read(bytes, 'logs')).toHaveLength(2);
    bytes[40]! ^= 1;
    // The older one names a root that is not there.
    expect(() => read(bytes, 'logs')).toThrow(/the page is missing/);
    bytes[4096 + 40]! ^= 1;
    expect(() => read(bytes, 'logs')).toThrow(/no sound meta page/);
  });

  test('pages that lead round in a circle end', () => {
    const bytes = boltFile({ logs: pairs(30) }, { perLeaf: 10 });
    const view = new DataView(bytes.buffer);
    const at = 4096 * [...Array(bytes.length / 4096).keys()].findLast((i) => view.getUint16(i * 4096 + 8, true) === 1)!;
    view.setUint32(at + 16 + 8, at / 4096, true);
    expect(() => read(bytes, 'logs')).toThrow(/stands in the tree twice/);
  });

  test('damage anywhere is an error that names it, or changes values alone', () => {
    const bytes = boltFile({ logs: pairs(40), conf: pairs(2) }, { perLeaf: 10 });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(bytes.length), (at, flip, cut) => {
        const damaged = bytes.slice(0, at % 2 === 0 ? bytes.length : cut);
        if (at < damaged.length) damaged[at]! ^= flip;
        try {
          read(damaged, 'logs');
        } catch (error) {
          expect(error).toBeInstanceOf(DamageError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test('FNV-1a of 64 bits', () => {
  expect(fnv1a64(utf8('')).toString(16)).toBe('cbf29ce484222325');
  expect(fnv1a64(utf8('foobar')).toString(16)).toBe('85944171f73967e8');
});
