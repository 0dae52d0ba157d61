import { gunzipSync } from 'node:zlib';
import { concatBytes, fromUtf8, utf8 } from '@proconsul/base';
import { expect, test } from 'vitest';
import { nodeGzip } from './gzip.ts';

const text = '{"Node":"a","Address":"127.0.0.1"},'.repeat(200);

test('what is compressed at once, elsewhere or as a stream is the same text again', async () => {
  const once = nodeGzip.compressSync(utf8(text));
  expect(once.length).toBeLessThan(text.length / 10);
  expect(gunzipSync(once).toString()).toBe(text);
  expect(gunzipSync(await nodeGzip.compress(utf8(text))).toString()).toBe(text);
  const chunks: Uint8Array[] = [];
  const stream = nodeGzip.stream((bytes) => chunks.push(bytes));
  for (const line of ['one', 'two', 'three']) stream.write(utf8(line));
  await new Promise<void>((resolve) => stream.end(resolve));
  expect(gunzipSync(concatBytes(chunks)).toString()).toBe('onetwothree');
});

test('what is written to a stream comes out without waiting for its end', async () => {
  const { createGunzip } = await import('node:zlib');
  const gunzip = createGunzip();
  const seen = new Promise<string>((resolve) => gunzip.on('data', (bytes) => resolve(fromUtf8(bytes))));
  const stream = nodeGzip.stream((bytes) => gunzip.write(bytes));
  stream.write(utf8('a line\n'));
  expect(await seen).toBe('a line\n');
  stream.destroy();
  gunzip.destroy();
});
