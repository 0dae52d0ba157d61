import { type Rng, seededRng } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { Coord, type Coordinate, Session } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import {
  COORDINATE_BATCH_MAX,
  COORDINATE_BATCHES_MAX,
  COORDINATE_PERIOD_MS,
  CoordinateBatch,
} from './coordinate-batch.ts';
import { LOCK_DELAY_MS_MAX, LOCK_DELAYS_MAX, LockDelays } from './lock-delays.ts';
import { SessionTimers, ttlMs } from './session-timers.ts';
import { TOMBSTONE_GRANULARITY_MS, TOMBSTONE_TTL_MS, TombstoneClock } from './tombstones.ts';

const session = (ID: string, TTL: string) => Session.make({ ID, TTL });

describe('sessions with a TTL', () => {
  function timers() {
    const clock = new ManualClock();
    const ended: string[] = [];
    return { clock, ended, timers: new SessionTimers(clock, (id) => ended.push(id)) };
  }

  test('end at twice their TTL and not before', () => {
    const t = timers();
    t.timers.reset(session('a', '10s'));
    t.clock.jump(19_999);
    expect(t.ended).toEqual([]);
    t.clock.jump(1);
    expect(t.ended).toEqual(['a']);
    expect(t.timers.size).toBe(0);
  });

  test('have their whole time again after a renewal', () => {
    const t = timers();
    t.timers.reset(session('a', '10s'));
    t.clock.jump(15_000);
    t.timers.reset(session('a', '10s'));
    t.clock.jump(19_999);
    expect(t.ended).toEqual([]);
    t.clock.jump(1);
    expect(t.ended).toEqual(['a']);
  });

  test.for(['', '0', '0s', '0m', '0h'])('a TTL of %j means none', (TTL) => {
    const t = timers();
    t.timers.reset(session('a', TTL));
    expect(ttlMs({ TTL })).toBe(0);
    expect(t.clock.waiting).toBe(0);
  });

  test('a session that is destroyed, or whose leader stepped down, is not ended again', () => {
    const t = timers();
    for (const id of ['a', 'b', 'c']) t.timers.reset(session(id, '10s'));
    t.timers.clear('a');
    expect(t.timers.size).toBe(2);
    t.timers.clearAll();
    t.clock.jump(60_000);
    expect(t.ended).toEqual([]);
  });
});

describe('lock delays', () => {
  test('keep a key closed until the delay is over', () => {
    const clock = new ManualClock();
    const delays = new LockDelays(clock);
    delays.close('k', 15_000);
    expect(delays.isClosed('k')).toBe(true);
    expect(delays.isClosed('other')).toBe(false);
    clock.jump(14_999);
    expect(delays.isClosed('k')).toBe(true);
    clock.jump(1);
    expect(delays.isClosed('k')).toBe(false);
  });

  test('last at most a minute, and a delay of nothing is none', () => {
    const clock = new ManualClock();
    const delays = new LockDelays(clock);
    delays.close('long', 3_600_000);
    delays.close('none', 0);
    expect(delays.isClosed('none')).toBe(false);
    clock.jump(LOCK_DELAY_MS_MAX - 1);
    expect(delays.isClosed('long')).toBe(true);
    clock.jump(1);
    expect(delays.isClosed('long')).toBe(false);
  });

  test('a new leader knows none', () => {
    const delays = new LockDelays(new ManualClock());
    delays.close('k', 1000);
    delays.clear();
    expect(delays.isClosed('k')).toBe(false);
  });

  test('the oldest give way when there are too many, those that are over before them', () => {
    const clock = new ManualClock();
    const delays = new LockDelays(clock);
    delays.close('first', 60_000);
    delays.close('over', 1);
    clock.jump(2);
    for (let i = 0; i < LOCK_DELAYS_MAX - 1; i++) delays.close(`k${i}`, 60_000);
    expect(delays.isClosed('first')).toBe(true);
    delays.close('one more', 60_000);
    expect(delays.isClosed('first')).toBe(false);
    expect(delays.isClosed('k0')).toBe(true);
    expect(delays.isClosed('one more')).toBe(true);
  });
});

describe('tombstones', () => {
  test('are reaped a quarter of an hour later, at most half a minute late, the highest index of a slot for all', () => {
    const clock = new ManualClock();
    const reaped: { index: number; at: number }[] = [];
    const tombstones = new TombstoneClock(clock, (index) => reaped.push({ index, at: clock.now() }));
    clock.jump(1000);
    tombstones.deletedAt(7);
    clock.jump(10_000);
    tombstones.deletedAt(9);
    tombstones.deletedAt(8);
    clock.jump(60_000);
    tombstones.deletedAt(12);
    expect(tombstones.slots).toBe(2);
    clock.jump(TOMBSTONE_TTL_MS + TOMBSTONE_GRANULARITY_MS);
    expect(reaped.map((r) => r.index)).toEqual([9, 12]);
    const [first = 0, second = 0] = reaped.map((r) => r.at);
    expect(first).toBeGreaterThanOrEqual(11_000 + TOMBSTONE_TTL_MS);
    expect(first).toBeLessThanOrEqual(1000 + TOMBSTONE_TTL_MS + TOMBSTONE_GRANULARITY_MS);
    expect(second).toBeGreaterThanOrEqual(71_000 + TOMBSTONE_TTL_MS);
    expect(tombstones.slots).toBe(0);
  });

  test('are another leader’s once this one has stepped down', () => {
    const clock = new ManualClock();
    const reaped: number[] = [];
    const tombstones = new TombstoneClock(clock, (index) => reaped.push(index));
    tombstones.deletedAt(7);
    tombstones.clear();
    clock.jump(2 * TOMBSTONE_TTL_MS);
    expect(reaped).toEqual([]);
    expect(clock.waiting).toBe(0);
  });
});

describe('coordinates', () => {
  const coordinate = (Node: string, error = 1, Segment = ''): Coordinate => ({
    Node,
    Segment,
    Partition: '',
    Coord: Coord.make({ Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: error }),
  });
  const always = (float: number): Rng => ({ ...seededRng(1), float: () => float });
  function batch(rng: Rng) {
    const clock = new ManualClock();
    const written: (readonly Coordinate[])[] = [];
    return { clock, written, batch: new CoordinateBatch(clock, rng, (b) => written.push(b)) };
  }

  test.for([0, 0.5, 1 - 2 ** -32])('are written within five seconds whatever chance says (%f)', (float) => {
    const t = batch(always(float));
    t.batch.add(coordinate('a'));
    t.clock.jump(4000);
    expect(t.written).toEqual([]);
    t.clock.jump(COORDINATE_PERIOD_MS - 4000);
    expect(t.written).toEqual([[coordinate('a')]]);
    t.clock.jump(60_000);
    expect(t.written).toHaveLength(1);
  });

  test('a newer one of a node and segment replaces the older', () => {
    const t = batch(always(0));
    t.batch.add(coordinate('a', 1));
    t.batch.add(coordinate('a', 1, 'alpha'));
    t.batch.add(coordinate('a', 2));
    t.clock.jump(COORDINATE_PERIOD_MS);
    expect(t.written).toEqual([[coordinate('a', 2), coordinate('a', 1, 'alpha')]]);
  });

  test('go in batches of bounded size and number', () => {
    const t = batch(always(0));
    const all = COORDINATE_BATCH_MAX * COORDINATE_BATCHES_MAX;
    for (let i = 0; i < all + 10; i++) t.batch.add(coordinate(`n${i}`));
    t.clock.jump(COORDINATE_PERIOD_MS);
    expect(t.written.map((b) => b.length)).toEqual(Array(COORDINATE_BATCHES_MAX).fill(COORDINATE_BATCH_MAX));
    expect(new Set(t.written.flat().map((c) => c.Node)).size).toBe(all);
  });

  test('are forgotten when the leader steps down', () => {
    const t = batch(always(0));
    t.batch.add(coordinate('a'));
    t.batch.stop();
    t.clock.jump(60_000);
    expect(t.written).toEqual([]);
  });
});
