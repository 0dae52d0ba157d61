export * from './agent-api.ts';
