import type { ConfigEntry } from '@proconsul/schema';
import { type Fault, type Fields, firstFault, isSet, quote, recordOf, recordsOf, textOf } from './fields.ts';
import { matcherFault, methodsFault, pathFault } from './match-faults.ts';

const DESCRIPTION_LENGTH_MAX = 512;

const isAction = (text: string): boolean => text === 'allow' || text === 'deny';
const isPartialWildcard = (name: string): boolean => name.includes('*') && name !== '*';
const PARTIAL_WILDCARD = "wildcard character '*' cannot be used with partial values";

export function intentionsFault(entry: ConfigEntry): Fault {
  if (isPartialWildcard(entry.Name)) return `Name: ${PARTIAL_WILDCARD}`;
  const sources = recordsOf(entry['Sources']);
  if (sources.length === 0) return 'At least one source is required';
  const seen = new Set<string>();
  for (const [i, source] of sources.entries()) {
    const fault = sourceFault(source, `Sources[${i}]`);
    if (fault !== null) return fault;
    const name = textOf(source['Name']);
    const key = quote(name) + quote(textOf(source['Peer']));
    if (seen.has(key)) return `Sources[${i}] defines ${quote(name)} more than once`;
    seen.add(key);
  }
  return null;
}

function sourceFault(source: Fields, at: string): Fault {
  const name = textOf(source['Name']);
  if (name === '') return `${at}.Name is required`;
  if (isPartialWildcard(name)) return `${at}.Name: ${PARTIAL_WILDCARD}`;
  if (isSet(source, 'SamenessGroup')) {
    return `${at}.SamenessGroup: Sameness groups are a Consul Enterprise feature. `;
  }
  if (textOf(source['Description']).length > DESCRIPTION_LENGTH_MAX) {
    return `${at}.Description exceeds maximum length ${DESCRIPTION_LENGTH_MAX}`;
  }
  if (textOf(source['Type']) !== 'consul') return `${at}.Type must be set to 'consul'`;
  const action = textOf(source['Action']);
  const permissions = recordsOf(source['Permissions']);
  if (permissions.length === 0) return isAction(action) ? null : `${at}.Action must be set to 'allow' or 'deny'`;
  if (action !== '') return `${at}.Action must be omitted if Permissions are specified`;
  return firstFault(...permissions.map((one, j) => () => permissionFault(one, `${at}.Permissions[${j}]`)));
}

const HEADER_WAYS = ['Present', 'Exact', 'Prefix', 'Suffix', 'Contains', 'Regex'];

function permissionFault(permission: Fields, at: string): Fault {
  if (!isAction(textOf(permission['Action']))) return `${at}.Action must be set to 'allow' or 'deny'`;
  if (permission['HTTP'] == null) return permission['JWT'] == null ? `${at}.HTTP is required` : null;
  const http = recordOf(permission['HTTP']);
  const isEmpty =
    !['PathExact', 'PathPrefix', 'PathRegex'].some((field) => isSet(http, field)) &&
    recordsOf(http['Header']).length === 0 &&
    recordsOf(http['Methods']).length === 0;
  return firstFault(
    () => pathFault(http, `${at}.HTTP`, `${at}.HTTP.`),
    () => matcherFault(recordsOf(http['Header']), `${at}.HTTP.Header`, HEADER_WAYS),
    () => methodsFault(http, `${at}.HTTP.`),
    () => (isEmpty ? `${at}.HTTP should not be empty` : null),
  );
}
