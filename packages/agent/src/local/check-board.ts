import type { Clock, Log, Millis, Rng, Timer } from '@proconsul/base';
import {
  CheckScheduler,
  type CheckStatus,
  type CheckType,
  CriticalServiceReaper,
  checkKind,
  deregisterAfterMs,
  evaluateAlias,
  hasInterval,
  OUTPUT_MAX_SIZE_DEFAULT,
  type PersistedCheckState,
  type RawResult,
  type Reaped,
  SCHEDULER_DEFAULTS,
  TtlChecks,
} from '@proconsul/checks';
import type { FarTarget } from './far-aliases.ts';
import type { CheckRow, LocalState } from './state.ts';

export interface CheckBoardOptions {
  readonly outputMaxSize: number;
  readonly discardOutput: boolean;
  /** How long a change of output alone may wait before it is synced; 0 syncs at once. */
  readonly updateIntervalMs: Millis;
}

export interface CheckBoardDependencies {
  readonly local: LocalState;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly run: (check: CheckType, signal: AbortSignal) => Promise<RawResult>;
  /** Aliases that name a node. */
  readonly far: { follow(id: string, target: FarTarget): void; forget(id: string): void; stop(): void };
  /** Something changed that the servers should know now. */
  changed(): void;
  /** A service was critical for too long. */
  reap(reaped: Reaped): void;
  /** The state of a TTL check changed: to be kept over a restart. */
  persistTtl(state: PersistedCheckState): void;
  options(): CheckBoardOptions;
}

/** Aliases are evaluated this long after the last change that may concern them: one flapping check must not keep the agent busy. */
const ALIAS_DELAY_MS: Millis = 10;
/** While changes go on, at the latest after this. */
const ALIAS_DELAY_MAX_MS: Millis = 100;

/** Runs the checks of the local state and writes their results into it. */
export class CheckBoard {
  readonly #d: CheckBoardDependencies;
  readonly #scheduler: CheckScheduler;
  readonly #ttls: TtlChecks;
  readonly #reaper: CriticalServiceReaper;
  readonly #aliases = new Set<string>();
  readonly #deferred = new Map<string, Timer>();
  #aliasTimer: Timer | null = null;
  #aliasesDueAt: Millis = 0;

  constructor(dependencies: CheckBoardDependencies) {
    this.#d = dependencies;
    const { clock, rng, log } = dependencies;
    this.#scheduler = new CheckScheduler(SCHEDULER_DEFAULTS, {
      clock,
      rng,
      log,
      run: dependencies.run,
      onStatus: (id, result) => this.result(id, result),
    });
    this.#ttls = new TtlChecks({ clock, log, onExpired: (id, result) => this.#ttlResult(id, result) });
    this.#reaper = new CriticalServiceReaper(clock, (reaped) => dependencies.reap(reaped));
  }

  start(): void {
    this.#reaper.start();
  }

  stop(): void {
    this.#scheduler.stop();
    this.#ttls.stop();
    this.#reaper.stop();
    this.#aliasTimer?.cancel();
    this.#d.far.stop();
    for (const timer of this.#deferred.values()) timer.cancel();
    this.#deferred.clear();
  }

  /** Begins to run a check of the local state; one with an unchanged definition goes on undisturbed. */
  watch(row: CheckRow): void {
    const { definition, check } = row;
    if (definition === null) return;
    const id = check.CheckID;
    const kind = checkKind(definition);
    if (kind === 'ttl') this.#watchTtl(id, definition, check.Output);
    else this.#ttls.remove(id);
    this.#watchAlias(id, kind === 'alias' ? definition : null);
    if (hasInterval(definition) && kind !== 'ttl' && kind !== 'alias') this.#scheduler.add(id, definition);
    else this.#scheduler.remove(id);
    const after = deregisterAfterMs(definition);
    if (after !== undefined && check.ServiceID !== '') this.#reaper.watch(id, check.ServiceID, after, check.Status);
    else this.#reaper.forget(id);
    this.evaluateAliasesSoon();
  }

  #watchAlias(id: string, definition: CheckType | null): void {
    const node = definition?.AliasNode ?? '';
    // A node that is named is asked about in the catalog, this one too: there it has all its checks.
    const isFar = node !== '';
    if (definition !== null && !isFar) this.#aliases.add(id);
    else this.#aliases.delete(id);
    if (isFar) this.#d.far.follow(id, { node, service: definition?.AliasService ?? '' });
    else this.#d.far.forget(id);
  }

  #watchTtl(id: string, definition: CheckType, lastOutput: string): void {
    this.#ttls.add({ id, ttlMs: definition.TTL / 1e6, outputMaxSize: this.#outputMax(definition), lastOutput });
  }

  #outputMax(definition: CheckType): number {
    return definition.OutputMaxSize > 0
      ? definition.OutputMaxSize
      : this.#d.options().outputMaxSize || OUTPUT_MAX_SIZE_DEFAULT;
  }

  forget(id: string): void {
    this.#scheduler.remove(id);
    this.#ttls.remove(id);
    this.#watchAlias(id, null);
    this.#reaper.forget(id);
    this.#deferred.get(id)?.cancel();
    this.#deferred.delete(id);
    this.evaluateAliasesSoon();
  }

  isTtl(id: string): boolean {
    return this.#ttls.has(id);
  }

  /** A report for a TTL check. False when `id` is none. */
  report(id: string, status: CheckStatus, note: string): boolean {
    const result = this.#ttls.update(id, status, note);
    if (result === undefined) return false;
    this.#ttlResult(id, result);
    return true;
  }

  #ttlResult(id: string, result: RawResult): void {
    const ttl = this.#d.local.checks.get(id)?.definition?.TTL ?? 0;
    this.result(id, result);
    const Expires = Math.floor((this.#d.clock.wallMs() + ttl / 1e6) / 1000);
    this.#d.persistTtl({ CheckID: id, Status: result.status, Output: result.output, Expires });
  }

  /** A result of a check, from wherever it came. */
  result(id: string, result: RawResult): void {
    const { local } = this.#d;
    const row = local.checks.get(id);
    if (row === undefined) return;
    const options = this.#d.options();
    const output = options.discardOutput ? '' : result.output;
    this.#reaper.note(id, result.status);
    // The first words of a check that fails from the start are news, though its status was critical before.
    const isFirst = row.check.Output === '';
    const changed = local.setResult(id, result.status, output);
    if (changed === undefined || changed === 'nothing') return;
    if (changed === 'output' && options.updateIntervalMs > 0 && !isFirst) {
      return this.#defer(id, options.updateIntervalMs);
    }
    this.#deferred.get(id)?.cancel();
    this.#deferred.delete(id);
    local.markCheck(id, false);
    if (changed === 'status') this.evaluateAliasesSoon();
    this.#d.changed();
  }

  /** Output alone is synced later, and only once for all changes until then. */
  #defer(id: string, intervalMs: Millis): void {
    if (this.#deferred.has(id)) return;
    const delay = intervalMs / 2 + this.#d.rng.float() * intervalMs;
    const timer = this.#d.clock.after(delay, () => {
      this.#deferred.delete(id);
      if (!this.#d.local.checks.has(id)) return;
      this.#d.local.markCheck(id, false);
      this.#d.changed();
    });
    this.#deferred.set(id, timer);
  }

  /** As {@link evaluateAliases}, for several changes together, and after whoever made them has an answer. */
  evaluateAliasesSoon(): void {
    if (this.#aliases.size === 0) return;
    const now = this.#d.clock.now();
    if (this.#aliasTimer === null) this.#aliasesDueAt = now + ALIAS_DELAY_MAX_MS;
    this.#aliasTimer?.cancel();
    this.#aliasTimer = this.#d.clock.after(Math.min(ALIAS_DELAY_MS, Math.max(0, this.#aliasesDueAt - now)), () => {
      this.#aliasTimer = null;
      this.evaluateAliases();
    });
  }

  /** Brings every alias of something on this node up to date with the checks that it follows. */
  evaluateAliases(): void {
    for (const id of [...this.#aliases]) this.#evaluateAlias(id);
  }

  #evaluateAlias(id: string): void {
    const { local } = this.#d;
    const definition = local.checks.get(id)?.definition;
    if (definition === undefined || definition === null) return;
    const checks = [...local.checks.values()].map((row) => row.check).sort((a, b) => (a.CheckID < b.CheckID ? -1 : 1));
    const service = definition.AliasService;
    this.result(
      id,
      evaluateAlias({
        node: definition.AliasNode,
        service,
        nodeExists: true,
        serviceExists: service === '' || local.services.has(service),
        checks,
      }),
    );
  }
}
