export type * from './events.ts';
export type * from './pool.ts';
