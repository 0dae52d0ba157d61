export type * from './peer.ts';
