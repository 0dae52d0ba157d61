import type { Role } from '../core/inputs.ts';
import type { RaftErrorCode } from '../errors.ts';

/** How a node is doing, for all its parts to see. */
export class NodeStatus {
  role: Role = 'follower';
  isStopped = false;
  /** Why it takes no part any more; undefined while it does. */
  failure: Error | undefined;
  /** The vote does not fit on the disk; nothing goes on before it does. */
  isDiskFull = false;

  get isOver(): boolean {
    return this.isStopped || this.failure !== undefined;
  }

  /** Why nothing may be asked of this node now; undefined when the core decides. */
  refusal(): RaftErrorCode | undefined {
    if (this.isStopped) return 'STOPPED';
    if (this.failure) return 'DISK_FAILED';
    return this.isDiskFull ? 'DISK_FULL' : undefined;
  }
}
