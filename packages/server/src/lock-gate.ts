import { noLeader } from '@proconsul/endpoints';

/** What the gate sees of this server, all of it as far as it has applied the log. */
export interface LockGateDependencies {
  /** Whether we lead, with a valid lease. */
  leads(): boolean;
  /** Whether a lock delay runs. */
  isClosed(key: string): boolean;
  /** The session that has the lock; empty when nobody has. */
  holder(key: string): string;
}

/** Why a lock is not to be had at this moment. */
export type LockRefusal = 'closed' | 'held';

/**
 * Lets requests for locks into the log. Lock delays are known to the leader alone, and begin when it applies the end of a
 * session. A request that is proposed before that and comes after it in the log would get the lock without any delay, so
 * nothing is proposed for a key that somebody else has, and only one request for a key is under way at a time. What is
 * refused here is refused rightly: with a lease, what we have applied is what there is.
 */
export class LockGate {
  readonly #d: LockGateDependencies;
  /** Requests that are proposed and not yet applied, by key. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(dependencies: LockGateDependencies) {
    this.#d = dependencies;
  }

  /**
   * Waits until no request for any of the keys is under way, then proposes, unless one of them is not to be had: then the answer
   * is why, by key. `wants` are the sessions by the keys that they want; with `mayFree` what is proposed may itself free them
   * first. Throws EndpointError when we no longer lead.
   */
  async pass<T>(
    wants: ReadonlyMap<string, string>,
    propose: () => Promise<T>,
    mayFree = false,
  ): Promise<{ readonly done: T } | { readonly refused: ReadonlyMap<string, LockRefusal> }> {
    for (let other = this.#other(wants); other !== undefined; other = this.#other(wants)) {
      await other;
      if (!this.#d.leads()) throw noLeader();
    }
    const refused = new Map<string, LockRefusal>();
    for (const [key, session] of wants) {
      const holder = this.#d.holder(key);
      if (this.#d.isClosed(key)) refused.set(key, 'closed');
      else if (holder !== '' && holder !== session && !mayFree) refused.set(key, 'held');
    }
    if (refused.size > 0) return { refused };
    return { done: await this.#propose(wants, propose) };
  }

  #other(wants: ReadonlyMap<string, string>): Promise<void> | undefined {
    for (const key of wants.keys()) {
      const other = this.#underWay.get(key);
      if (other !== undefined) return other;
    }
    return undefined;
  }

  async #propose<T>(wants: ReadonlyMap<string, string>, propose: () => Promise<T>): Promise<T> {
    const work = propose();
    const over = work.then(
      () => undefined,
      () => undefined,
    );
    for (const key of wants.keys()) this.#underWay.set(key, over);
    try {
      return await work;
    } finally {
      for (const key of wants.keys()) this.#underWay.delete(key);
    }
  }
}
