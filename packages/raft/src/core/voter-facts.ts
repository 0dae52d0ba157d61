import { type Configuration, quorumOf, type ServerId, voters } from '../configuration.ts';

/** What follows from a configuration for the server `own`. */
export interface VoterFacts {
  readonly of: Configuration;
  readonly ids: readonly ServerId[];
  readonly quorum: number;
  /** Whether we are one of them. */
  readonly isVoter: boolean;
}

export function voterFacts(of: Configuration, own: ServerId): VoterFacts {
  const ids = voters(of).map(({ id }) => id);
  return { of, ids, quorum: quorumOf(ids.length), isVoter: ids.includes(own) };
}
