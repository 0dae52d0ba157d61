import { formatDuration } from '@proconsul/base';
import { CHECK_SERVICE_NODE_FIELDS, compileFilter } from '@proconsul/bexpr';
import type { ConfigEntry } from '@proconsul/schema';
import {
  type Fault,
  type Fields,
  firstFault,
  isSet,
  matcherFault,
  methodsFault,
  numberOf,
  pathFault,
  quote,
  recordOf,
  recordsOf,
  textOf,
  textsOf,
} from '@proconsul/store';

/** Weights count in hundredths of a percent. */
const WEIGHT_SCALE = 100;
const WEIGHT_SUM = 100 * WEIGHT_SCALE;

export function splitterFault(entry: ConfigEntry): Fault {
  const splits = recordsOf(entry['Splits']);
  if (splits.length === 0) return 'no splits configured';
  const seen = new Set<string>();
  let sum = 0;
  for (const split of splits) {
    const service = textOf(split['Service']) || entry.Name;
    const subset = textOf(split['ServiceSubset']);
    const key = quote(service) + quote(subset);
    if (seen.has(key)) {
      return `split destination occurs more than once: service="${service}", subset="${subset}", namespace="", partition=""`;
    }
    seen.add(key);
    sum += Math.round(numberOf(split['Weight']) * WEIGHT_SCALE);
  }
  const outside = splits.map((s) => numberOf(s['Weight'])).find((w) => w < 0 || w > 100);
  if (outside !== undefined) return `split weight must be between 0 and 100, not ${outside.toFixed(6)}`;
  if (sum === WEIGHT_SUM) return null;
  return `the sum of all split weights must be 100, not ${(sum / WEIGHT_SCALE).toFixed(6)}`;
}

const RETRY_CONDITIONS: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

export function routerFault(entry: ConfigEntry): Fault {
  for (const [i, route] of recordsOf(entry['Routes']).entries()) {
    const at = `Route[${i}]`;
    const http = recordOf(recordOf(route['Match'])['HTTP']);
    const fault = firstFault(
      () => pathFault(http, at, `${at} `),
      () => matcherFault(recordsOf(http['Header']), `${at} Header`, ['Present', 'Exact', 'Prefix', 'Suffix', 'Regex']),
      () => matcherFault(recordsOf(http['QueryParam']), `${at} QueryParam`, ['Present', 'Exact', 'Regex']),
      () => methodsFault(http, `${at} `),
      () => destinationFault(recordOf(route['Destination']), http, at),
    );
    if (fault !== null) return fault;
  }
  return null;
}

function destinationFault(destination: Fields, http: Fields, at: string): Fault {
  if (isSet(destination, 'PrefixRewrite') && !isSet(http, 'PathExact') && !isSet(http, 'PathPrefix')) {
    return `${at} cannot make use of PrefixRewrite without configuring either PathExact or PathPrefix`;
  }
  const bad = textsOf(destination['RetryOn']).find((condition) => !RETRY_CONDITIONS.has(condition));
  return bad === undefined ? null : `${at} contains an invalid retry condition: ${quote(bad)}`;
}

const SUBSET = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function resolverFault(entry: ConfigEntry): Fault {
  const subsets = recordOf(entry['Subsets']);
  const known = (name: string): boolean => name === '' || Object.hasOwn(subsets, name);
  const preferred = textOf(entry['DefaultSubset']);
  return firstFault(
    () => subsetFault(subsets),
    () => (known(preferred) ? null : `DefaultSubset ${quote(preferred)} is not a valid subset`),
    () => redirectFault(entry['Redirect']),
    () => failoverFault(entry, known),
    () => timeoutFault(entry, 'ConnectTimeout'),
    () => timeoutFault(entry, 'RequestTimeout'),
    () => loadBalancerFault(entry['LoadBalancer']),
    () => (entry['PrioritizeByLocality'] == null ? null : 'Prioritize-by-locality requires Consul Enterprise '),
  );
}

function subsetFault(subsets: Fields): Fault {
  for (const name of Object.keys(subsets).sort()) {
    if (name === '') return 'Subset defined with empty name';
    if (!SUBSET.test(name)) {
      return `Subset ${quote(name)} is invalid: must be 63 characters or fewer, begin or end with lower case alphanumeric characters, and contain lower case alphanumeric characters or '-' in between`;
    }
    const filter = textOf(recordOf(subsets[name])['Filter']);
    if (filter === '') continue;
    try {
      compileFilter(filter, CHECK_SERVICE_NODE_FIELDS);
    } catch (error) {
      const text = (error as Error).message.replace('Failed to create boolean expression evaluator: ', '');
      return `Filter for subset ${quote(name)} is not a valid expression: ${text}`;
    }
  }
  return null;
}

function redirectFault(given: unknown): Fault {
  if (given == null) return null;
  const redirect = recordOf(given);
  const fields = ['Service', 'ServiceSubset', 'Namespace', 'Partition', 'Datacenter', 'Peer', 'SamenessGroup'];
  if (isSet(redirect, 'ServiceSubset') && !isSet(redirect, 'Service')) {
    return 'Redirect.ServiceSubset defined without Redirect.Service';
  }
  if (!fields.some((field) => isSet(redirect, field))) return 'Redirect is empty';
  if (isSet(redirect, 'Peer') && isSet(redirect, 'Datacenter')) {
    return 'Redirect.Peer cannot be set with Redirect.Datacenter';
  }
  return null;
}

function failoverFault(entry: ConfigEntry, known: (name: string) => boolean): Fault {
  const failover = recordOf(entry['Failover']);
  for (const name of Object.keys(failover).sort()) {
    const at = `Bad Failover[${quote(name)}]`;
    const one = recordOf(failover[name]);
    const targets = recordsOf(one['Targets']);
    const datacenters = Array.isArray(one['Datacenters']) ? one['Datacenters'] : [];
    const direct = ['Service', 'ServiceSubset', 'Namespace', 'SamenessGroup'].find((field) => isSet(one, field));
    if (name !== '*' && !known(name)) return `${at}: not a valid subset subset`;
    if (one['Policy'] != null) return `${at}: Setting failover policies requires Consul Enterprise`;
    if (isSet(one, 'SamenessGroup')) return `${at}: Setting SamenessGroup requires Consul Enterprise`;
    if (direct === undefined && datacenters.length === 0 && targets.length === 0) {
      return `${at}: one of Service, ServiceSubset, Namespace, Targets, SamenessGroup, or Datacenters is required`;
    }
    if (targets.length > 0 && direct !== undefined) return `${at}: Targets cannot be set with ${direct}`;
    if (targets.length > 0 && datacenters.length > 0) return `${at}: Targets cannot be set with Datacenters`;
    if (datacenters.some((datacenter) => datacenter === '' || datacenter === null))
      return `${at}.Datacenters: found empty datacenter`;
  }
  return null;
}

function timeoutFault(entry: ConfigEntry, field: string): Fault {
  const ns = numberOf(entry[field]);
  return ns < 0 ? `Bad ${field} '${formatDuration(ns)}', must be >= 0` : null;
}

const POLICIES: ReadonlySet<string> = new Set(['', 'random', 'round_robin', 'least_request', 'ring_hash', 'maglev']);
const HASHING: ReadonlySet<string> = new Set(['ring_hash', 'maglev']);
const HASH_FIELDS: ReadonlySet<string> = new Set(['', 'header', 'cookie', 'query_parameter']);

function loadBalancerFault(given: unknown): Fault {
  if (given == null) return null;
  const balancer = recordOf(given);
  const policy = textOf(balancer['Policy']);
  if (!POLICIES.has(policy)) return `Bad LoadBalancer policy: ${quote(policy)} is not supported`;
  const policies = recordsOf(balancer['HashPolicies']);
  for (const [field, wanted] of [
    ['RingHashConfig', 'ring_hash'],
    ['LeastRequestConfig', 'least_request'],
  ] as const) {
    if (balancer[field] == null || policy === wanted) continue;
    return `Bad LoadBalancer configuration. ${field} specified for incompatible load balancing policy ${quote(policy)}`;
  }
  if (policies.length > 0 && !HASHING.has(policy)) {
    return `Bad LoadBalancer configuration: HashPolicies specified for non-hash-based Policy: ${quote(policy)}`;
  }
  for (const [i, hash] of policies.entries()) {
    const fault = hashFault(hash);
    if (fault !== null) return `Bad LoadBalancer HashPolicy[${i}]: ${fault}`;
  }
  return null;
}

function hashFault(hash: Fields): Fault {
  const field = textOf(hash['Field']);
  const cookie = hash['CookieConfig'] == null ? null : recordOf(hash['CookieConfig']);
  if (!HASH_FIELDS.has(field)) return `${quote(field)} is not a supported field`;
  if (hash['SourceIP'] === true && field !== '') {
    return `A single hash policy cannot hash both a source address and a ${quote(field)}`;
  }
  if (hash['SourceIP'] !== true && field !== '' && !isSet(hash, 'FieldValue')) {
    return `Field ${quote(field)} was specified without a FieldValue`;
  }
  if (field === '' && isSet(hash, 'FieldValue')) return 'FieldValue requires a Field to apply to';
  if (cookie === null) return null;
  if (field !== 'cookie') return `cookie_config provided for ${quote(field)}`;
  if (cookie['Session'] === true && numberOf(cookie['TTL']) !== 0) {
    return 'a session cookie cannot have an associated TTL';
  }
  return null;
}
