import { seededRng, silentLog } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import type { SerfMember } from './events.ts';
import { RETURN_EXCHANGES_MAX, RETURN_PINGS_MAX, RETURN_SETTLE_MS, ReturnCheck } from './return-check.ts';

const INTERVAL_MS = 1_000;
const ALIVE = '10.0.0.1';

const failedMember = (name: string): SerfMember => ({
  ...{ name, address: '10.0.0.9', port: 8301, tags: {}, status: 'failed' },
  ...{ protocol: [1, 5, 2], delegate: [2, 5, 4] },
});

/** Members of one pool, each with a check of its own. They all hold the same members to have failed. */
class Pool {
  readonly clock = new ManualClock();
  failed: readonly SerfMember[] = [];
  /** Who answers pings. */
  readonly back = new Set<string>();
  pings = 0;
  readonly joined: string[] = [];
  joining: Promise<boolean> = Promise.resolve(true);
  readonly others: readonly SerfMember[];
  readonly checks: readonly ReturnCheck[];

  constructor(size: number) {
    this.others = Array.from({ length: size - 1 }, (_, i) => ({
      ...failedMember(`a${i}`),
      address: ALIVE,
      status: 'alive',
    }));
    const deps = (index: number) => ({
      clock: this.clock,
      rng: seededRng(`member ${index}`),
      log: silentLog,
      candidates: () => this.failed,
      alive: () => this.others,
      ping: async ({ name }: SerfMember) => {
        this.pings++;
        return this.back.has(name);
      },
      join: ({ host, port }: { host: string; port: number }) => {
        this.joined.push(`${host}:${port}`);
        return this.joining;
      },
    });
    this.checks = Array.from({ length: size }, (_, index) => new ReturnCheck(INTERVAL_MS, deps(index)));
  }

  fail(count: number): void {
    this.failed = Array.from({ length: count }, (_, i) => failedMember(`f${i}`));
    for (const check of this.checks) check.begin();
  }
}

test.for([
  [1, 1, 1],
  [1, 50, 1],
  [4, 1, 1],
  [100, 1, 1],
  [100, 3, 3],
  [100, 200, RETURN_PINGS_MAX],
])('%i members with %i failed ones ping %i of them in an interval', async ([size, failed, expected]) => {
  const pool = new Pool(size!);
  pool.fail(failed!);
  await pool.clock.advance(200 * INTERVAL_MS);
  expect(pool.pings / 200).toBeGreaterThan(expected! * 0.8);
  expect(pool.pings / 200).toBeLessThan(expected! * 1.2);
  expect(pool.joined).toEqual([]);
});

test('who answers is joined; not when somebody else was quicker', async () => {
  const pool = new Pool(1);
  pool.back.add('f0');
  pool.fail(1);
  await pool.clock.advance(INTERVAL_MS);
  expect(pool.joined).toEqual(['10.0.0.9:8301']);
  const quick = pool.failed;
  Object.defineProperty(pool, 'failed', { get: () => (pool.pings > 1 ? [] : quick) });
  await pool.clock.advance(INTERVAL_MS);
  expect([pool.pings, pool.joined.length]).toEqual([2, 1]);
});

test.for([
  [2, 2],
  [30, 30],
  [300, RETURN_EXCHANGES_MAX],
])('of %i members %i ask another one for the rest when somebody has come back', async ([size, expected]) => {
  const pool = new Pool(size!);
  const asked = (): number => pool.joined.filter((address) => address.startsWith(ALIVE)).length;
  for (const check of pool.checks) check.returned(); // Nobody had failed.
  pool.fail(2);
  await pool.clock.advance(RETURN_SETTLE_MS);
  expect(asked()).toBe(0);
  for (let times = 0; times < 10; times++) {
    for (const check of pool.checks) check.returned();
    await pool.clock.advance(RETURN_SETTLE_MS - INTERVAL_MS);
    for (const check of pool.checks) check.returned();
    await pool.clock.advance(2 * INTERVAL_MS);
  }
  expect(asked() / 10).toBeGreaterThan(expected! * 0.8);
  expect(asked() / 10).toBeLessThan(expected! * 1.2);
});

test('nobody asks when nobody is missing any more', async () => {
  const pool = new Pool(2);
  pool.fail(1);
  for (const check of pool.checks) check.returned();
  pool.failed = [];
  await pool.clock.advance(INTERVAL_MS);
  pool.fail(1);
  await pool.clock.advance(10 * RETURN_SETTLE_MS);
  expect(pool.joined).toEqual([]);
});

test('there is one attempt at a time', async () => {
  const pool = new Pool(1);
  pool.back.add('f0');
  pool.joining = new Promise(() => {});
  pool.fail(1);
  await pool.clock.advance(20 * INTERVAL_MS);
  expect([pool.pings, pool.joined.length]).toEqual([1, 1]);
});

test('no timer runs when nobody has failed lately, nor after the end', async () => {
  const pool = new Pool(1);
  pool.fail(1);
  await pool.clock.advance(5 * INTERVAL_MS);
  expect(pool.clock.waiting).toBe(1);
  pool.failed = [];
  await pool.clock.advance(INTERVAL_MS);
  expect(pool.clock.waiting).toBe(0);
  pool.fail(1);
  for (const check of pool.checks) check.stop();
  expect(pool.clock.waiting).toBe(0);
});
