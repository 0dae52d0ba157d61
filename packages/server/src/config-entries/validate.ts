import { EndpointError, invalid } from '@proconsul/endpoints';
import type { ConfigEntry } from '@proconsul/schema';
import { numberOf, recordOf, recordsOf, textOf } from './normalize.ts';

/** Names that a kind has only one of. */
const ONLY_NAME: Readonly<Record<string, string>> = {
  'proxy-defaults': 'global',
  mesh: 'mesh',
  'exported-services': 'default',
};

const PROTOCOLS: ReadonlySet<string> = new Set(['', 'tcp', 'http', 'http2', 'grpc']);

/** Several faults at once, as Go's multierror prints them. */
function several(faults: readonly string[]): string | null {
  if (faults.length === 0) return null;
  const count = `${faults.length} error${faults.length === 1 ? '' : 's'} occurred`;
  return `${count}:\n${faults.map((fault) => `\t* ${fault}\n`).join('')}\n`;
}

/**
 * Refuses an entry, already normalized, that could never work. Throws EndpointError.
 * Source: answers of the reference; configuration entry documentation.
 */
export function checkEntry(entry: ConfigEntry): void {
  if (entry.Kind === 'bound-api-gateway') {
    throw new EndpointError('PERMISSION_DENIED', 'Permission denied: only writeable by controller', 403);
  }
  if (entry.Kind === 'sameness-group') throw invalid('sameness-groups are an enterprise-only feature');
  const fault = nameFault(entry) ?? FAULTS[entry.Kind]?.(entry) ?? null;
  if (fault !== null) throw invalid(fault);
}

function nameFault({ Kind, Name }: ConfigEntry): string | null {
  const only = ONLY_NAME[Kind];
  if (only !== undefined && Name !== only) {
    if (Kind === 'exported-services') return `exported-services Name must be "${only}"`;
    return `invalid name (${JSON.stringify(Name)}), only "${only}" is supported`;
  }
  return Name === '' ? 'Name is required' : null;
}

function serviceDefaults(entry: ConfigEntry): string | null {
  const faults: string[] = [];
  const protocol = textOf(entry['Protocol']);
  if (entry.Name === '*') faults.push("'*' is not a valid service name");
  if (!PROTOCOLS.has(protocol)) faults.push(`invalid value for protocol: ${protocol}`);
  if (entry['RateLimits'] != null) {
    faults.push('invalid rate_limits config. Rate limiting is a consul enterprise feature');
  }
  return several(faults);
}

function proxyDefaults(entry: ConfigEntry): string | null {
  return entry['PrioritizeByLocality'] == null ? null : 'Prioritize-by-locality requires Consul Enterprise ';
}

const WEIGHT_SCALE = 100;

function splitter(entry: ConfigEntry): string | null {
  const splits = recordsOf(entry['Splits']);
  if (splits.length === 0) return 'no splits configured';
  const seen = new Set<string>();
  let sum = 0;
  for (const split of splits) {
    const weight = numberOf(split['Weight']);
    const scaled = Math.round(weight * WEIGHT_SCALE);
    if (scaled < 0 || scaled > 100 * WEIGHT_SCALE) {
      return `split weight must be between 0 and 100, not ${weight.toFixed(6)}`;
    }
    const key = JSON.stringify([textOf(split['Service']) || entry.Name, textOf(split['ServiceSubset'])]);
    if (seen.has(key)) {
      return `split destination occurs more than once: service="${textOf(split['Service']) || entry.Name}", subset="${textOf(split['ServiceSubset'])}"`;
    }
    seen.add(key);
    sum += scaled;
  }
  if (sum === 100 * WEIGHT_SCALE) return null;
  return `the sum of all split weights must be 100, not ${(sum / WEIGHT_SCALE).toFixed(6)}`;
}

function router(entry: ConfigEntry): string | null {
  for (const [i, route] of recordsOf(entry['Routes']).entries()) {
    const http = recordOf(recordOf(route['Match'])['HTTP']);
    const paths = ['PathExact', 'PathPrefix', 'PathRegex'].filter((name) => textOf(http[name]) !== '');
    if (paths.length > 1) {
      return `Route[${i}] should only contain at most one of PathExact, PathPrefix, or PathRegex`;
    }
    for (const name of ['PathExact', 'PathPrefix'] as const) {
      const value = textOf(http[name]);
      if (value !== '' && !value.startsWith('/'))
        return `Route[${i}] ${name} doesn't start with '/': ${JSON.stringify(value)}`;
    }
    for (const [j, header] of recordsOf(http['Header']).entries()) {
      if (textOf(header['Name']) === '') return `Route[${i}] Header[${j}] missing required Name field`;
    }
    for (const [j, param] of recordsOf(http['QueryParam']).entries()) {
      if (textOf(param['Name']) === '') return `Route[${i}] QueryParam[${j}] missing required Name field`;
    }
  }
  return null;
}

function resolver(entry: ConfigEntry): string | null {
  const subsets = recordOf(entry['Subsets']);
  const known = (name: string): boolean => name === '' || Object.hasOwn(subsets, name);
  if (entry.Name === '*') return 'Wildcard resolvers are not supported';
  if (Object.hasOwn(subsets, '')) return 'Subset defined with empty name';
  const preferred = textOf(entry['DefaultSubset']);
  if (!known(preferred)) return `DefaultSubset ${JSON.stringify(preferred)} is not a valid subset`;
  return redirectFault(entry['Redirect']) ?? failoverFault(entry, known) ?? timeoutFault(entry);
}

function redirectFault(given: unknown): string | null {
  if (given == null) return null;
  const redirect = recordOf(given);
  const set = (name: string) => textOf(redirect[name]) !== '';
  if (set('ServiceSubset') && !set('Service')) return 'Redirect.ServiceSubset defined without Redirect.Service';
  if (!['Service', 'ServiceSubset', 'Namespace', 'Partition', 'Datacenter', 'Peer', 'SamenessGroup'].some(set)) {
    return 'Redirect is empty';
  }
  return null;
}

function failoverFault(entry: ConfigEntry, known: (name: string) => boolean): string | null {
  const failover = recordOf(entry['Failover']);
  for (const name of Object.keys(failover).sort()) {
    const at = `Bad Failover[${JSON.stringify(name)}]: `;
    if (name !== '*' && !known(name)) return `${at}not a valid subset`;
    const one = recordOf(failover[name]);
    if (one['Policy'] != null) return `${at}Setting failover policies requires Consul Enterprise`;
    const targets = recordsOf(one['Targets']);
    const datacenters = Array.isArray(one['Datacenters']) ? one['Datacenters'] : [];
    const direct = ['Service', 'ServiceSubset', 'Namespace', 'SamenessGroup'].some((f) => textOf(one[f]) !== '');
    if (!direct && datacenters.length === 0 && targets.length === 0) {
      return `${at}one of Service, ServiceSubset, Namespace, Targets, SamenessGroup, or Datacenters is required`;
    }
    if (datacenters.includes('')) return `${at}found empty datacenter`;
  }
  return null;
}

function timeoutFault(entry: ConfigEntry): string | null {
  const connect = numberOf(entry['ConnectTimeout']);
  if (connect < 0) return `Bad ConnectTimeout '${connect / 1e9}s', must be >= 0`;
  const request = numberOf(entry['RequestTimeout']);
  return request < 0 ? `Bad RequestTimeout '${request / 1e9}s', must be >= 0` : null;
}

function intentions(entry: ConfigEntry): string | null {
  const sources = recordsOf(entry['Sources']);
  if (sources.length === 0) return 'At least one source is required';
  const seen = new Set<string>();
  for (const [i, source] of sources.entries()) {
    const fault = sourceFault(source, `Sources[${i}]`);
    if (fault !== null) return fault;
    const name = textOf(source['Name']);
    const key = JSON.stringify([name, textOf(source['Peer'])]);
    if (seen.has(key)) return `Sources[${i}] defines ${JSON.stringify(name)} more than once`;
    seen.add(key);
  }
  return null;
}

function sourceFault(source: Readonly<Record<string, unknown>>, at: string): string | null {
  const action = textOf(source['Action']);
  const permissions = recordsOf(source['Permissions']);
  if (textOf(source['Name']) === '') return `${at}.Name is required`;
  if (permissions.length > 0 && action !== '') return `${at}.Action must be omitted if Permissions are specified`;
  if (permissions.length === 0 && action !== 'allow' && action !== 'deny') {
    return `${at}.Action must be set to 'allow' or 'deny'`;
  }
  if (textOf(source['Type']) !== 'consul') return `${at}.Type must be set to 'consul'`;
  for (const [j, permission] of permissions.entries()) {
    const a = textOf(permission['Action']);
    if (a !== 'allow' && a !== 'deny') return `${at}.Permissions[${j}].Action must be set to 'allow' or 'deny'`;
  }
  return null;
}

function ingress(entry: ConfigEntry): string | null {
  const ports = new Set<number>();
  for (const listener of recordsOf(entry['Listeners'])) {
    const port = numberOf(listener['Port']);
    const protocol = textOf(listener['Protocol']);
    if (ports.has(port)) return `port ${port} declared on two listeners`;
    ports.add(port);
    if (!PROTOCOLS.has(protocol))
      return `protocol must be 'tcp', 'http', 'http2', or 'grpc'. '${protocol}' is an unsupported protocol`;
    const fault = listenerFault(recordsOf(listener['Services']), port, protocol);
    if (fault !== null) return fault;
  }
  return null;
}

function listenerFault(services: Readonly<Record<string, unknown>>[], port: number, protocol: string): string | null {
  if (services.length === 0) return `No service declared for listener with port ${port}`;
  if (protocol === 'tcp' && services.length > 1) {
    return `Multiple services per listener are only supported for L7 protocols, 'http', 'grpc' and 'http2' (listener on port ${port})`;
  }
  for (const service of services) {
    const name = textOf(service['Name']);
    if (name === '') return `Service name cannot be blank (listener on port ${port})`;
    if (protocol === 'tcp' && name === '*') {
      return `Wildcard service name is only valid for protocol = 'http', 'http2', or 'grpc' (listener on port ${port})`;
    }
  }
  return null;
}

function terminating(entry: ConfigEntry): string | null {
  const seen = new Set<string>();
  for (const service of recordsOf(entry['Services'])) {
    const name = textOf(service['Name']);
    if (name === '') return 'Service name cannot be blank.';
    if (seen.has(name)) return `Service ${JSON.stringify(name)} was specified more than once within a namespace`;
    seen.add(name);
    const set = (field: string) => textOf(service[field]) !== '';
    if (set('CertFile') !== set('KeyFile') || (set('CertFile') && !set('CAFile'))) {
      return `Service ${JSON.stringify(name)} must have a CertFile, CAFile, and KeyFile specified for TLS origination`;
    }
  }
  return null;
}

function exported(entry: ConfigEntry): string | null {
  for (const [i, service] of recordsOf(entry['Services']).entries()) {
    if (textOf(service['Name']) === '') return `Services[${i}]: service name cannot be empty`;
    const consumers = recordsOf(service['Consumers']);
    if (consumers.length === 0) return `Services[${i}]: must have at least one consumer`;
    for (const [j, consumer] of consumers.entries()) {
      if (textOf(consumer['Peer']) === '*')
        return `Services[${i}].Consumers[${j}]: exporting to all peers (wildcard) is not supported`;
    }
  }
  return null;
}

const LISTENER_NAME = /^[A-Za-z0-9-]+$/;

function apiGateway(entry: ConfigEntry): string | null {
  for (const listener of recordsOf(entry['Listeners'])) {
    const name = textOf(listener['Name']);
    if (!LISTENER_NAME.test(name)) {
      return `listener name ${JSON.stringify(name)} is invalid, must be at least 1 character and contain only letters, numbers, or dashes`;
    }
    const protocol = textOf(listener['Protocol']);
    if (protocol !== 'tcp' && protocol !== 'http') {
      return `unsupported listener protocol ${JSON.stringify(protocol)}, must be one of 'tcp', or 'http'`;
    }
  }
  return null;
}

const FAULTS: Readonly<Record<string, (entry: ConfigEntry) => string | null>> = {
  'service-defaults': serviceDefaults,
  'proxy-defaults': proxyDefaults,
  'service-splitter': splitter,
  'service-router': router,
  'service-resolver': resolver,
  'service-intentions': intentions,
  'ingress-gateway': ingress,
  'terminating-gateway': terminating,
  'exported-services': exported,
  'api-gateway': apiGateway,
};
