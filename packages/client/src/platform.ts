import type { Clock, Rng } from '@proconsul/base';

/** The platform's own clock, for those who inject none. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Enough randomness for jitter; nothing here is a secret. */
export const systemRng: Pick<Rng, 'float'> = { float: () => Math.random() };
