export * from './ast.ts';
export * from './errors.ts';
export { MAX_NESTING, MAX_TEXT_LENGTH, parseHcl } from './parser.ts';
export * from './tree.ts';
