import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { systemRng } from './rng.ts';

test('a timer never fires before its time by the same clock', async () => {
  for (const delayMs of [0, 0.4, 1.6, 3]) {
    const start = systemClock.now();
    await new Promise<void>((resolve) => systemClock.after(delayMs, resolve));
    expect(systemClock.now() - start).toBeGreaterThanOrEqual(delayMs);
  }
});

test('a cancelled timer does not fire, and a delay beyond what Node takes does not fire at once', async () => {
  const fired: string[] = [];
  const cancelled = systemClock.after(1, () => fired.push('cancelled'));
  cancelled.cancel();
  const far = systemClock.after(2 ** 40, () => fired.push('far'));
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  far.cancel();
  far.cancel();
  expect(fired).toEqual([]);
});

test('soon comes after everything that the running turn still does', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.soon?.(() => {
      order.push('soon');
      resolve();
    });
    process.nextTick(() => order.push('tick'));
    Promise.resolve()
      .then(() => order.push('microtask'))
      .then(() => order.push('its successor'));
  });
  expect(order.at(-1)).toBe('soon');
  expect(order).toHaveLength(4);
});

test('random integers cover their range and stay inside', () => {
  const seen = new Set<number>();
  for (let i = 0; i < 5000; i++) seen.add(systemRng.int(7));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(systemRng.int(1)).toBe(0);
  expect(systemRng.int(2 ** 32)).toBeLessThan(2 ** 32);
  expect(() => systemRng.int(0)).toThrow('bound');
  for (let i = 0; i < 1000; i++) expect(systemRng.float()).toBeLessThan(1);
  expect(systemRng.bytes(33)).toHaveLength(33);
  expect(systemRng.bytes(16)).not.toEqual(systemRng.bytes(16));
});
