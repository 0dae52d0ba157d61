import type { CommonArgs, ReadMethod, WriteMethod } from './method.ts';
import type { ReadDone, ReadOptions, View } from './view.ts';

/**
 * The one way into the replicated state: on a server a call of the same process, on a client agent an RPC. HTTP, DNS,
 * the agent's own duties and embedding programs all use it.
 */
export interface Caller {
  /**
   * Reads. `done` may be called before this returns (always, when the answer needs no waiting on a server that leads).
   * The returned function cancels a read that still waits; after it `done` is not called.
   * Errors carry the text that clients match on: `No cluster leader`, `No path to datacenter`, ... (see errors.ts).
   */
  read<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A, options: ReadOptions, done: ReadDone<T>): () => void;
  /**
   * The answer if it can be had without waiting for anything: we lead with a valid lease and the datacenter is ours.
   * Undefined: use `read`. This is the hot path of HTTP and DNS. Throws what `read` would report.
   */
  peek<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): View<T> | undefined;
  /** True while `peek` may answer and views made before are current: we lead, with a valid lease, at this moment. */
  leads(): boolean;
  /** Changes. Rejects with an error whose text is Consul's. */
  write<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R>;
}
