export * from './archive.ts';
export * from './autopilot.ts';
export * from './consensus.ts';
export * from './coordinates.ts';
export * from './server.ts';
export * from './validate.ts';
export * from './views.ts';
