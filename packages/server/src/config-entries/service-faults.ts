import { multiError } from '@proconsul/base';
import type { ConfigEntry } from '@proconsul/schema';
import {
  type Fault,
  type Fields,
  isSet,
  numberOf,
  PROTOCOLS,
  quote,
  recordOf,
  recordsOf,
  several,
  textOf,
  textsOf,
} from '@proconsul/store';

/** Extensions that proxies can be configured with. Source: Envoy extension documentation. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  'builtin/aws/lambda',
  'builtin/ext-authz',
  'builtin/lua',
  'builtin/otel-access-logging',
  'builtin/property-override',
  'builtin/proxy/wasm',
  'builtin/wasm',
]);

const MUTUAL_TLS_MODES: ReadonlySet<string> = new Set(['', 'strict', 'permissive']);

function mutualTlsFault(entry: ConfigEntry): Fault {
  const mode = textOf(entry['MutualTLSMode']);
  return MUTUAL_TLS_MODES.has(mode)
    ? null
    : `Invalid MutualTLSMode ${quote(mode)}. Must be one of "", "strict", or "permissive".`;
}

export function serviceDefaultsFault(entry: ConfigEntry): Fault {
  if (entry.Name === '*') return 'service-defaults name must be the name of a service, and not a wildcard';
  const mode = mutualTlsFault(entry);
  if (mode !== null) return mode;
  const faults: string[] = [];
  const protocol = textOf(entry['Protocol']);
  if (!PROTOCOLS.has(protocol)) faults.push(`invalid value for protocol: ${protocol}`);
  const balance = textOf(entry['BalanceInboundConnections']);
  if (balance !== '' && balance !== 'exact_balance') {
    faults.push(`invalid value for balance_inbound_connections: ${balance}`);
  }
  if (entry['Destination'] != null) faults.push(...destinationFaults(recordOf(entry['Destination'])));
  faults.push(...upstreamFaults(recordOf(entry['UpstreamConfig'])));
  if (entry['RateLimits'] != null) {
    faults.push('invalid rate_limits config. Rate limiting is a consul enterprise feature');
  }
  faults.push(...extensionFaults(entry['EnvoyExtensions']));
  return several(faults);
}

const PORT_MAX = 65535;
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$/;
const IP6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/;

function destinationFaults(destination: Fields): string[] {
  const faults: string[] = [];
  const addresses = textsOf(destination['Addresses']);
  if (addresses.length === 0) faults.push('Destination must contain at least one valid address');
  for (const address of addresses) {
    if (HOST.test(address) || IP6.test(address)) continue;
    faults.push(
      `Destination address '${address}' is invalid Could not validate address ${address} as an IP or Hostname`,
    );
  }
  const port = numberOf(destination['Port']);
  if (port < 1 || port > PORT_MAX) faults.push(`Invalid Port number ${port}`);
  return faults;
}

function upstreamFaults(config: Fields): string[] {
  const faults: string[] = [];
  for (const upstream of recordsOf(config['Overrides'])) {
    const name = textOf(upstream['Name']);
    const at = `error in upstream override for ${name}:`;
    if (name === '') faults.push(`${at}: Name is required`);
    else if (name === '*') faults.push(`${at}: Wildcard name is not supported`);
    else faults.push(...nested(at, tuningFaults(upstream)));
  }
  if (config['Defaults'] != null && isSet(recordOf(config['Defaults']), 'Name')) {
    faults.push('error in upstream defaults: Name must be empty');
  } else faults.push(...nested('error in upstream defaults', tuningFaults(recordOf(config['Defaults']))));
  return faults;
}

/** Faults of a part, as one of the whole. */
function nested(at: string, faults: readonly string[]): string[] {
  if (faults.length === 0) return [];
  return [`${at}: ${multiError(faults)}`];
}

const PERCENTAGES = [
  ['EnforcingConsecutive5xx', 'enforcing_consecutive_5xx'],
  ['MaxEjectionPercent', 'max_ejection_percent'],
] as const;
const LIMITS = [
  ['MaxConnections', 'max connections'],
  ['MaxPendingRequests', 'max pending requests'],
  ['MaxConcurrentRequests', 'max concurrent requests'],
] as const;

/** The first fault of its health check, and of its limits. Source: answers of the reference agent. */
function tuningFaults(upstream: Fields): string[] {
  const health = recordOf(upstream['PassiveHealthCheck']);
  const limits = recordOf(upstream['Limits']);
  const percentage = PERCENTAGES.find(([field]) => numberOf(health[field]) > 100);
  const negative = LIMITS.find(([field]) => numberOf(limits[field]) < 0);
  const faults: string[] = [];
  if (numberOf(health['Interval']) < 0) faults.push('passive health check interval cannot be negative');
  else if (percentage !== undefined) {
    faults.push(`passive health check ${percentage[1]} must be a percentage between 0 and 100`);
  } else if (numberOf(health['BaseEjectionTime']) < 0) {
    faults.push('passive health check base_ejection_time cannot be negative');
  }
  if (negative !== undefined) faults.push(`${negative[1]} cannot be negative`);
  return faults;
}

function extensionFaults(given: unknown): string[] {
  const faults: string[] = [];
  for (const [i, extension] of recordsOf(given).entries()) {
    const name = textOf(extension['Name']);
    if (name === '') faults.push(`invalid EnvoyExtensions[${i}]: Name is required`);
    else if (!EXTENSIONS.has(name)) {
      faults.push(`invalid EnvoyExtensions[${i}][${name}]: name ${quote(name)} is not a built-in extension`);
    }
  }
  return faults;
}

const ACCESS_LOG_TYPES: ReadonlySet<string> = new Set(['', 'file', 'stderr', 'stdout']);
const FAILOVER_MODES: ReadonlySet<string> = new Set(['', 'sequential', 'order-by-locality']);

export function proxyDefaultsFault(entry: ConfigEntry): Fault {
  const logs = recordOf(entry['AccessLogs']);
  const type = textOf(logs['Type']);
  if (!ACCESS_LOG_TYPES.has(type)) return `invalid access log type: ${type}`;
  if (isSet(logs, 'JSONFormat') && isSet(logs, 'TextFormat')) {
    return 'cannot specify both access log JSONFormat and TextFormat';
  }
  if (type === 'file' && !isSet(logs, 'Path')) return 'path must be specified when using file type access logs';
  const extensions = several(extensionFaults(entry['EnvoyExtensions']));
  if (extensions !== null) return extensions;
  if (!FAILOVER_MODES.has(textOf(recordOf(entry['FailoverPolicy'])['Mode']))) {
    return "Failover-policy mode must be one of '', 'sequential', or 'order-by-locality'";
  }
  if (entry['PrioritizeByLocality'] != null) return 'Prioritize-by-locality requires Consul Enterprise ';
  return mutualTlsFault(entry);
}
