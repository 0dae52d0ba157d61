import type { Endpoint } from '@proconsul/base';
import type { GossipNode } from './delegate.ts';
import type { Whereabouts } from './pinger.ts';

/** A member's view of its pool: what the layer above uses. Memberlist implements it; tests put in a stand-in. */
export interface GossipPool {
  /** Every known member, also dead and left ones that are still remembered. */
  nodes(): readonly GossipNode[];
  node(name: string): GossipNode | undefined;
  readonly self: GossipNode;
  /** Members that are alive or suspect, ourselves included. */
  aliveCount(): number;
  /** Binds the sockets (packets and streams on one port) and starts the timers. */
  start(): Promise<void>;
  /**
   * Full exchange with each address. Answers how many succeeded, with the error of each that did not.
   */
  join(addresses: readonly Endpoint[]): Promise<{ readonly joined: number; readonly errors: readonly Error[] }>;
  /** Tells the others that we go and waits until that was sent, at most `timeoutMs`. */
  leave(timeoutMs: number): Promise<void>;
  /** Closes everything, without a word. */
  stop(): Promise<void>;
  /** Spreads changed meta under a new incarnation. */
  updateMeta(): void;
  /** A packet with a message for the other's delegate; other gossip may ride along. Lost silently. */
  sendPacket(to: Endpoint | GossipNode, message: Uint8Array): void;
  /** The same over a stream. */
  sendReliable(to: GossipNode, message: Uint8Array): Promise<void>;
  /** Whether who has that name answers a packet from that place in the time of a probe. Never rejects. */
  ping(there: Whereabouts): Promise<boolean>;
  /** 0 is healthy; grows while others are slow to hear from us. */
  healthScore(): number;
  /** A connection to that address broke, or one from there: its members are probed next. */
  lookAt(host: string): void;
  /** Forgets a dead or left member at once. */
  forget(name: string): void;
}
