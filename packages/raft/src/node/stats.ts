import type { Millis } from '@proconsul/base';
import { configurationText, isVoter, voters } from '../configuration.ts';
import type { RaftCore } from '../core/core.ts';
import type { Role } from '../core/inputs.ts';
import type { SnapshotMeta } from '../disk/snapshot-store.ts';

/** Figures by name, as `info` and `/v1/agent/self` print them. */
export type RaftStats = Readonly<Record<string, string>>;

export interface Figures {
  readonly applied: number;
  readonly waiting: number;
  readonly lastIndex: number;
  readonly lastContactMs: Millis;
  readonly snapshot: SnapshotMeta | undefined;
}

const STATE = { follower: 'Follower', candidate: 'Candidate', leader: 'Leader' } as const;

/** Source: recorded output of `info`; there the index of the first configuration shows as 0. */
export function statsOf(core: RaftCore, role: Role, figures: Figures): RaftStats {
  const { configuration, configurationIndex } = core;
  const peers = voters(configuration).length - (isVoter(configuration, core.id) ? 1 : 0);
  return {
    applied_index: String(figures.applied),
    commit_index: String(core.commitIndex),
    fsm_pending: String(figures.waiting),
    last_contact: role === 'leader' ? '0' : contactText(figures.lastContactMs),
    last_log_index: String(figures.lastIndex),
    last_log_term: String(core.lastTerm),
    last_snapshot_index: String(figures.snapshot?.index ?? 0),
    last_snapshot_term: String(figures.snapshot?.term ?? 0),
    latest_configuration: configurationText(configuration),
    latest_configuration_index: String(configurationIndex <= 1 ? 0 : configurationIndex),
    num_peers: String(peers),
    protocol_version: '3',
    protocol_version_max: '3',
    protocol_version_min: '0',
    snapshot_version_max: '1',
    snapshot_version_min: '0',
    state: STATE[role],
    term: String(core.term),
  };
}

const contactText = (ms: Millis): string => (ms === Number.POSITIVE_INFINITY ? 'never' : `${Math.round(ms)}ms`);
