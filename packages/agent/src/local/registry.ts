import type { Log } from '@proconsul/base';
import { type CheckStatus, checkKind } from '@proconsul/checks';
import { AgentError } from '@proconsul/http-api';
import {
  type CheckDefinition,
  CheckType as CheckTypeSchema,
  ConnectProxyConfig,
  HealthCheck,
  type NodeService,
  NodeService as NodeServiceSchema,
  type ServiceDefinition,
  ServiceDefinition as ServiceDefinitionSchema,
} from '@proconsul/schema';
import type { AntiEntropy } from './anti-entropy.ts';
import type { CheckBoard } from './check-board.ts';
import { type CheckEntry, checkTypesOf, serviceChecks, standaloneCheck, toNodeService } from './definition.ts';
import type { Persistence } from './persistence.ts';
import type { CheckRow, LocalState, Origin, ServiceRow } from './state.ts';

export const NODE_MAINTENANCE = '_node_maintenance';
export const SERVICE_MAINTENANCE = '_service_maintenance:';

const DEFAULT_NODE_REASON =
  'Maintenance mode is enabled for this node, but no reason was provided. This is a default message.';
const DEFAULT_SERVICE_REASON =
  'Maintenance mode is enabled for this service, but no reason was provided. This is a default message.';

export interface RegistryOptions {
  readonly allowRemoteScripts: boolean;
  readonly allowLocalScripts: boolean;
  readonly sidecarPortMin: number;
  readonly sidecarPortMax: number;
}

export interface RegistryDependencies {
  readonly nodeName: string;
  readonly local: LocalState;
  readonly checks: CheckBoard;
  readonly sync: AntiEntropy;
  readonly log: Log;
  /** Null in development mode: nothing is kept. */
  readonly persistence: Persistence | null;
  options(): RegistryOptions;
}

interface Registration {
  readonly token: string;
  readonly origin: Origin;
  readonly replaceExistingChecks: boolean;
  readonly persist: boolean;
}

const unknownService = (id: string) =>
  new AgentError(404, `Unknown service ID "${id}". Ensure that the service ID is passed, not the service name.`);
const unknownCheck = (id: string) =>
  new AgentError(404, `Unknown check ID "${id}". Ensure that the check ID is passed, not the check name.`);

/** Takes services and checks in and out of the local state, with all that hangs on them. */
export class Registry {
  readonly #d: RegistryDependencies;

  constructor(dependencies: RegistryDependencies) {
    this.#d = dependencies;
  }

  /** Registers a service with its checks and its sidecar, without pushing it yet. Throws AgentError. */
  addService(definition: ServiceDefinition, options: Registration): void {
    const service = toNodeService(definition);
    const checks = serviceChecks(this.#d.nodeName, service, checkTypesOf(definition));
    for (const entry of checks) this.#refuseScript(entry, options.origin);
    const sidecar = definition.Connect?.SidecarService ?? null;
    const sidecarDefinition = sidecar === null ? null : this.#sidecar(definition, service, sidecar);
    this.#put(service, checks, options, '');
    if (sidecarDefinition === null) return;
    const sidecarService = { ...toNodeService(sidecarDefinition), LocallyRegisteredAsSidecar: true };
    const sidecarChecks = serviceChecks(this.#d.nodeName, sidecarService, checkTypesOf(sidecarDefinition));
    this.#put(sidecarService, sidecarChecks, options, service.ID);
  }

  #put(service: NodeService, checks: readonly CheckEntry[], options: Registration, sidecarOf: string): void {
    const { local, checks: board } = this.#d;
    const json = NodeServiceSchema.toJson(service);
    local.putService(service, { token: options.token, origin: options.origin, sidecarOf }, json);
    const kept = new Set(checks.map((c) => c.check.CheckID));
    if (options.replaceExistingChecks) {
      for (const row of [...local.checks.values()]) {
        if (row.check.ServiceID === service.ID && !kept.has(row.check.CheckID)) this.#dropCheck(row.check.CheckID);
      }
    }
    for (const { check, definition } of checks) {
      local.putCheck(check, definition, options);
      const row = local.checks.get(check.CheckID) as CheckRow;
      board.watch(row);
      if (options.persist) this.#persistCheck(row);
    }
    if (options.persist) this.#persistService(local.services.get(service.ID) as ServiceRow, json);
    board.evaluateAliases();
  }

  #persistService(row: ServiceRow, json: string): void {
    if (row.persisted) return;
    this.#d.persistence?.saveService(row, json);
    row.persisted = true;
  }

  #persistCheck(row: CheckRow): void {
    if (row.persisted === row.check) return;
    this.#d.persistence?.saveCheck(row);
    row.persisted = row.check;
  }

  /** Resolves when what was put in and taken out survives the end of this process. */
  async persisted(): Promise<void> {
    await this.#d.persistence?.noted();
  }

  #refuseScript({ definition }: CheckEntry, origin: Origin): void {
    if (definition === null) return;
    const kind = checkKind(definition);
    if (kind !== 'script' && kind !== 'docker') return;
    if (kind === 'docker' && definition.ScriptArgs.length === 0) return;
    const { allowLocalScripts, allowRemoteScripts } = this.#d.options();
    if (origin === 'remote' && !allowRemoteScripts) {
      throw new AgentError(
        500,
        "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
      );
    }
    if (origin === 'local' && !allowLocalScripts) {
      throw new AgentError(
        500,
        "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true",
      );
    }
  }

  /** The definition of a sidecar with its defaults. Source: sidecar registration documentation. */
  #sidecar(
    definition: ServiceDefinition,
    parent: NodeService,
    given: NonNullable<NonNullable<ServiceDefinition['Connect']>['SidecarService']>,
  ): ServiceDefinition {
    const ID = `${parent.ID}-sidecar-proxy`;
    if (given.ID !== '') throw new AgentError(400, "Invalid SidecarService: sidecar_service can't specify an ID");
    const proxy = given.Proxy ?? ConnectProxyConfig.zero();
    const Port = given.Port !== 0 ? given.Port : this.#sidecarPort(ID);
    const own = checkTypesOf(given);
    const Checks =
      own.length > 0
        ? own
        : [
            CheckTypeSchema.make({
              Name: 'Connect Sidecar Listening',
              TCP: `${given.Address || '127.0.0.1'}:${Port}`,
              Interval: 10e9,
            }),
            CheckTypeSchema.make({ Name: `Connect Sidecar Aliasing ${parent.ID}`, AliasService: parent.ID }),
          ];
    return ServiceDefinitionSchema.make({
      ...given,
      Kind: 'connect-proxy',
      ID,
      Name: given.Name || `${parent.Service}-sidecar-proxy`,
      Tags: given.Tags ?? definition.Tags,
      Meta: given.Meta ?? definition.Meta,
      Port,
      Check: null,
      Checks,
      Proxy: {
        ...proxy,
        DestinationServiceName: proxy.DestinationServiceName || parent.Service,
        DestinationServiceID: proxy.DestinationServiceID || parent.ID,
        ...localService(proxy, parent),
      },
    });
  }

  /** The port that the sidecar has already, or the first free one of the range. */
  #sidecarPort(id: string): number {
    const { services } = this.#d.local;
    const before = services.get(id)?.service.Port;
    const { sidecarPortMin, sidecarPortMax } = this.#d.options();
    if (before !== undefined && before >= sidecarPortMin && before <= sidecarPortMax) return before;
    const used = new Set([...services.values()].map((s) => s.service.Port));
    for (let port = sidecarPortMin; port > 0 && port <= sidecarPortMax; port++) if (!used.has(port)) return port;
    throw new AgentError(
      400,
      `Invalid SidecarService: none left in the configured range [${sidecarPortMin}, ${sidecarPortMax}]`,
    );
  }

  /** Takes a service out, with its checks and its sidecar. Throws AgentError 404. */
  removeService(id: string): void {
    const { local } = this.#d;
    if (!local.services.has(id)) throw unknownService(id);
    const sidecars = [...local.services.values()].filter((s) => s.sidecarOf === id).map((s) => s.service.ID);
    for (const one of [id, ...sidecars]) {
      for (const checkId of local.removeService(one) ?? []) this.#forgetCheck(checkId);
      this.#d.persistence?.removeService(one);
    }
    this.#d.checks.evaluateAliases();
  }

  addCheck(given: CheckDefinition, options: Omit<Registration, 'replaceExistingChecks'>): void {
    const { local, checks } = this.#d;
    const service = given.ServiceID === '' ? null : (local.services.get(given.ServiceID)?.service ?? undefined);
    const entry = standaloneCheck(this.#d.nodeName, given, service ?? null);
    if (service === undefined) throw new AgentError(404, `ServiceID "${given.ServiceID}" does not exist`);
    this.#refuseScript(entry, options.origin);
    const token = options.token || (service === null ? '' : (local.services.get(service.ID)?.token ?? ''));
    local.putCheck(entry.check, entry.definition, { token, origin: options.origin });
    const row = local.checks.get(entry.check.CheckID) as CheckRow;
    checks.watch(row);
    if (options.persist) this.#persistCheck(row);
    checks.evaluateAliases();
  }

  /** Throws AgentError 404. */
  removeCheck(id: string): void {
    if (!this.#d.local.checks.has(id)) throw unknownCheck(id);
    this.#dropCheck(id);
    this.#d.checks.evaluateAliases();
  }

  #dropCheck(id: string): void {
    this.#d.local.removeCheck(id);
    this.#forgetCheck(id);
  }

  #forgetCheck(id: string): void {
    this.#d.checks.forget(id);
    this.#d.persistence?.removeCheck(id);
  }

  /** Throws AgentError: 404 for an unknown check, 500 for one without a TTL. */
  reportTtl(id: string, status: CheckStatus, output: string): void {
    if (!this.#d.local.checks.has(id)) throw unknownCheck(id);
    if (!this.#d.checks.report(id, status, output)) {
      throw new AgentError(500, `CheckID "${id}" does not have associated TTL`);
    }
  }

  serviceMaintenance(id: string, enable: boolean, reason: string, token: string): void {
    const row = this.#d.local.services.get(id);
    if (row === undefined) throw unknownService(id);
    const check = HealthCheck.make({
      Node: this.#d.nodeName,
      CheckID: SERVICE_MAINTENANCE + id,
      Name: 'Service Maintenance Mode',
      Status: 'critical',
      Notes: reason === '' ? DEFAULT_SERVICE_REASON : reason,
      ServiceID: id,
      ServiceName: row.service.Service,
      ServiceTags: row.service.Tags,
      Type: 'maintenance',
    });
    this.#maintenance(check, enable, token);
  }

  nodeMaintenance(enable: boolean, reason: string, token: string): void {
    const check = HealthCheck.make({
      Node: this.#d.nodeName,
      CheckID: NODE_MAINTENANCE,
      Name: 'Node Maintenance Mode',
      Status: 'critical',
      Notes: reason === '' ? DEFAULT_NODE_REASON : reason,
      Type: 'maintenance',
    });
    this.#maintenance(check, enable, token);
  }

  /** Idempotent: a second call does not even change the reason. */
  #maintenance(check: HealthCheck, enable: boolean, token: string): void {
    const { local, persistence } = this.#d;
    const known = local.checks.has(check.CheckID);
    if (enable === known) return;
    if (!enable) return this.#dropCheck(check.CheckID);
    local.putCheck(check, null, { token, origin: 'local' });
    persistence?.saveCheck(local.checks.get(check.CheckID) as CheckRow);
    this.#d.checks.evaluateAliasesSoon();
  }
}

/** Where a sidecar finds its service: a socket leaves no default for the address and the port. */
function localService(proxy: ServiceDefinition['Proxy'] & {}, parent: NodeService) {
  const { LocalServiceAddress, LocalServicePort } = proxy;
  const LocalServiceSocketPath = proxy.LocalServiceSocketPath || parent.SocketPath;
  if (LocalServiceSocketPath !== '') return { LocalServiceAddress, LocalServicePort, LocalServiceSocketPath };
  return {
    LocalServiceAddress: LocalServiceAddress || '127.0.0.1',
    LocalServicePort: LocalServicePort > 0 ? LocalServicePort : parent.Port,
    LocalServiceSocketPath,
  };
}
