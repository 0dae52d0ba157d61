import { durationError, parseDuration } from '@proconsul/base';
import { invalid } from '@proconsul/endpoints';
import type { PreparedQuery } from '@proconsul/schema';
import { isTemplate } from './template.ts';

/** What a reader without the right to see captured tokens is shown instead. */
export const HIDDEN_TOKEN = '<hidden>';

const PREFIX = 'Invalid prepared query: ';

/** Refuses a query that could never be executed. Throws EndpointError. Source: answers of the reference. */
export function checkQuery(query: PreparedQuery): void {
  const fault = queryFault(query);
  if (fault !== null) throw invalid(PREFIX + fault);
}

function queryFault(query: PreparedQuery): string | null {
  if (query.Name === '' && query.Session === '' && !isTemplate(query)) return 'Must be bound to a session';
  if (query.Token === HIDDEN_TOKEN) {
    return `Bad Token '${HIDDEN_TOKEN}', it looks like a query definition with a redacted token was submitted`;
  }
  return serviceFault(query.Service) ?? ttlFault(query.DNS.TTL);
}

function serviceFault(service: PreparedQuery['Service']): string | null {
  if (service.Service === '') return 'Must provide a Service name to query';
  const { NearestN, Datacenters, Targets } = service.Failover;
  if (NearestN < 0) return `Bad NearestN '${NearestN}', must be >= 0`;
  if ((NearestN !== 0 || (Datacenters?.length ?? 0) > 0) && (Targets?.length ?? 0) > 0) {
    return 'Targets cannot be populated with NearestN or Datacenters';
  }
  if (service.SamenessGroup !== '') return 'sameness-groups are an enterprise-only feature';
  return metaFault(service.NodeMeta);
}

const META_KEY = /^[a-zA-Z0-9_-]+$/;
const META_KEY_LENGTH_MAX = 128;
const META_VALUE_LENGTH_MAX = 512;

function metaFault(meta: Readonly<Record<string, string>> | null): string | null {
  for (const [key, value] of Object.entries(meta ?? {})) {
    const fault = pairFault(key, value);
    if (fault !== null) return `Couldn't load metadata pair ('${key}', '${value}'): ${fault}`;
  }
  return null;
}

function pairFault(key: string, value: string): string | null {
  if (key === '') return 'Key cannot be blank';
  if (!META_KEY.test(key)) return 'Key contains invalid characters';
  if (key.length > META_KEY_LENGTH_MAX) return `Key is too long (limit: ${META_KEY_LENGTH_MAX} characters)`;
  if (value.length > META_VALUE_LENGTH_MAX) return `Value is too long (limit: ${META_VALUE_LENGTH_MAX} characters)`;
  return null;
}

function ttlFault(ttl: string): string | null {
  if (ttl === '') return null;
  const ns = parseDuration(ttl);
  if (ns === undefined) return `Bad DNS TTL '${ttl}': ${durationError(ttl)}`;
  return ns < 0 ? `DNS TTL '${ns}', must be >=0` : null;
}
