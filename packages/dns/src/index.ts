export * from './handler.ts';
export * from './recursors.ts';
export * from './server.ts';
export * from './settings.ts';
export * from './source.ts';
