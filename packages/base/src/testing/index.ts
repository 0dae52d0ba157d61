export { ManualClock, type ManualClockOptions } from './manual-clock.ts';
export { settle } from './settle.ts';
