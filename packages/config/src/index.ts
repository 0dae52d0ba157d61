export * from './definitions.ts';
export * from './runtime.ts';
