import type { Clock } from '@proconsul/base';

/** The machine's own clock, for tests on loopback. */
export const realClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
