import type { Member } from '@proconsul/http-api';

/** The gossip pools as the agent sees them. */
export interface Membership {
  lan(): readonly Member[];
  wan(): readonly Member[];
  /** Resolves with how many answered. Rejects with AgentError when none of the addresses did. */
  join(addresses: readonly string[], wan: boolean): Promise<number>;
  /** False when there is no such member. */
  forceLeave(node: string, options: { readonly prune: boolean; readonly wan: boolean }): boolean;
}
