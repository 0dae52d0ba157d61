export * from './errors.ts';
export { RequestHeaders } from './headers.ts';
export * from './limits.ts';
export * from './parser.ts';
export * from './response.ts';
export * from './status.ts';
