import { expect, test } from 'vitest';
import { runDamage } from './damage-run.ts';
import { measureFullDisk } from './full-disk.ts';

const TIMEOUT_MS = 60_000;

test(
  'a flipped bit is named or stands where nothing needed is, and a torn write costs nothing that was acknowledged',
  async () => {
    const { flips, named, harmless, torn } = await runDamage(400);
    expect({ flips, torn }).toEqual({ flips: 200, torn: 200 });
    expect(named + harmless).toBe(flips);
    expect(named).toBeGreaterThan(flips / 2);
  },
  TIMEOUT_MS,
);

test(
  'the leadership leaves a full disk at once; its server answers stale reads and comes back by itself',
  async () => {
    const { p50, max } = await measureFullDisk({ servers: 3, runs: 4 });
    expect(p50).toBeGreaterThan(0);
    expect(max).toBeLessThanOrEqual(500);
  },
  TIMEOUT_MS,
);
