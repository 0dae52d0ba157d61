import type { Clock, Log, Millis } from '@proconsul/base';
import type { RaftCore } from '../core/core.ts';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import { isStranger, refusalTo } from '../core/strangers.ts';
import type { Callers } from './callers.ts';
import type { Driver } from './driver.ts';
import type { SnapshotState } from './transport.ts';

/** A line about messages of servers that are no members comes no more often. */
const STRANGER_TOLD_MS: Millis = 10_000;

export interface IncomingRequestsDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly core: RaftCore;
  readonly callers: Callers;
  readonly driver: Driver;
  /** Who hears its leader within this time passes strangers over. */
  readonly patienceMs: Millis;
}

/** Leads requests of other servers to the core, but not those of strangers. */
export class IncomingRequests {
  readonly #d: IncomingRequestsDependencies;
  #strangerToldAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(dependencies: IncomingRequestsDependencies) {
    this.#d = dependencies;
  }

  take(request: RaftRequest, respond: (response: RaftResponse) => void, state: SnapshotState | undefined): void {
    const { clock, core, callers, driver, patienceMs } = this.#d;
    const at = clock.now();
    if (isStranger(core, request, at, patienceMs)) {
      this.#passOver(request, at);
      return respond(refusalTo(request, core.term));
    }
    const token = callers.request({ respond, state });
    driver.input({ kind: 'request', at, token, request });
  }

  /** One line in a while: a stranger sends as much as it likes. */
  #passOver({ from, address, kind }: RaftRequest, at: Millis): void {
    if (at - this.#strangerToldAt < STRANGER_TOLD_MS) return;
    this.#strangerToldAt = at;
    this.#d.log.warn('passing over messages of a server that is no member', { from, address, kind });
  }
}
