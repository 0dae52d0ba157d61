import type { Session } from '@proconsul/schema';
import type { DepKind } from './dep.ts';
import { Watches } from './watches.ts';

export type SessionChange =
  | { readonly kind: 'created'; readonly session: Session }
  | { readonly kind: 'destroyed'; readonly session: Session };

/** Told in the order of the changes, after the command that made them has taken effect. */
export interface StoreHooks {
  onSession?(change: SessionChange): void;
  /** The session that held `key` is gone: no one may take the lock for `delayNs` nanoseconds. Kept by the leader only. */
  onLockDelay?(key: string, delayNs: number): void;
  /** The node and everything on it was removed, also by a rename. */
  onNodeRemoved?(node: string): void;
}

/**
 * What one command does beside changing rows: whom it wakes, what the hooks hear, and how to take it all back when it
 * turns out that the command must be refused.
 */
export class Journal {
  readonly #watches: Watches;
  readonly #hooks: () => StoreHooks;
  #undo: (() => void)[] | null = null;
  #held: (() => void)[] = [];
  /** Raft index of the command. */
  index = 0;

  constructor(watches: Watches, hooks: () => StoreHooks) {
    this.#watches = watches;
    this.#hooks = hooks;
  }

  /** True while changes must be written down for {@link Journal.attempt}. */
  get recording(): boolean {
    return this.#undo !== null;
  }

  /** To be called with the opposite of a change that was just made. */
  undoWith(fn: () => void): void {
    this.#undo?.push(fn);
  }

  /** Runs `change`; when it answers false or throws, everything it did is taken back and nobody hears of it. */
  attempt(change: () => boolean): void {
    this.#undo = [];
    let kept = false;
    try {
      kept = change();
    } finally {
      const undo = this.#undo;
      this.#undo = null;
      const held = this.#held;
      this.#held = [];
      if (kept) for (const tell of held) tell();
      else for (let i = undo.length - 1; i >= 0; i--) (undo[i] as () => void)();
    }
  }

  touch(kind: DepKind, key = ''): void {
    this.#tell(() => this.#watches.touch(kind, key));
  }

  touchKey(key: string): void {
    if (this.#undo === null) this.#watches.touchKey(key);
    else this.#held.push(() => this.#watches.touchKey(key));
  }

  session(change: SessionChange): void {
    this.#tell(() => this.#hooks().onSession?.(change));
  }

  lockDelay(key: string, delayNs: number): void {
    this.#tell(() => this.#hooks().onLockDelay?.(key, delayNs));
  }

  nodeRemoved(node: string): void {
    this.#tell(() => this.#hooks().onNodeRemoved?.(node));
  }

  #tell(fn: () => void): void {
    if (this.#undo === null) fn();
    else this.#held.push(fn);
  }
}

/** The journal of a command where it changes what nobody reads: nobody is woken, but all of it can be taken back. */
export class QuietJournal extends Journal {
  readonly #main: Journal;

  constructor(main: Journal) {
    super(new Watches(), () => ({}));
    this.#main = main;
    this.index = main.index;
  }

  override get recording(): boolean {
    return this.#main.recording;
  }

  override undoWith(fn: () => void): void {
    this.#main.undoWith(fn);
  }

  override touch(): void {}
  override touchKey(): void {}
  override session(): void {}
  override lockDelay(): void {}
  override nodeRemoved(): void {}
}

/** The journal for changes of the catalog of a peer, or of our own for the empty name. */
export const journalFor = (journal: Journal, peerName: string): Journal =>
  peerName === '' ? journal : new QuietJournal(journal);
