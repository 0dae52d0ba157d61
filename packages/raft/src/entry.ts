/** Kinds of log entries. Source: raft wire, log types (2 and 3 are peer changes of older protocols and never written). */
export const LogType = {
  command: 0,
  noop: 1,
  barrier: 4,
  configuration: 5,
} as const;
export type LogType = (typeof LogType)[keyof typeof LogType];

/** One entry of the replicated log. Index and term are at least 1. */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly type: number;
  readonly data: Uint8Array;
  readonly extensions?: Uint8Array;
  /** Wall-clock milliseconds at the leader when it appended the entry; 0 or absent when unknown. */
  readonly appendedAtMs?: number;
  /**
   * What `data` decodes to, when this process proposed the entry itself, so that its state machine need not decode its own
   * bytes. Never stored, never sent; dropped once applied.
   */
  command?: unknown;
}

export const isLogType = (type: number): boolean => type === 0 || type === 1 || type === 4 || type === 5;
