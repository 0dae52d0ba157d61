export * from './delegate.ts';
export type * from './keyring.ts';
export type * from './pool.ts';
