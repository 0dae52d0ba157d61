import { entryKeys } from './api-case.ts';
import type { Reader } from './reader.ts';

/** Kinds of config entries. Source: https://developer.hashicorp.com/consul/docs/fundamentals/config-entry */
const ENTRY_KINDS: ReadonlySet<string> = new Set([
  ...['service-defaults', 'proxy-defaults', 'service-router', 'service-splitter', 'service-resolver'],
  ...['ingress-gateway', 'terminating-gateway', 'service-intentions', 'mesh', 'exported-services', 'sameness-group'],
  ...['api-gateway', 'inline-certificate', 'file-system-certificate', 'http-route', 'tcp-route', 'jwt-provider'],
  ...['control-plane-request-limit'],
]);

export function buildConfigEntries(reader: Reader): Record<string, unknown>[] {
  const given = (reader.raw('config_entries.bootstrap') ?? []) as Record<string, unknown>[];
  return given.map((entry, index) => {
    const path = `config_entries.bootstrap[${index}]`;
    const kind = entry['kind'] ?? entry['Kind'];
    const fail = (text: string) => reader.error(path, `${path}: ${text}`);
    if (kind === undefined) throw fail('Payload does not contain a kind/Kind key at the top level');
    if (typeof kind !== 'string') throw fail(`Kind value in payload is not a string`);
    if (!ENTRY_KINDS.has(kind)) throw fail(`invalid config entry kind: ${kind}`);
    const entries = entryKeys(entry) as Record<string, unknown>;
    if (kind !== 'mesh' && (entries['Name'] ?? '') === '') throw fail('Name is required');
    return entries;
  });
}
