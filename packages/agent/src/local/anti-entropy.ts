import { type Clock, errorText, type Log, type Millis, type Rng, type Timer } from '@proconsul/base';
import { type Caller, Catalog, type CommonArgs, Health, READ_NOW, type ReadMethod } from '@proconsul/endpoints';
import {
  DeregisterRequest,
  type HealthCheck,
  HealthCheck as HealthCheckSchema,
  type NodeService,
  NodeService as NodeServiceSchema,
  RegisterRequest,
} from '@proconsul/schema';
import type { CheckRow, LocalIds, LocalState, ServiceRow } from './state.ts';

/**
 * What was here when the catalog was asked. Its answer says nothing about what has changed since: that the catalog had the same may be
 * from before it was removed there, at our own wish.
 */
interface Asked {
  readonly services: ReadonlyMap<string, ServiceRow>;
  readonly checks: ReadonlyMap<string, HealthCheck>;
}

const askedOf = ({ services, checks }: LocalState): Asked => ({
  services: new Map(services),
  checks: new Map([...checks].map(([id, row]) => [id, row.check])),
});

/** How this node is to stand in the catalog. */
export interface NodeIdentity {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly taggedAddresses: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
}

export interface SyncDependencies {
  readonly local: LocalState;
  readonly caller: Caller;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  identity(): NodeIdentity;
  /** Members of the LAN pool: the larger it is, the rarer full syncs become. */
  clusterSize(): number;
  /** Tokens for what has none of its own. */
  token(): string;
}

/** Sources: anti-entropy documentation; periods measured. */
export const SYNC_INTERVAL_MS: Millis = 60_000;
export const SYNC_RETRY_MS: Millis = 15_000;
export const SYNC_SERVER_UP_MS: Millis = 3_000;
const SCALE_FROM = 128;

/** Factor on the period by cluster size: 1 up to 128 nodes, then one more for each doubling. */
export function syncScale(nodes: number): number {
  return nodes <= SCALE_FROM ? 1 : Math.ceil(Math.log2(nodes) - Math.log2(SCALE_FROM)) + 1;
}

/** Checks that belong to the servers, not to this agent. */
const SERVER_OWNED_CHECK = 'serfHealth';
const SERVER_OWNED_SERVICE = 'consul';

/**
 * Makes the catalog equal to the local state: changes at once, everything again from time to time. What the catalog
 * has on this node and the agent does not know is removed; what differs is written; what is missing is made again.
 */
export class AntiEntropy {
  readonly #d: SyncDependencies;
  #nodeInSync = false;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(dependencies: SyncDependencies) {
    this.#d = dependencies;
  }

  /** Begins the rhythm with a full sync. */
  start(): void {
    this.#stopped = false;
    this.#full();
  }

  /** Nothing more is written: who leaves would be in the catalog again after others have taken it out. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** The node's own record has to be written again: metadata changed. */
  nodeChanged(): void {
    this.#nodeInSync = false;
  }

  /** A server has appeared: sync soon. */
  serverUp(): void {
    this.#plan(this.#d.rng.float() * SYNC_SERVER_UP_MS * syncScale(this.#d.clusterSize()));
  }

  /**
   * Pushes what is not in sync, every service and check on its own and at once, so that the servers commit them together.
   * Resolves when all of `fresh` was tried, and whatever else was not under way already; failures are logged and mended by the next
   * full sync.
   */
  async pushChanges(fresh: LocalIds = this.#d.local.fresh): Promise<void> {
    if (this.#stopped) return;
    const { local } = this.#d;
    const isService = (id: string) => fresh.services.has(id) || !this.#servicesUnderWay.has(id);
    const isCheck = (id: string) => fresh.checks.has(id) || !this.#checksUnderWay.has(id);
    const work: Promise<void>[] = [];
    for (const id of local.goneServices.keys()) if (isService(id)) work.push(this.#syncService(id));
    for (const id of local.goneChecks.keys()) if (isCheck(id)) work.push(this.#syncCheck(id));
    for (const id of local.dirtyServices) if (isService(id)) work.push(this.#syncService(id));
    for (const id of local.dirtyChecks) if (isCheck(id)) work.push(this.#syncCheck(id));
    if (work.length === 0 && !this.#nodeInSync) work.push(this.#writeNode());
    try {
      await all(work);
    } catch (error) {
      if (!this.#stopped && error !== this.#reported) {
        this.#d.log.error('failed to sync changes', { error: errorText(error) });
      }
      this.#reported = error;
    }
  }

  /** The last failure that was logged: many may wait for the same write. */
  #reported: unknown;

  /** Writes under way, by the id of what they are about: at most one for each, so that an older one never lands last. */
  readonly #servicesUnderWay: UnderWay = new Map();
  readonly #checksUnderWay: UnderWay = new Map();

  #syncService(id: string): Promise<void> {
    const { local } = this.#d;
    return oneAtATime(
      this.#servicesUnderWay,
      id,
      () => local.goneServices.has(id) || local.dirtyServices.has(id),
      async () => {
        const token = local.goneServices.get(id);
        if (token !== undefined) await this.#removeService(id, token);
        const row = local.services.get(id);
        if (row !== undefined && !row.inSync) await this.#writeService(row);
      },
    );
  }

  /** A check goes with its service where it can, and never before it. */
  async #syncCheck(id: string): Promise<void> {
    const { local } = this.#d;
    const service = local.checks.get(id)?.check.ServiceID ?? '';
    if (service !== '' && (local.dirtyServices.has(service) || this.#servicesUnderWay.has(service))) {
      await this.#syncService(service);
    }
    await oneAtATime(
      this.#checksUnderWay,
      id,
      () => local.goneChecks.has(id) || local.dirtyChecks.has(id),
      async () => {
        const token = local.goneChecks.get(id);
        if (token !== undefined) await this.#removeCheck(id, token);
        const row = local.checks.get(id);
        if (row !== undefined && !row.inSync) await this.#writeCheck(row);
      },
    );
  }

  #nodePart() {
    const me = this.#d.identity();
    return {
      ID: me.id,
      Node: me.name,
      Address: me.address,
      TaggedAddresses: me.taggedAddresses,
      NodeMeta: me.meta,
      SkipNodeUpdate: this.#nodeInSync,
    };
  }

  async #writeNode(): Promise<void> {
    await this.#d.caller.write(Catalog.Register, RegisterRequest.make({ ...this.#nodePart(), Token: this.#d.token() }));
    this.#nodeInSync = true;
    this.#d.log.info('Synced node info');
  }

  async #writeService(row: ServiceRow): Promise<void> {
    const { local } = this.#d;
    const own = [...local.dirtyChecks].flatMap((id) => {
      const c = local.checks.get(id);
      const goesAlong = c?.check.ServiceID === row.service.ID && c.token === row.token;
      // One that is being written is not written twice at once: nobody could say which lands last.
      return c !== undefined && goesAlong && !this.#checksUnderWay.has(id) ? [c] : [];
    });
    const sent = own.map((c) => c.check);
    await this.#d.caller.write(
      Catalog.Register,
      RegisterRequest.make({
        ...this.#nodePart(),
        Service: row.service,
        Checks: sent,
        Token: row.token || this.#d.token(),
      }),
    );
    this.#nodeInSync = true;
    const now = local.services.get(row.service.ID);
    if (now?.service === row.service && now.token === row.token) local.markService(row.service.ID, true);
    own.forEach((c, i) => {
      if (local.checks.get(c.check.CheckID) === c && c.check === sent[i]) local.markCheck(c.check.CheckID, true);
    });
    this.#d.log.info('Synced service', { service: row.service.ID });
  }

  async #writeCheck(row: CheckRow): Promise<void> {
    const sent = row.check;
    await this.#d.caller.write(
      Catalog.Register,
      RegisterRequest.make({ ...this.#nodePart(), Checks: [sent], Token: row.token || this.#d.token() }),
    );
    this.#nodeInSync = true;
    if (this.#d.local.checks.get(sent.CheckID) === row && row.check === sent)
      this.#d.local.markCheck(sent.CheckID, true);
    this.#d.log.info('Synced check', { check: sent.CheckID });
  }

  async #removeService(id: string, token: string): Promise<void> {
    await this.#deregister({ ServiceID: id }, token);
    this.#d.local.goneServices.delete(id);
    this.#d.log.info('Deregistered service', { service: id });
  }

  async #removeCheck(id: string, token: string): Promise<void> {
    await this.#deregister({ CheckID: id }, token);
    this.#d.local.goneChecks.delete(id);
    this.#d.log.info('Deregistered check', { check: id });
  }

  async #deregister(what: { ServiceID?: string; CheckID?: string }, token: string): Promise<void> {
    const Node = this.#d.identity().name;
    await this.#d.caller.write(
      Catalog.Deregister,
      DeregisterRequest.make({ Node, ...what, Token: token || this.#d.token() }),
    );
  }

  #plan(delayMs: Millis): void {
    this.#timer?.cancel();
    if (this.#stopped) return;
    this.#timer = this.#d.clock.after(delayMs, () => this.#full());
  }

  #full(): void {
    const scale = syncScale(this.#d.clusterSize());
    this.syncAll().then(
      () => this.#plan((SYNC_INTERVAL_MS + this.#d.rng.float() * SYNC_INTERVAL_MS) * scale),
      (error) => {
        if (!this.#stopped) this.#d.log.error('failed to sync remote state', { error: errorText(error) });
        this.#plan(SYNC_RETRY_MS + this.#d.rng.float() * SYNC_RETRY_MS * scale);
      },
    );
  }

  /** Compares everything with the catalog, then pushes what differs. */
  async syncAll(): Promise<void> {
    const Node = this.#d.identity().name;
    const args = { Datacenter: '', Token: this.#d.token(), Node, Filter: '' };
    const asked = askedOf(this.#d.local);
    const [services, checks] = await Promise.all([
      this.#read(Catalog.NodeServices, args),
      this.#read(Health.NodeChecks, args),
    ]);
    if (this.#stopped) return;
    this.#compareNode(services?.Node ?? null);
    this.#compareServices(services?.Services ?? null, asked);
    this.#compareChecks(checks, asked);
    await this.pushChanges();
    if (!this.#nodeInSync) await this.#writeNode();
  }

  #read<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#d.caller.read(method, args, READ_NOW, (error, view) => {
        if (error !== null || view === null) reject(error);
        else resolve(view.value);
      });
    });
  }

  #compareNode(node: { ID: string; Address: string; TaggedAddresses: unknown; Meta: unknown } | null): void {
    const me = this.#d.identity();
    this.#nodeInSync =
      node !== null &&
      node.ID === me.id &&
      sameMap(node.TaggedAddresses as Record<string, string>, me.taggedAddresses) &&
      sameMap(node.Meta as Record<string, string>, me.meta);
  }

  #compareServices(remote: Readonly<Record<string, NodeService>> | null, asked: Asked): void {
    const { local } = this.#d;
    for (const row of [...local.services.values()]) {
      const { ID } = row.service;
      // What is being written has yet to show there.
      if (this.#servicesUnderWay.has(ID) || asked.services.get(ID) !== row) continue;
      const there = remote?.[ID];
      if (there === undefined) {
        local.markService(ID, false);
        continue;
      }
      // With tag override the catalog's tags win, and become ours.
      const mine = row.service.EnableTagOverride ? { ...row.service, Tags: there.Tags } : row.service;
      if (mine !== row.service && JSON.stringify(mine.Tags) !== JSON.stringify(row.service.Tags)) {
        local.putService(mine, row);
      }
      local.markService(ID, sameService(mine, there));
    }
    for (const id of Object.keys(remote ?? {})) {
      if (id !== SERVER_OWNED_SERVICE && !local.services.has(id)) local.goneServices.set(id, '');
    }
  }

  #compareChecks(remote: readonly HealthCheck[], asked: Asked): void {
    const { local } = this.#d;
    const byId = new Map(remote.map((c) => [c.CheckID, c]));
    for (const row of local.checks.values()) {
      const { CheckID, ServiceID } = row.check;
      if (this.#checksUnderWay.has(CheckID) || asked.checks.get(CheckID) !== row.check) continue;
      // A service takes its checks along when it goes, and may just be going, to be registered anew.
      if (ServiceID !== '' && this.#servicesUnderWay.has(ServiceID)) continue;
      const there = byId.get(CheckID);
      local.markCheck(CheckID, there !== undefined && sameCheck(row.check, there));
    }
    for (const check of remote) {
      if (check.CheckID === SERVER_OWNED_CHECK || local.checks.has(check.CheckID)) continue;
      if (local.goneServices.has(check.ServiceID)) continue;
      local.goneChecks.set(check.CheckID, '');
    }
  }
}

type UnderWay = Map<string, Promise<void>>;

/** Begins `write` unless one for the same id is under way; then waits for that and sees whether it is still needed. */
async function oneAtATime(
  underWay: UnderWay,
  id: string,
  isNeeded: () => boolean,
  write: () => Promise<void>,
): Promise<void> {
  for (let running = underWay.get(id); running !== undefined; running = underWay.get(id)) await running;
  if (!isNeeded()) return;
  const work = write().finally(() => underWay.delete(id));
  underWay.set(id, work);
  await work;
}

/** Waits for all, then throws what the first failed one threw. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((r) => r.status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
}

function sameMap(a: Readonly<Record<string, string>> | null, b: Readonly<Record<string, string>> | null): boolean {
  const ka = Object.keys(a ?? {});
  if (ka.length !== Object.keys(b ?? {}).length) return false;
  return ka.every((k) => a?.[k] === b?.[k]);
}

/** Virtual addresses are given by the servers and are not ours to compare. */
function comparable(s: NodeService): string {
  const tagged: Record<string, unknown> = Object.create(null);
  for (const [k, v] of Object.entries(s.TaggedAddresses ?? {})) if (!k.startsWith('consul-virtual')) tagged[k] = v;
  return NodeServiceSchema.toJson({
    ...s,
    Tags: s.Tags ?? [],
    Meta: s.Meta ?? {},
    TaggedAddresses: tagged as never,
    CreateIndex: 0,
    ModifyIndex: 0,
  });
}

function sameService(mine: NodeService, there: NodeService): boolean {
  return comparable(mine) === comparable(there);
}

function sameCheck(mine: HealthCheck, there: HealthCheck): boolean {
  const plain = (c: HealthCheck): string =>
    HealthCheckSchema.toJson({ ...c, ServiceTags: c.ServiceTags ?? [], CreateIndex: 0, ModifyIndex: 0 });
  return plain(mine) === plain(there);
}
