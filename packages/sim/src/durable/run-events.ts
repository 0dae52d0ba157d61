import type { Millis } from '@proconsul/base';
import type { EventQueue } from '../event-queue.ts';

/** Turns of promises after each event. The rest goes on after the next one: awaits take their time. */
const TURNS = 12;

/** Lets virtual time pass, with the promises of the product in it. `afterEach` event it may look at everything, and throw. */
export async function runEvents(
  events: EventQueue,
  forMs: Millis,
  afterEach: () => void = () => undefined,
): Promise<void> {
  const until = events.now + forMs;
  while (events.step(until)) {
    for (let turn = 0; turn < TURNS; turn++) await undefined;
    afterEach();
  }
}
