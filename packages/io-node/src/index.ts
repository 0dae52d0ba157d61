export * from './clock.ts';
export * from './disk.ts';
export * from './gzip.ts';
export * from './network.ts';
export * from './network-error.ts';
export * from './rng.ts';
export { LISTEN_BACKLOG } from './tcp.ts';
export * from './tls.ts';
export { UDP_BUFFER_BYTES } from './udp.ts';
