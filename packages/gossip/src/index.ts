export { addressBytes, addressText, hostPort } from './address.ts';
export { type Broadcast, BroadcastQueue } from './broadcast-queue.ts';
export * from './delegate.ts';
export { GossipError } from './errors.ts';
export { confirmationsWanted, pushPullMs, suspicionMinMs, suspicionMs, transmitLimit } from './formulas.ts';
export { KEYS_MAX, KeyList } from './key-list.ts';
export type * from './keyring.ts';
export * from './limits.ts';
export { Memberlist, type MemberlistDependencies } from './memberlist.ts';
export {
  CONSUL_VERSIONS,
  type GossipProfile,
  LAN,
  LOCAL,
  MEMBERLIST_DEFAULTS,
  type MemberlistOptions,
  WAN,
} from './options.ts';
export type * from './pool.ts';
