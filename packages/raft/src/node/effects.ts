import type { Clock, Log, Metrics } from '@proconsul/base';
import type { ServerId } from '../configuration.ts';
import type { RaftCore } from '../core/core.ts';
import type { RaftEffect, Role } from '../core/inputs.ts';
import type { Storage } from '../disk/storage.ts';
import type { Entry } from '../entry.ts';
import { RaftError } from '../errors.ts';
import type { Applier } from './applier.ts';
import type { BatchTimes } from './batch-times.ts';
import type { Callers } from './callers.ts';
import type { NodeSnapshots } from './node-snapshots.ts';
import type { NodeStatus } from './node-status.ts';
import type { Outbox } from './outbox.ts';
import type { Proposals } from './proposals.ts';
import type { WakeTimer } from './wake-timer.ts';

/** Whom an effect may concern. */
export interface EffectDependencies {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly status: NodeStatus;
  readonly storage: Storage;
  readonly core: RaftCore;
  readonly applier: Applier;
  readonly outbox: Outbox;
  readonly snapshots: NodeSnapshots;
  readonly proposals: Proposals;
  readonly callers: Callers;
  readonly timer: WakeTimer;
  readonly times: BatchTimes;
  onRole(role: Role, term: number): void;
  onLeader(leader: { readonly id: ServerId; readonly address: string } | undefined): void;
}

/** Everything but the vote, which has to be waited for. */
export type PromptEffect = Exclude<RaftEffect, { readonly kind: 'persist-vote' }>;

/** Carries out what the core decided. */
export class Effects {
  readonly #d: EffectDependencies;

  constructor(dependencies: EffectDependencies) {
    this.#d = dependencies;
  }

  carryOut(e: PromptEffect): void {
    const d = this.#d;
    switch (e.kind) {
      case 'append':
        return this.#append(e.entries, e.truncateFrom);
      case 'commit':
        d.times.committed(e.index, d.clock.now());
        return d.applier.commit(e.index);
      case 'set-timer':
        return d.timer.set(e.at);
      case 'role':
        return this.#onRole(e.role, e.term);
      case 'send':
        return d.outbox.send(e.to, e.request, e.sent);
      case 'send-entries':
        return d.outbox.sendEntries(e);
      case 'send-snapshot':
        void d.outbox.sendSnapshot(e.to, e.term, e.sent);
        return;
      case 'respond':
        return d.callers.respond(e.token, e.response);
      case 'store-snapshot':
        void d.snapshots.store(e.token, e.request, d.callers.stateOf(e.token));
        return;
      case 'restore-snapshot':
        // The log no longer leads to what they wait for.
        if (!e.keepLog) d.proposals.rejectNumbered('LEADERSHIP_LOST');
        return d.snapshots.restore(e);
      case 'compact':
        return d.storage.log.compactTo(e.index);
      case 'change-appended':
        return this.#changeAppended(e.token, e.index);
      case 'done':
        return d.callers.take(e.token)?.resolve();
      case 'refused':
        return d.callers.take(e.token)?.reject(new RaftError(e.code, e.message));
      case 'log':
        return d.log[e.level](e.message, e.fields);
      case 'count':
        return d.metrics.count(e.name);
      case 'observe':
        return d.metrics.sample(e.name, e.value);
      case 'leader':
        return d.onLeader(e.id === undefined ? undefined : { id: e.id, address: e.address ?? '' });
      case 'configuration':
        return;
    }
  }

  #append(entries: readonly Entry[], truncateFrom: number | undefined): void {
    const { storage, proposals } = this.#d;
    const { log } = storage;
    if (truncateFrom !== undefined) {
      proposals.rejectAfter(truncateFrom - 1, 'LEADERSHIP_LOST');
      log.truncateFrom(truncateFrom);
    }
    // A full disk may have dropped the entries before these; the core is about to hear of it, and drops these too.
    if (entries[0]!.index === log.lastIndex + 1) log.append(entries);
  }

  #changeAppended(token: number, index: number): void {
    const { core, callers, proposals } = this.#d;
    const asker = callers.take(token);
    if (!asker) return;
    const { resolve, reject } = asker;
    proposals.waitFor(index, core.term, { resolve: () => resolve(), reject });
  }

  #onRole(role: Role, term: number): void {
    const { status, times, proposals, applier } = this.#d;
    const before = status.role;
    status.role = role;
    times.clear();
    if (before === 'leader') {
      proposals.rejectQueued('NOT_LEADER');
      proposals.rejectNumbered('LEADERSHIP_LOST');
      applier.rejectWaiters(new RaftError('LEADERSHIP_LOST'));
    }
    this.#d.onRole(role, term);
  }
}
