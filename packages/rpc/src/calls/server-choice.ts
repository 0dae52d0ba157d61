import type { RpcPeer } from '../peer.ts';

/** Which server gets the next call. */
export interface ServerChoice {
  /** Undefined: none is known. `datacenter` is the one that the call is about; empty for our own. */
  pick(datacenter: string): RpcPeer | undefined;
  /** It could not be reached, or turned a call away: others should come first. */
  failed(peer: RpcPeer): void;
  /** The choice never changes: a failed call is not made again. */
  readonly isFixed?: boolean;
}

/** Always the same server. Calls are made once: whoever binds to one server decides what comes after it. */
export function oneServer(peer: RpcPeer): ServerChoice {
  return { pick: () => peer, failed: () => {}, isFixed: true };
}
