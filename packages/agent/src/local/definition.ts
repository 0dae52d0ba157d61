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
  NodeService,
  type ServiceAddress,
  type ServiceDefinition,
  Upstream,
} from '@proconsul/schema';

/** A check as the agent keeps it: what readers see, and how it is made (null for maintenance). */
export interface CheckEntry {
  readonly check: HealthCheck;
  readonly definition: RunnableCheck | null;
}

/** Metadata limits. Source: service and node documentation. */
export const META_PAIRS_MAX = 64;
export const META_KEY_MAX = 128;
export const META_VALUE_MAX = 512;
const META_KEY = /^[a-zA-Z0-9_-]+$/;

/** What is wrong with metadata, in the words that clients know; null when nothing is. */
export function metaError(meta: Readonly<Record<string, string>>, allowReserved: boolean): string | null {
  const pairs = Object.entries(meta);
  if (pairs.length > META_PAIRS_MAX) return `Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`;
  for (const [key, value] of pairs) {
    const bad = pairError(key, value, allowReserved);
    if (bad !== null) return `Couldn't load metadata pair ('${key}', '${value}'): ${bad}`;
  }
  return null;
}

function pairError(key: string, value: string, allowReserved: boolean): string | null {
  if (key === '') return 'Key cannot be blank';
  if (!META_KEY.test(key)) return 'Key contains invalid characters';
  if (key.length > META_KEY_MAX) return `Key is too long (limit: ${META_KEY_MAX} characters)`;
  if (key.startsWith('consul-') && !allowReserved) return "Key prefix 'consul-' is reserved for internal use";
  if (value.length > META_VALUE_MAX) return `Value is too long (limit: ${META_VALUE_MAX} characters)`;
  return null;
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
  if (definition.Address === '0.0.0.0' || definition.Address === '::' || definition.Address === '[::]') {
    throw new AgentError(400, 'Invalid service address');
  }
  refuseMeta(definition);
  refuseWeights(definition);
  refuseProxy(definition);
  if (definition.Locality !== null && definition.Locality.Zone !== '' && definition.Locality.Region === '') {
    throw new AgentError(400, `Validation failed: ${multiError(['zone cannot be set without region'])}`);
  }
  return NodeService.make({
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
}

function refuseMeta(definition: ServiceDefinition): void {
  if (definition.Meta === null) return;
  const error = metaError(definition.Meta, false);
  if (error !== null) throw new AgentError(400, `Invalid Service Meta: ${error}`);
}

function refuseWeights({ Weights }: ServiceDefinition): void {
  if (Weights === null) return;
  if (Weights.Passing < 1) throw new AgentError(400, 'Invalid Weights: Passing must be greater than 0');
  if (Weights.Warning < 0) throw new AgentError(400, 'Invalid Weights: Warning must be greater or equal than 0');
  if (Weights.Passing > 65535 || Weights.Warning > 65535) {
    throw new AgentError(400, 'Invalid Weights: DNS Weight must be between 0 and 65535');
  }
}

function refuseProxy(definition: ServiceDefinition): void {
  if (definition.Kind !== 'connect-proxy') return;
  const errors: string[] = [];
  const destination = definition.Proxy?.DestinationServiceName ?? '';
  if (destination.trim() === '')
    errors.push('Proxy.DestinationServiceName must be non-empty for Connect proxy services');
  if (destination === '*')
    errors.push(`Proxy.DestinationServiceName must not be a wildcard for Connect proxy services`);
  if (definition.Port === 0 && definition.SocketPath === '')
    errors.push('Port or SocketPath must be set for a Connect proxy');
  errors.push(...exposeErrors(definition.Proxy?.Expose.Paths ?? []));
  if (definition.Connect?.Native) errors.push('A Proxy cannot also be Connect Native, only typical services');
  if (errors.length > 0) throw new AgentError(400, `Validation failed: ${multiError(errors)}`);
}

type ExposePaths = NonNullable<ConnectProxyConfig['Expose']['Paths']>;

/** Source: answers of the reference agent to wrong paths. */
function exposeErrors(paths: ExposePaths): string[] {
  const errors: string[] = [];
  const ports = new Set<number>();
  for (const path of paths) {
    if (path.Path === '') errors.push('expose.paths: empty path exposed');
    if (ports.has(path.ListenerPort)) errors.push('expose.paths: duplicate listener ports exposed');
    ports.add(path.ListenerPort);
    if (path.ListenerPort <= 0 || path.ListenerPort > 65535) {
      errors.push(`expose.paths: invalid listener port: ${path.ListenerPort}`);
    }
    if (path.Protocol !== '' && path.Protocol !== 'http' && path.Protocol !== 'http2') {
      errors.push(`protocol '${path.Protocol}' not supported for path: ${path.Path}, must be in: [http http2]`);
    }
  }
  return errors;
}

/** Several errors in one text, the way that Consul lists them. */
export function multiError(errors: readonly string[]): string {
  const head = errors.length === 1 ? '1 error occurred:' : `${errors.length} errors occurred:`;
  return `${head}\n${errors.map((e) => `\t* ${e}\n`).join('')}\n`;
}

function proxyOf(definition: ServiceDefinition): ConnectProxyConfig {
  const given = definition.Proxy ?? ConnectProxyConfig.zero();
  const Upstreams = given.Upstreams?.map((u) =>
    Upstream.make({ ...u, DestinationType: u.DestinationType === '' ? 'service' : u.DestinationType }),
  );
  return { ...given, Upstreams: Upstreams ?? null };
}

/** All check definitions of a service: the single one first. */
export function checkTypesOf(definition: ServiceDefinition): readonly CheckType[] {
  const single = definition.Check;
  // An empty check in place of one is none; in the list it is refused.
  const isEmpty = single === null || CheckTypeSchema.toJson(single) === CheckTypeSchema.toJson(CheckTypeSchema.zero());
  return [...(isEmpty ? [] : [single]), ...(definition.Checks ?? [])];
}

const STATUSES = new Set(['passing', 'warning', 'critical']);

/** Checks of a service body, made ready to run. Throws AgentError 400. */
export function serviceChecks(node: string, service: NodeService, given: readonly CheckType[]): CheckEntry[] {
  const runnable = given.map((c) => checkType(c));
  for (const [i, c] of given.entries()) {
    const error = validateCheck(runnable[i] as RunnableCheck);
    if (error !== undefined) throw new AgentError(400, `Invalid check: ${error}`);
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
