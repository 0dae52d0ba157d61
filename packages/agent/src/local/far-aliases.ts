import { type Clock, errorText, type Log, type Millis, type Rng, type Timer } from '@proconsul/base';
import { evaluateAlias, type RawResult } from '@proconsul/checks';
import { type Caller, Internal, type ReadOptions } from '@proconsul/endpoints';
import type { NodeInfo } from '@proconsul/schema';

/** What an alias follows: a service of a node, or that node alone. */
export interface FarTarget {
  readonly node: string;
  /** Id of the service; empty: the node's own checks. */
  readonly service: string;
}

export interface FarAliasesDependencies {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  token(): string;
  result(id: string, result: RawResult): void;
}

/** After an answer: a node whose checks flap is not asked about more often than this. */
const PAUSE_MS: Millis = 100;
/** After an error, and as much again by chance. */
const RETRY_MS: Millis = 5_000;

/** Follows the checks of nodes in the catalog, each by a blocking query, for the aliases that name them. */
export class FarAliases {
  readonly #d: FarAliasesDependencies;
  readonly #followed = new Map<string, Follower>();

  constructor(dependencies: FarAliasesDependencies) {
    this.#d = dependencies;
  }

  /** Begins to follow; the same target goes on undisturbed. */
  follow(id: string, target: FarTarget): void {
    const old = this.#followed.get(id);
    if (old?.target.node === target.node && old.target.service === target.service) return;
    old?.stop();
    const follower = new Follower(this.#d, id, target);
    this.#followed.set(id, follower);
    follower.ask(0);
  }

  forget(id: string): void {
    this.#followed.get(id)?.stop();
    this.#followed.delete(id);
  }

  stop(): void {
    for (const follower of this.#followed.values()) follower.stop();
    this.#followed.clear();
  }
}

class Follower {
  readonly target: FarTarget;
  readonly #d: FarAliasesDependencies;
  readonly #id: string;
  #cancel: () => void = () => {};
  #timer: Timer | null = null;
  #stopped = false;

  constructor(dependencies: FarAliasesDependencies, id: string, target: FarTarget) {
    this.#d = dependencies;
    this.#id = id;
    this.target = target;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#timer?.cancel();
  }

  ask(minIndex: number): void {
    if (this.#stopped) return;
    const { caller, rng, log, token } = this.#d;
    const options: ReadOptions = { consistency: 'stale', minIndex, waitMs: 0 };
    const args = { Datacenter: '', Token: token(), Node: this.target.node, Filter: '' };
    this.#cancel = caller.read(Internal.NodeInfo, args, options, (error, view) => {
      if (error !== null || view === null) {
        log.warn('checking an alias failed, will retry', { check: this.#id, error: errorText(error) });
        this.#later(RETRY_MS * (1 + rng.float()), 0);
        return;
      }
      this.#d.result(this.#id, resultOf(this.target, view.value[0]));
      // A restored state counts anew.
      this.#later(PAUSE_MS, view.index < minIndex ? 0 : view.index);
    });
  }

  #later(afterMs: Millis, minIndex: number): void {
    if (!this.#stopped) this.#timer = this.#d.clock.after(afterMs, () => this.ask(minIndex));
  }
}

function resultOf({ node, service }: FarTarget, found: NodeInfo | undefined): RawResult {
  return evaluateAlias({
    node,
    service,
    nodeExists: found !== undefined,
    serviceExists: service === '' || (found?.Services ?? []).some(({ ID }) => ID === service),
    checks: found?.Checks ?? [],
  });
}
