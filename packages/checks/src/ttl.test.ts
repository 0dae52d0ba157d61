import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { persistedCheckState } from './persisted.ts';
import type { RawResult } from './status.ts';
import { TtlChecks } from './ttl.ts';

function setUp() {
  const clock = new ManualClock({ nowMs: 1_000 });
  const expired: [string, RawResult, number][] = [];
  const checks = new TtlChecks({ clock, onExpired: (id, result) => expired.push([id, result, clock.now() - 1000]) });
  return { clock, checks, expired };
}

test('a TTL check that nobody updates expires once', async () => {
  const { clock, checks, expired } = setUp();
  checks.add({ id: 't', ttlMs: 1000, outputMaxSize: 4096 });
  await clock.advance(999);
  expect(expired).toEqual([]);
  await clock.advance(5000);
  expect(expired).toEqual([['t', { status: 'critical', output: 'TTL expired' }, 1000]]);
});

test('an update of any status postpones the expiry, which quotes the last output', async () => {
  const { clock, checks, expired } = setUp();
  checks.add({ id: 't', ttlMs: 1000, outputMaxSize: 4096 });
  for (let i = 0; i < 5; i++) {
    await clock.advance(900);
    expect(checks.update('t', i % 2 === 0 ? 'passing' : 'critical', `n${i}`)?.output).toBe(`n${i}`);
  }
  expect(expired).toEqual([]);
  await clock.advance(1000);
  const output = 'TTL expired (last output before timeout follows): n4';
  expect(expired).toEqual([['t', { status: 'critical', output }, 5500]]);
  checks.update('t', 'passing', '');
  await clock.advance(1000);
  expect(expired[1]).toEqual(['t', { status: 'critical', output: 'TTL expired' }, 6500]);
});

test('the note is cut, and quoted as cut', async () => {
  const { clock, checks, expired } = setUp();
  checks.add({ id: 't', ttlMs: 1000, outputMaxSize: 5 });
  expect(checks.update('t', 'passing', '0123456789')).toEqual({
    status: 'passing',
    output: '01234 ... (captured 5 of 10 bytes)',
  });
  await clock.advance(1000);
  expect(expired[0]?.[1].output).toBe(
    'TTL expired (last output before timeout follows): 01234 ... (captured 5 of 10 bytes)',
  );
});

test('a check that is not there takes no update, and a removed one does not expire', async () => {
  const { clock, checks, expired } = setUp();
  expect(checks.update('ghost', 'passing', '')).toBeUndefined();
  checks.add({ id: 't', ttlMs: 1000, outputMaxSize: 5 });
  checks.remove('t');
  await clock.advance(5000);
  expect(expired).toEqual([]);
  expect(checks.has('t')).toBe(false);
});

test('a state written down is taken over until its TTL has passed', async () => {
  const { clock, checks } = setUp();
  const t = { id: 't', ttlMs: 10_000, outputMaxSize: 4096 };
  checks.add(t);
  const result = checks.update('t', 'passing', 'ok')!;
  const state = checks.persist('t', result)!;
  expect(state).toEqual({ CheckID: 't', Output: 'ok', Status: 'passing', Expires: 1_795_226_410 });
  expect(persistedCheckState(JSON.parse(JSON.stringify(state)))).toEqual(state);

  checks.stop();
  await clock.advance(9_000);
  checks.add(t);
  expect(checks.restore(state)).toEqual({ status: 'passing', output: 'ok' });
  await clock.advance(1_000);
  expect(checks.restore(state)).toBeUndefined();
});

test('a file that is not a check state is refused', () => {
  for (const json of [
    null,
    1,
    [],
    {},
    { CheckID: 1, Status: 'passing', Expires: 1 },
    { CheckID: 'a', Status: 'x', Expires: 1 },
  ]) {
    expect(persistedCheckState(json)).toBeUndefined();
  }
});
