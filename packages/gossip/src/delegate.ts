/** States of a member as push/pull numbers them. Source: gossip wire, section 2.4. */
export const NodeState = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;
export type NodeState = (typeof NodeState)[keyof typeof NodeState];

/** What the pool knows of one member. Replaced, never changed in place. */
export interface GossipNode {
  readonly name: string;
  /** IP literal. */
  readonly address: string;
  readonly port: number;
  /** At most 512 bytes, opaque to gossip. */
  readonly meta: Uint8Array;
  readonly state: NodeState;
  readonly incarnation: number;
  /** Versions: protocol min, max, current; then the delegate's min, max, current. */
  readonly versions: readonly [number, number, number, number, number, number];
}

/** What gossip carries for the layer above it, and tells it. All calls are synchronous. */
export interface Delegate {
  /** What the others learn about us, at most `limit` bytes. */
  meta(limit: number): Uint8Array;
  /** A message of the layer above, by packet or by stream. The bytes are only valid during the call. */
  onMessage(message: Uint8Array): void;
  /** Messages waiting to be spread: as many as fit into `limit` bytes, each costing its length and `overhead`. */
  broadcasts(overhead: number, limit: number): readonly Uint8Array[];
  /** Our state for a full exchange; `isJoin` when one of the two just joins. */
  localState(isJoin: boolean): Uint8Array;
  mergeState(state: Uint8Array, isJoin: boolean): void;
  onJoin(node: GossipNode): void;
  /** The member failed (`node.state` is dead) or left (left). */
  onLeave(node: GossipNode): void;
  /** Meta or address changed. */
  onUpdate(node: GossipNode): void;
  /** Two members claim one name. */
  onConflict?(existing: GossipNode, other: GossipNode): void;
  /** Asked before a join is taken over. A text refuses it. */
  onMerge?(nodes: readonly GossipNode[]): string | undefined;
  /** Asked at every alive message. A text refuses it. */
  onAlive?(node: GossipNode): string | undefined;
  /** Travels with the acknowledgement of a direct ping. */
  ackPayload?(): Uint8Array;
  /** A direct ping of ours was acknowledged. */
  onPingDone?(node: GossipNode, rttMs: number, payload: Uint8Array): void;
}
