export * from './calls/index.ts';
export { DIAL_RULES, type DialRules } from './dialer.ts';
export { hopText, RemoteError, RpcError, type RpcErrorCode } from './errors.ts';
export { FirstByte } from './first-byte.ts';
export * from './grpc/index.ts';
export { type InsecureCallOptions, insecureCall } from './insecure-call.ts';
export * from './limits.ts';
export {
  RPC_LISTENER_DEFAULTS,
  RpcListener,
  type RpcListenerDependencies,
  type RpcListenerOptions,
} from './listener.ts';
export type * from './peer.ts';
export { serverName } from './peer-name.ts';
export { poolSizes, RPC_POOL_DEFAULTS, RpcPool, type RpcPoolDependencies, type RpcPoolOptions } from './pool.ts';
export { ReplayStream } from './replay-stream.ts';
