export * from './catalog.ts';
export * from './kind.ts';
export * from './kv.ts';
export * from './operator.ts';
export * from './query.ts';
export * from './requests.ts';
export * from './service-definition.ts';
export * from './struct.ts';
