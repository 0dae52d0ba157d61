import { type Clock, errorText, type Level, type Log, multiError } from '@proconsul/base';
import {
  type AgentApi,
  AgentError,
  type CheckStatus,
  type LocalService,
  type Member,
  type MetricsSnapshot,
  serviceContentHash,
  type UserEvent,
} from '@proconsul/http-api';
import type { CheckDefinition, HealthCheck, ServiceDefinition } from '@proconsul/schema';
import type { ClusterSide } from './cluster/side.ts';
import type { UserEvents } from './events.ts';
import type { AntiEntropy } from './local/anti-entropy.ts';
import type { Registry } from './local/registry.ts';
import type { LocalState } from './local/state.ts';

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
  readonly side: ClusterSide;
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
    const differs = () => {
      const row = local.services.get(id);
      return row === undefined || serviceContentHash(row.service) !== hash;
    };
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
    await this.#settled();
  }

  /** Resolves when the changes that the caller has just made survive the end of this process and were pushed. */
  async #settled(): Promise<void> {
    await this.#d.sync.pushChanges(this.#d.local.takeFresh());
    await this.#d.registry.persisted();
  }

  async deregisterService(id: string): Promise<void> {
    this.#d.registry.removeService(id);
    await this.#settled();
  }

  async registerCheck(definition: CheckDefinition, token: string): Promise<void> {
    this.#d.registry.addCheck(definition, { token, origin: 'remote', persist: true });
    await this.#settled();
  }

  async deregisterCheck(id: string): Promise<void> {
    this.#d.registry.removeCheck(id);
    await this.#settled();
  }

  async updateTtl(checkId: string, status: CheckStatus, output: string): Promise<void> {
    this.#d.registry.reportTtl(checkId, status, output);
    if (this.#d.local.checks.get(checkId)?.inSync !== false) return;
    await this.#d.sync.pushChanges(this.#d.local.takeFresh());
  }

  async serviceMaintenance(id: string, enable: boolean, reason: string): Promise<void> {
    this.#d.registry.serviceMaintenance(id, enable, reason, '');
    await this.#settled();
  }

  async nodeMaintenance(enable: boolean, reason: string): Promise<void> {
    this.#d.registry.nodeMaintenance(enable, reason, '');
    await this.#settled();
  }

  members(options: { wan: boolean; segment: string }): readonly Member[] {
    if (options.segment !== '' && options.segment !== '_all') {
      throw new AgentError(500, 'Network segments are not supported in this version of Consul');
    }
    return options.wan ? this.#d.side.membership.wan() : this.#d.side.membership.lan();
  }

  async join(address: string, wan: boolean): Promise<void> {
    await this.#d.side.membership.join([address], wan);
  }

  leave(): Promise<void> {
    return this.#d.leave();
  }

  async forceLeave(node: string, options: { prune: boolean; wan: boolean }): Promise<void> {
    this.#d.log.info('Force leaving node', { node });
    if (!this.#d.side.membership.forceLeave(node, options)) {
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
    const { Datacenter, Token, ...request } = event;
    const made = this.#d.events.create(request);
    await this.#d.side.fireEvent(made, Datacenter, Token);
    return made;
  }

  events(): readonly UserEvent[] {
    return this.#d.events.list();
  }

  blockOnEvents(waitMs: number, done: () => void): () => void {
    return this.#d.events.block(waitMs, done);
  }

  snapshotSave(options: Parameters<AgentApi['snapshotSave']>[0]) {
    return this.#d.side.snapshotSave(options);
  }

  snapshotRestore(archive: AsyncIterable<Uint8Array>, options: Parameters<AgentApi['snapshotRestore']>[1]) {
    return this.#d.side.snapshotRestore(archive, options);
  }

  /** Every pool's answer. Rejects when one of them failed: the text tells which, and why. Source: recorded answers. */
  async keyring(operation: Parameters<AgentApi['keyring']>[0]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const answers = await this.#d.side.keyring(operation);
    const errors = answers.flatMap((a) => {
      if (a.Error === '') return [];
      const pool = a.WAN ? 'WAN' : `${a.Datacenter} (LAN)`;
      return [
        `${pool} error: ${a.Error}`,
        ...Object.entries(a.Messages ?? {}).map(([node, text]) => `${node}: ${text}`),
      ];
    });
    if (errors.length > 0) throw new AgentError(500, multiError(errors));
    return answers.map(({ WAN, Datacenter, Segment, Messages, Keys, PrimaryKeys, NumNodes }) => ({
      WAN,
      Datacenter,
      Segment,
      ...(Messages !== null && Object.keys(Messages).length > 0 ? { Messages } : {}),
      Keys: Keys ?? {},
      PrimaryKeys: PrimaryKeys ?? {},
      NumNodes,
    }));
  }
}
