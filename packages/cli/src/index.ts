export * from './columns.ts';
export * from './command.ts';
export * from './flags.ts';
export * from './go-json.ts';
export * from './io.ts';
export * from './node-io.ts';
export * from './run.ts';
export * from './table.ts';
