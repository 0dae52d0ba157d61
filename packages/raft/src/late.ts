import { type Clock, type Millis, soon } from '@proconsul/base';

/** A timer that goes off later than this tells that we stood still, and heard nobody meanwhile. */
export const LATE_MS: Millis = 10;

/**
 * For what a timer does that was due at `dueAt`: at once or, when it is late, after what has come meanwhile was read. An event loop that
 * stood still runs its timers first, and they would take for silence what lies in the sockets.
 */
export function onceRead(clock: Clock, dueAt: Millis, act: () => unknown): void {
  if (clock.now() - dueAt < LATE_MS) act();
  else soon(clock, () => void act());
}
