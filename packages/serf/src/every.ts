import type { Clock, Millis, Timer } from '@proconsul/base';

/** Calls `fn` again and again, every `intervalMs`, for the first time after one of them. */
export function every(clock: Clock, intervalMs: Millis, fn: () => void): Timer {
  let timer: Timer;
  const arm = () => {
    timer = clock.after(intervalMs, () => {
      arm();
      fn();
    });
  };
  arm();
  return { cancel: () => timer.cancel() };
}
