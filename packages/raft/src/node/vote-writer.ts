import { type Clock, type Disk, errorText, type Log, type Millis, type Timer } from '@proconsul/base';
import { isNoSpace } from '../disk/log-open.ts';
import { type VoteState, writeVoteState } from '../disk/state-file.ts';
import type { NodeStatus } from './node-status.ts';

export interface VoteWriterDependencies {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: NodeStatus;
  readonly path: string;
  /** How soon a full disk is tried again. */
  readonly retryMs: Millis;
  /** The disk is full: everything waits until the vote fits. */
  onFull(): void;
  onFailed(error: Error): void;
}

/** Writes term and vote. Nothing may be sent before they are durable, so everything waits, for as long as the disk is full. */
export class VoteWriter {
  readonly #d: VoteWriterDependencies;
  #retry: Timer | undefined;

  constructor(dependencies: VoteWriterDependencies) {
    this.#d = dependencies;
  }

  /** Calls `goOn` once they are durable, unless the node is over by then. */
  write(vote: VoteState, goOn: () => void): void {
    const { disk, path, status, onFailed } = this.#d;
    const { term, votedFor } = vote;
    writeVoteState(disk, path, { term, votedFor }).then(
      () => {
        status.isDiskFull = false;
        if (!status.isOver) goOn();
      },
      (error) => {
        if (!isNoSpace(error)) return onFailed(error);
        this.#waitForSpace(() => this.write(vote, goOn), error);
      },
    );
  }

  stop(): void {
    this.#retry?.cancel();
  }

  #waitForSpace(retry: () => void, error: Error): void {
    const { clock, log, status, retryMs, onFull } = this.#d;
    if (status.isStopped) return;
    if (!status.isDiskFull) log.error('failed to persist vote, waiting for space', { error: errorText(error) });
    status.isDiskFull = true;
    onFull();
    this.#retry = clock.after(retryMs, retry);
  }
}
