import { concatBytes, fromUtf8, utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutNote, TailBuffer } from './output.ts';

test('a long note keeps its first bytes and says so', () => {
  const cut = cutNote('x'.repeat(5000), 4096);
  expect(cut).toBe(`${'x'.repeat(4096)} ... (captured 4096 of 5000 bytes)`);
  expect(cut.length).toBe(4130);
  expect(cutNote('x'.repeat(4096), 4096)).toBe('x'.repeat(4096));
  expect(cutNote('0123456789', 5)).toBe('01234 ... (captured 5 of 10 bytes)');
});

test('long script output keeps its last bytes after a notice', () => {
  const buffer = new TailBuffer(10);
  buffer.write(utf8('0123456789abcdefghij\n'));
  expect(buffer.textWithNotice()).toBe('Captured 10 of 21 bytes\n...\nbcdefghij\n');
  expect(buffer.text()).toBe('bcdefghij\n');
});

test('a tail buffer holds the end of what was written, however it was cut', () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 200 });
  fc.assert(
    fc.property(chunks, fc.integer({ min: 1, max: 64 }), (written, max) => {
      const buffer = new TailBuffer(max);
      for (const chunk of written) buffer.write(chunk);
      const all = concatBytes(written);
      expect(buffer.totalBytes).toBe(all.length);
      expect([...buffer.bytes()]).toEqual([...all.subarray(Math.max(0, all.length - max))]);
      if (all.length <= max) expect(buffer.textWithNotice()).toBe(fromUtf8(all));
    }),
  );
});
