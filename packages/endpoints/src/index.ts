export * from './bounded-read.ts';
export * from './caller.ts';
export * from './errors.ts';
export * from './method.ts';
export * from './methods.ts';
export * from './view.ts';
export * from './wire/index.ts';
