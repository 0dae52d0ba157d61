export * from './calls/index.ts';
export { RemoteError, RpcError } from './errors.ts';
export type * from './peer.ts';
