import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeParams, escapePath, escapeSegment, readMeta, readParams } from './query.ts';

test('parameters are sorted and encoded as Go encodes them', () => {
  const params = { tag: ['a b', "c'd"], b: true, a: 1, none: undefined, no: false, empty: '' };
  expect(encodeParams(params)).toBe('a=1&b=&tag=a+b&tag=c%27d');
});

test('a list keeps an empty value, which a plain parameter drops', () => {
  expect(encodeParams({ reason: [''] })).toBe('reason=');
});

test('paths keep slashes and what Go keeps; segments do not keep slashes', () => {
  expect(escapePath("a/b c?#%&+$,:;=@'()*!~")).toBe('a/b%20c%3F%23%25&+$,:;=@%27%28%29%2A%21~');
  expect(escapeSegment('a/b')).toBe('a%2Fb');
});

test('any well-formed text survives escaping, and lone surrogates do not throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(decodeURIComponent(escapeSegment(text))).toBe(text.replace(/[\ud800-\udfff]/gu, '\ufffd'));
    }),
  );
});

test('a blocking read says index and wait; index 0 is not sent', () => {
  expect(encodeParams(readParams({ index: 7, waitMs: 90_000, nodeMeta: { k: 'v' } }))).toBe(
    'index=7&node-meta=k%3Av&wait=1m30s',
  );
  expect(encodeParams(readParams({ index: 0 }))).toBe('');
});

const answer = (headers: Record<string, string>) => ({
  status: 200,
  header: (name: string) => headers[name],
  body: (async function* () {})(),
});

test('an index that is missing, zero or broken counts as 1', () => {
  for (const index of [undefined, '0', 'x']) {
    expect(readMeta(answer(index === undefined ? {} : { 'x-consul-index': index })).index).toBe(1);
  }
});

test('metadata headers are read', () => {
  const meta = readMeta(
    answer({
      'x-consul-index': '9',
      'x-consul-knownleader': 'true',
      'x-consul-lastcontact': '12',
      'x-cache': 'HIT',
      age: '3',
      'x-consul-effective-consistency': 'stale',
      'x-consul-results-filtered-by-acls': 'true',
    }),
  );
  expect(meta).toEqual({
    index: 9,
    knownLeader: true,
    lastContactMs: 12,
    cache: { hit: true, ageSeconds: 3 },
    consistency: 'stale',
    contentHash: undefined,
    filteredByAcls: true,
  });
});
