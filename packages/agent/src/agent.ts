import { type Clock, errorText, type Level, type Log } from '@proconsul/base';
import type { Caller } from '@proconsul/endpoints';
import {
  type AgentApi,
  AgentError,
  type CheckStatus,
  type LocalService,
  type Member,
  type MetricsSnapshot,
  type UserEvent,
} from '@proconsul/http-api';
import type { CheckDefinition, HealthCheck, ServiceDefinition } from '@proconsul/schema';
import type { UserEvents } from './events.ts';
import type { AntiEntropy } from './local/anti-entropy.ts';
import { multiError } from './local/definition.ts';
import type { Registry } from './local/registry.ts';
import type { LocalState } from './local/state.ts';
import type { Membership } from './membership.ts';

/** What the agent needs of the process around it. */
export interface AgentDependencies {
  readonly nodeName: string;
  readonly datacenter: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly local: LocalState;
  readonly registry: Registry;
  readonly sync: AntiEntropy;
  readonly events: UserEvents;
  readonly membership: Membership;
  readonly caller: Caller;
  self(): Promise<Readonly<Record<string, unknown>>>;
  version(): { readonly SHA: string; readonly BuildDate: string; readonly HumanVersion: string; readonly FIPS: string };
  host(): Promise<Readonly<Record<string, unknown>>>;
  profile: AgentApi['profile'];
  readonly observe: {
    metrics(): MetricsSnapshot;
    prometheus(): string | null;
    metricsStream(sink: (snapshot: MetricsSnapshot) => void): () => void;
    monitor(options: { level: Level; json: boolean }, sink: (line: string) => void): () => void;
  };
  /** Rejects with the error of the configuration. */
  reload(): Promise<void>;
  /** Leaves the pools, then ends the process once the caller has its answer. */
  leave(): Promise<void>;
  snapshotSave(options: {
    stale: boolean;
    token: string;
  }): Promise<{ readonly index: number; readonly chunks: AsyncIterable<Uint8Array> }>;
  snapshotRestore(archive: AsyncIterable<Uint8Array>, token: string): Promise<void>;
}

/** This agent, as its HTTP interface asks it. */
export class Agent implements AgentApi {
  readonly #d: AgentDependencies;

  constructor(dependencies: AgentDependencies) {
    this.#d = dependencies;
  }

  get nodeName(): string {
    return this.#d.nodeName;
  }

  get datacenter(): string {
    return this.#d.datacenter;
  }

  services(): Readonly<Record<string, LocalService>> {
    return this.#d.local.serviceViews();
  }

  checks(): Readonly<Record<string, HealthCheck>> {
    return this.#d.local.checkViews();
  }

  blockOnService(id: string, hash: string, waitMs: number, done: () => void): () => void {
    const { local, clock } = this.#d;
    const differs = () => local.services.get(id)?.contentHash !== hash;
    if (differs()) {
      done();
      return () => {};
    }
    let forget = () => {};
    const timer = clock.after(waitMs, () => {
      forget();
      done();
    });
    const onChange = () => {
      if (!differs()) {
        forget = local.onServicesChanged(onChange);
        return;
      }
      timer.cancel();
      done();
    };
    forget = local.onServicesChanged(onChange);
    return () => {
      timer.cancel();
      forget();
    };
  }

  async registerService(
    definition: ServiceDefinition,
    options: { replaceExistingChecks: boolean; token: string },
  ): Promise<void> {
    const token = definition.Token || options.token;
    this.#d.registry.addService(definition, {
      token,
      origin: 'remote',
      replaceExistingChecks: options.replaceExistingChecks,
      persist: true,
    });
    await this.#d.sync.pushChanges();
  }

  async deregisterService(id: string): Promise<void> {
    this.#d.registry.removeService(id);
    await this.#d.sync.pushChanges();
  }

  async registerCheck(definition: CheckDefinition, token: string): Promise<void> {
    this.#d.registry.addCheck(definition, { token, origin: 'remote', persist: true });
    await this.#d.sync.pushChanges();
  }

  async deregisterCheck(id: string): Promise<void> {
    this.#d.registry.removeCheck(id);
    await this.#d.sync.pushChanges();
  }

  async updateTtl(checkId: string, status: CheckStatus, output: string): Promise<void> {
    this.#d.registry.reportTtl(checkId, status, output);
    if (this.#d.local.checks.get(checkId)?.inSync === false) await this.#d.sync.pushChanges();
  }

  async serviceMaintenance(id: string, enable: boolean, reason: string): Promise<void> {
    this.#d.registry.serviceMaintenance(id, enable, reason, '');
    await this.#d.sync.pushChanges();
  }

  async nodeMaintenance(enable: boolean, reason: string): Promise<void> {
    this.#d.registry.nodeMaintenance(enable, reason, '');
    await this.#d.sync.pushChanges();
  }

  members(options: { wan: boolean; segment: string }): readonly Member[] {
    if (options.segment !== '' && options.segment !== '_all') {
      throw new AgentError(500, 'Network segments are not supported in this version of Consul');
    }
    return options.wan ? this.#d.membership.wan() : this.#d.membership.lan();
  }

  async join(address: string, wan: boolean): Promise<void> {
    const joined = await this.#d.membership.join([address], wan);
    if (joined === 0) {
      throw new AgentError(
        500,
        multiError([`Failed to join ${address}: dial tcp ${address}: connect: connection refused`]),
      );
    }
  }

  leave(): Promise<void> {
    return this.#d.leave();
  }

  async forceLeave(node: string, options: { prune: boolean; wan: boolean }): Promise<void> {
    this.#d.log.info('Force leaving node', { node });
    if (!this.#d.membership.forceLeave(node, options)) {
      throw new AgentError(500, `agent: No node found with name '${node}'`);
    }
  }

  async reload(): Promise<void> {
    try {
      await this.#d.reload();
    } catch (error) {
      throw new AgentError(500, errorText(error));
    }
  }

  async setToken(): Promise<void> {
    throw new AgentError(401, 'ACL support disabled');
  }

  self() {
    return this.#d.self();
  }

  version() {
    return this.#d.version();
  }

  host() {
    return this.#d.host();
  }

  profile(name: string, seconds: number | undefined) {
    return this.#d.profile(name, seconds);
  }

  metrics(): MetricsSnapshot {
    return this.#d.observe.metrics();
  }

  prometheus(): string | null {
    return this.#d.observe.prometheus();
  }

  metricsStream(sink: (snapshot: MetricsSnapshot) => void): () => void {
    return this.#d.observe.metricsStream(sink);
  }

  monitor(options: { level: Level; json: boolean }, sink: (line: string) => void): () => void {
    return this.#d.observe.monitor(options, sink);
  }

  async fireEvent(event: Parameters<AgentApi['fireEvent']>[0]): Promise<UserEvent> {
    if (event.Datacenter !== '' && event.Datacenter !== this.#d.datacenter)
      throw new AgentError(500, 'No path to datacenter');
    const { Name, Payload, NodeFilter, ServiceFilter, TagFilter } = event;
    const made = this.#d.events.create({ Name, Payload, NodeFilter, ServiceFilter, TagFilter });
    // The pool numbers events; the one who fires it hears of it like everybody else.
    this.#eventTime++;
    this.#d.events.deliver({ ...made, LTime: this.#eventTime });
    return made;
  }

  /** Lamport time of the last event; the first one is numbered 2, as in a pool that has just begun. */
  #eventTime = 1;

  events(): readonly UserEvent[] {
    return this.#d.events.list();
  }

  blockOnEvents(waitMs: number, done: () => void): () => void {
    return this.#d.events.block(waitMs, done);
  }

  snapshotSave(options: { stale: boolean; token: string }) {
    return this.#d.snapshotSave(options);
  }

  snapshotRestore(archive: AsyncIterable<Uint8Array>, token: string): Promise<void> {
    return this.#d.snapshotRestore(archive, token);
  }

  async keyring(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    throw new AgentError(500, this.#keyringError());
  }

  /** What every pool answers while gossip is not encrypted. Source: recorded answer. */
  #keyringError(): string {
    const empty = 'Keyring is empty (encryption not enabled)';
    const { nodeName, datacenter } = this.#d;
    return multiError([
      'WAN error: 1/1 nodes reported failure',
      `${nodeName}.${datacenter}: ${empty}`,
      `${datacenter} (LAN) error: 1/1 nodes reported failure`,
      `${nodeName}: ${empty}`,
    ]);
  }
}
