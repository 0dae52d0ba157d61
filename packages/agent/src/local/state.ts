import { type CheckType, sameDefinition } from '@proconsul/checks';
import type { LocalService } from '@proconsul/http-api';
import {
  type HealthCheck,
  HealthCheck as HealthCheckSchema,
  type NodeService,
  NodeService as NodeServiceSchema,
} from '@proconsul/schema';

/** Where a definition came from: a configuration file, or the API. */
export type Origin = 'local' | 'remote';

export interface ServiceRow extends LocalService {
  readonly token: string;
  readonly origin: Origin;
  /** The parent's id for a sidecar that was registered with it. */
  readonly sidecarOf: string;
  /** Whether the catalog has it like this; {@link LocalState.markService} changes it. */
  inSync: boolean;
  /** Whether it was persisted like this. */
  persisted: boolean;
}

export interface CheckRow {
  check: HealthCheck;
  readonly definition: CheckType | null;
  readonly token: string;
  readonly origin: Origin;
  /** Whether the catalog has it like this; {@link LocalState.markCheck} changes it. */
  inSync: boolean;
  /** What `check` was when all this was persisted; null when it was not. */
  persisted: HealthCheck | null;
}

/** Ids of services and checks. */
export interface LocalIds {
  readonly services: ReadonlySet<string>;
  readonly checks: ReadonlySet<string>;
}

/**
 * The services and checks that this agent owns. Everything else (the catalog, what is persisted, which checks run)
 * follows from it; anti-entropy makes the catalog equal to it.
 */
export class LocalState {
  readonly services = new Map<string, ServiceRow>();
  readonly checks = new Map<string, CheckRow>();
  /** Removed here, but perhaps still in the catalog. The value is the token that removes it. */
  readonly goneServices = new Map<string, string>();
  readonly goneChecks = new Map<string, string>();
  /** Ids of what is not in sync, so that finding it costs nothing however much is. */
  readonly dirtyServices = new Set<string>();
  readonly dirtyChecks = new Set<string>();
  #freshServices = new Set<string>();
  #freshChecks = new Set<string>();
  #serviceViews: Readonly<Record<string, LocalService>> | null = null;
  #checkViews: Readonly<Record<string, HealthCheck>> | null = null;
  readonly #waiting = new Set<() => void>();

  serviceViews(): Readonly<Record<string, LocalService>> {
    this.#serviceViews ??= Object.assign(Object.create(null), Object.fromEntries(this.services)) as Record<
      string,
      LocalService
    >;
    return this.#serviceViews;
  }

  checkViews(): Readonly<Record<string, HealthCheck>> {
    if (this.#checkViews === null) {
      const out: Record<string, HealthCheck> = Object.create(null);
      for (const [id, row] of this.checks) out[id] = row.check;
      this.#checkViews = out;
    }
    return this.#checkViews;
  }

  /**
   * A record that says what the one before said leaves that in place: a service is the same as before when its record is the same
   * object. `json` is the record's, where the caller has it.
   */
  putService(
    service: NodeService,
    options: { token: string; origin: Origin; sidecarOf: string },
    json: string = NodeServiceSchema.toJson(service),
  ): void {
    const before = this.services.get(service.ID);
    this.goneServices.delete(service.ID);
    const same = before !== undefined && before.token === options.token && isSame(before.service, service, json);
    const inSync = same && before.inSync;
    const { token, origin, sidecarOf } = options;
    const persisted = same && before.origin === origin && before.persisted;
    const record = same ? before.service : service;
    this.services.set(service.ID, { service: record, token, origin, sidecarOf, inSync, persisted });
    this.markService(service.ID, inSync);
    if (!same) this.#servicesChanged();
  }

  /** Removes a service with its checks; in the catalog they go with it. Answers the ids of those checks. */
  removeService(id: string): string[] | undefined {
    const row = this.services.get(id);
    if (row === undefined) return undefined;
    this.services.delete(id);
    this.dirtyServices.delete(id);
    const checks = [...this.checks.values()].filter((c) => c.check.ServiceID === id).map((c) => c.check.CheckID);
    for (const checkId of checks) {
      this.checks.delete(checkId);
      this.dirtyChecks.delete(checkId);
    }
    this.#freshServices.add(id);
    if (checks.length > 0) this.#checkViews = null;
    this.goneServices.set(id, row.token);
    this.#servicesChanged();
    return checks;
  }

  /**
   * A check that is registered again keeps its status and output, unless its definition gives one. As with services, a record that
   * says the same stays in place.
   */
  putCheck(check: HealthCheck, definition: CheckType | null, options: { token: string; origin: Origin }): void {
    const before = this.checks.get(check.CheckID);
    this.goneChecks.delete(check.CheckID);
    const given = definition !== null && definition.Status !== '';
    const kept =
      before === undefined || given ? check : { ...check, Status: before.check.Status, Output: before.check.Output };
    const { token, origin } = options;
    const isSameRecord =
      before !== undefined && HealthCheckSchema.toJson(before.check) === HealthCheckSchema.toJson(kept);
    const same = isSameRecord && before.token === token;
    const inSync = same && before.inSync;
    const isSameFile = same && before.origin === origin && isSameDefinition(before.definition, definition);
    const persisted = isSameFile ? before.persisted : null;
    const record = isSameRecord ? before.check : kept;
    this.checks.set(check.CheckID, { check: record, definition, token, origin, inSync, persisted });
    this.markCheck(check.CheckID, inSync);
    this.#checkViews = null;
  }

  removeCheck(id: string): boolean {
    const row = this.checks.get(id);
    if (row === undefined) return false;
    this.checks.delete(id);
    this.dirtyChecks.delete(id);
    this.goneChecks.set(id, row.token);
    this.#freshChecks.add(id);
    this.#checkViews = null;
    return true;
  }

  /** What a new result changed; undefined when there is no such check. */
  setResult(id: string, status: string, output: string): 'nothing' | 'output' | 'status' | undefined {
    const row = this.checks.get(id);
    if (row === undefined) return undefined;
    // Whoever says again what is being pushed waits for it as well.
    this.#freshChecks.add(id);
    const { Status, Output } = row.check;
    if (Status === status && Output === output) return 'nothing';
    row.check = { ...row.check, Status: status, Output: output };
    this.#checkViews = null;
    return Status === status ? 'output' : 'status';
  }

  markService(id: string, inSync: boolean): void {
    const row = this.services.get(id);
    if (row === undefined) return;
    row.inSync = inSync;
    if (inSync) this.dirtyServices.delete(id);
    else {
      this.dirtyServices.add(id);
      this.#freshServices.add(id);
    }
  }

  markCheck(id: string, inSync: boolean): void {
    const row = this.checks.get(id);
    if (row === undefined) return;
    row.inSync = inSync;
    if (inSync) this.dirtyChecks.delete(id);
    else {
      this.dirtyChecks.add(id);
      this.#freshChecks.add(id);
    }
  }

  /** What was changed here, or found not to be in sync, since it was taken last. */
  get fresh(): LocalIds {
    return { services: this.#freshServices, checks: this.#freshChecks };
  }

  takeFresh(): LocalIds {
    const { fresh } = this;
    this.#freshServices = new Set();
    this.#freshChecks = new Set();
    return fresh;
  }

  /** Calls `fn` at the next change of any service. The returned function forgets it. */
  onServicesChanged(fn: () => void): () => void {
    this.#waiting.add(fn);
    return () => this.#waiting.delete(fn);
  }

  #servicesChanged(): void {
    this.#serviceViews = null;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fn of waiting) fn();
  }
}

function isSame(before: NodeService, now: NodeService, json: string): boolean {
  return (
    before.LocallyRegisteredAsSidecar === now.LocallyRegisteredAsSidecar && NodeServiceSchema.toJson(before) === json
  );
}

const isSameDefinition = (a: CheckType | null, b: CheckType | null): boolean =>
  a === b || (a !== null && b !== null && sameDefinition(a, b));
