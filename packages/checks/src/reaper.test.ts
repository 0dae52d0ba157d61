import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { CriticalServiceReaper, type Reaped } from './reaper.ts';

function setUp() {
  const clock = new ManualClock({ nowMs: 1_000 });
  const reaped: [number, Reaped][] = [];
  const reaper = new CriticalServiceReaper(clock, (r) => reaped.push([clock.now() - 1000, r]));
  reaper.start();
  return { clock, reaper, reaped };
}

test('a service goes at the first look after its check was critical for too long', async () => {
  const { clock, reaper, reaped } = setUp();
  await clock.advance(5_000);
  reaper.watch('c', 'web', 60_000, 'critical');
  await clock.advance(120_000);
  expect(reaped).toEqual([[90_000, { serviceId: 'web', checkId: 'c', criticalForMs: 85_000, timeoutMs: 60_000 }]]);
});

test('only uninterrupted critical time counts', async () => {
  const { clock, reaper, reaped } = setUp();
  reaper.watch('c', 'web', 60_000, 'critical');
  await clock.advance(55_000);
  reaper.note('c', 'warning');
  reaper.note('c', 'critical');
  await clock.advance(35_000);
  expect(reaped).toEqual([]);
  reaper.note('c', 'critical');
  await clock.advance(30_000);
  expect(reaped.map(([at]) => at)).toEqual([120_000]);
});

test('a re-registered check keeps its critical time; a forgotten one is not reaped', async () => {
  const { clock, reaper, reaped } = setUp();
  reaper.watch('a', 'web', 60_000, 'critical');
  reaper.watch('b', 'db', 60_000, 'critical');
  await clock.advance(50_000);
  reaper.watch('a', 'web', 60_000, 'critical');
  reaper.forget('b');
  expect(reaper.criticalSince('a')).toBe(1_000);
  await clock.advance(60_000);
  expect(reaped.map(([, r]) => r.serviceId)).toEqual(['web']);
});

test('a service with several critical checks is reported once', async () => {
  const { clock, reaper, reaped } = setUp();
  reaper.watch('a', 'web', 60_000, 'critical');
  reaper.watch('b', 'web', 70_000, 'critical');
  await clock.advance(300_000);
  expect(reaped).toHaveLength(1);
  reaper.stop();
});
