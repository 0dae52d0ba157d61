import type { Clock, Millis, Timer } from '@proconsul/base';

/** A timer that fires later than this tells that the whole process stood still. */
export const STALL_MS = 250;

/**
 * Calls `fn` after `delayMs` of time in which this process was running. When it stood still (stopped, starved, suspended),
 * answers may wait in its sockets that it has not seen yet, and it would accuse others of its own delay. So a late timer
 * waits once more, as long as it was late, at most `graceMs`.
 */
export function patientTimer(clock: Clock, delayMs: Millis, graceMs: Millis, fn: () => void): Timer {
  const due = clock.now() + delayMs;
  let timer = clock.after(delayMs, () => {
    const late = clock.now() - due;
    if (late < STALL_MS) fn();
    else timer = clock.after(Math.min(late, graceMs), fn);
  });
  return { cancel: () => timer.cancel() };
}
