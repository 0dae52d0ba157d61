import { formatDuration } from '@proconsul/base';
import {
  checkKind,
  checkType,
  type CheckType as RunnableCheck,
  serviceCheckIds,
  serviceCheckName,
  validateCheck,
} from '@proconsul/checks';
import { AgentError } from '@proconsul/http-api';
import {
  type CheckDefinition,
  type CheckType,
  CheckType as CheckTypeSchema,
  ConnectProxyConfig,
  HealthCheck,
  INVALID_ADDRESS,
  isUnspecified,
  metaFault,
  NodeService,
  type ServiceAddress,
  type ServiceDefinition,
  serviceFault,
  Upstream,
} from '@proconsul/schema';

/** A check as the agent keeps it: what readers see, and how it is made (null for maintenance). */
export interface CheckEntry {
  readonly check: HealthCheck;
  readonly definition: RunnableCheck | null;
}

const isIPv4 = (text: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(text);
const isIPv6 = (text: string): boolean => text.includes(':') && /^[0-9a-fA-F:.]+$/.test(text);

/** An IP address of a service is also told by its family, unless the definition says otherwise. */
function taggedAddresses(definition: ServiceDefinition): Readonly<Record<string, ServiceAddress>> | null {
  const given = definition.TaggedAddresses;
  const family = isIPv4(definition.Address) ? 'ipv4' : isIPv6(definition.Address) ? 'ipv6' : null;
  if (family === null) return given;
  const out: Record<string, ServiceAddress> = Object.assign(Object.create(null), given);
  for (const network of ['lan', 'wan']) {
    out[`${network}_${family}`] ??= { Address: definition.Address, Port: definition.Port };
  }
  return out;
}

/** Checks a definition and makes the catalog record of it. Throws AgentError 400 with Consul's texts. */
export function toNodeService(definition: ServiceDefinition): NodeService {
  if (definition.Name === '') throw new AgentError(400, 'Missing service name');
  if (isUnspecified(definition.Address)) throw new AgentError(400, INVALID_ADDRESS);
  refuseWeights(definition);
  refuseMeta(definition);
  const service = NodeService.make({
    Kind: definition.Kind,
    ID: definition.ID === '' ? definition.Name : definition.ID,
    Service: definition.Name,
    Tags: definition.Tags,
    Address: definition.Address,
    TaggedAddresses: taggedAddresses(definition),
    Meta: definition.Meta,
    Port: definition.Port,
    SocketPath: definition.SocketPath,
    Weights: definition.Weights ?? { Passing: 1, Warning: 1 },
    EnableTagOverride: definition.EnableTagOverride,
    Locality: definition.Locality,
    Proxy: proxyOf(definition),
    Connect: { Native: definition.Connect?.Native ?? false, PeerMeta: null },
  });
  const fault = serviceFault(service);
  if (fault !== undefined) throw new AgentError(400, `Validation failed: ${fault}`);
  return service;
}

function refuseMeta(definition: ServiceDefinition): void {
  if (definition.Meta === null) return;
  const error = metaFault(definition.Meta);
  if (error !== undefined) throw new AgentError(400, `Invalid Service Meta: ${error}`);
}

function refuseWeights({ Weights }: ServiceDefinition): void {
  if (Weights === null) return;
  if (Weights.Passing < 1) throw new AgentError(400, 'Invalid Weights: Passing must be greater than 0');
  if (Weights.Warning < 0) throw new AgentError(400, 'Invalid Weights: Warning must be greater or equal than 0');
  if (Weights.Passing > 65535 || Weights.Warning > 65535) {
    throw new AgentError(400, 'Invalid Weights: DNS Weight must be between 0 and 65535');
  }
}

function proxyOf(definition: ServiceDefinition): ConnectProxyConfig {
  const given = definition.Proxy ?? ConnectProxyConfig.zero();
  if (given.Upstreams === null) return given;
  const Upstreams = given.Upstreams.map((u) =>
    Upstream.make({ ...u, DestinationType: u.DestinationType === '' ? 'service' : u.DestinationType }),
  );
  return { ...given, Upstreams };
}

/** All check definitions of a service or of its sidecar: the single one first. */
export function checkTypesOf(definition: Pick<ServiceDefinition, 'Check' | 'Checks'>): readonly CheckType[] {
  const single = definition.Check;
  // An empty check in place of one is none; in the list it is refused.
  const isEmpty = single === null || isZeroCheck(single);
  return [...(isEmpty ? [] : [single]), ...(definition.Checks ?? [])];
}

/** The common kinds are told from nothing at once. */
function isZeroCheck(check: CheckType): boolean {
  if (check.TTL !== 0 || check.HTTP !== '' || check.TCP !== '' || check.GRPC !== '') return false;
  return CheckTypeSchema.toJson(check) === CheckTypeSchema.toJson(CheckTypeSchema.zero());
}

const STATUSES = new Set(['passing', 'warning', 'critical']);

/** Checks of a service body, made ready to run. Throws AgentError 400. */
export function serviceChecks(node: string, service: NodeService, given: readonly CheckType[]): CheckEntry[] {
  const runnable = given.map((c) => checkType(c));
  for (const check of runnable) {
    const error = validateCheck(check);
    if (error !== undefined) throw new AgentError(400, `Invalid check: ${error}`);
  }
  for (const c of given) {
    if (c.Status !== '' && !STATUSES.has(c.Status)) {
      throw new AgentError(400, "Status for checks must 'passing', 'warning', 'critical'");
    }
  }
  const ids = serviceCheckIds(service.ID, runnable);
  return runnable.map((definition, i) => {
    const CheckID = ids[i] as string;
    const check = HealthCheck.make({
      Node: node,
      CheckID,
      Name: serviceCheckName(service.Service, definition),
      Status: definition.Status === '' ? 'critical' : definition.Status,
      Notes: definition.Notes,
      ServiceID: service.ID,
      ServiceName: service.Service,
      ServiceTags: service.Tags,
      Type: checkKind(definition),
      Interval: definition.Interval === 0 ? '' : formatDuration(definition.Interval),
      Timeout: definition.Timeout === 0 ? '' : formatDuration(definition.Timeout),
    });
    return { check, definition: { ...definition, CheckID } };
  });
}

/** A check of `check/register`. Throws AgentError 400. */
export function standaloneCheck(node: string, given: CheckDefinition, service: NodeService | null): CheckEntry {
  if (given.Name === '') throw new AgentError(400, 'Missing check name');
  if (given.Status !== '' && !STATUSES.has(given.Status)) throw new AgentError(400, 'Bad check status');
  const CheckID = given.ID === '' ? given.Name : given.ID;
  const definition = checkType({ ...given, CheckID });
  const error = validateCheck(definition);
  if (error !== undefined) throw new AgentError(400, `Invalid check: ${error}`);
  const check = HealthCheck.make({
    Node: node,
    CheckID,
    Name: given.Name,
    Status: given.Status === '' ? 'critical' : given.Status,
    Notes: given.Notes,
    ServiceID: service?.ID ?? '',
    ServiceName: service?.Service ?? '',
    ServiceTags: service?.Tags ?? null,
    Type: checkKind(definition),
    Interval: formatDuration(definition.Interval),
    Timeout: formatDuration(definition.Timeout),
  });
  return { check, definition };
}
