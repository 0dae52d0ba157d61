import { CodedError } from '@proconsul/base';

/** Why a request to Raft was not carried out. The texts are those that Consul's users see. */
export type RaftErrorCode =
  /** Asked of a server that does not lead. Nothing was done. */
  | 'NOT_LEADER'
  /** The leader lost its post while the entry was under way: it may or may not be committed. */
  | 'LEADERSHIP_LOST'
  /** Too many entries are waiting. Nothing was done. */
  | 'QUEUE_FULL'
  /** The node is stopping or stopped. An entry under way may or may not survive. */
  | 'STOPPED'
  /** The disk is full. Nothing was done. */
  | 'DISK_FULL'
  /** The disk failed: this node takes nothing more until it is started again. */
  | 'DISK_FAILED'
  | 'LEADERSHIP_TRANSFER_IN_PROGRESS'
  | 'LEADERSHIP_TRANSFER_FAILED'
  | 'INVALID_CONFIGURATION'
  /** A membership change is still under way, or the leader has not yet committed in its term. Try again. */
  | 'CONFIGURATION_BUSY'
  | 'CANNOT_BOOTSTRAP'
  | 'NOTHING_TO_SNAPSHOT'
  | 'SNAPSHOT_BUSY'
  | 'ENTRY_TOO_LARGE';

const TEXT: Readonly<Record<RaftErrorCode, string>> = {
  NOT_LEADER: 'node is not the leader',
  LEADERSHIP_LOST: 'leadership lost while committing log',
  QUEUE_FULL: 'timed out enqueuing operation',
  STOPPED: 'raft is already shutdown',
  DISK_FULL: 'no space left on device',
  DISK_FAILED: 'the disk failed; restart the server once it is repaired',
  LEADERSHIP_TRANSFER_IN_PROGRESS: 'leadership transfer in progress',
  LEADERSHIP_TRANSFER_FAILED: 'leadership transfer failed',
  INVALID_CONFIGURATION: 'invalid configuration',
  CONFIGURATION_BUSY: 'a configuration change is already in progress',
  CANNOT_BOOTSTRAP: 'bootstrap only works on new clusters',
  NOTHING_TO_SNAPSHOT: 'nothing new to snapshot',
  SNAPSHOT_BUSY: 'a snapshot is already in progress',
  ENTRY_TOO_LARGE: 'log entry is too large',
};

export class RaftError extends CodedError {
  override readonly name = 'RaftError';
  declare readonly code: RaftErrorCode;
  constructor(code: RaftErrorCode, message: string = TEXT[code], meta: Readonly<Record<string, unknown>> = {}) {
    super(code, message, meta);
  }
}

/**
 * A file of the data directory does not hold what was written to it. Nothing of it is served. `meta.path` names the file and
 * `meta.offset` the first bad byte.
 */
export class DamageError extends CodedError {
  override readonly name = 'DamageError';
  readonly path: string;
  readonly offset: number;
  constructor(path: string, offset: number, why: string) {
    super('RAFT_DAMAGED', `${path} is damaged at byte ${offset}: ${why}`, { path, offset });
    this.path = path;
    this.offset = offset;
  }
}
