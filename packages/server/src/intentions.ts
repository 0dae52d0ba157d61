import type { ConfigEntry, Intention } from '@proconsul/schema';
import { type Fields, precedenceOf, recordsOf, textOf } from '@proconsul/store';

/** Of intentions that were not made through the older API. */
const NEVER = '0001-01-01T00:00:00Z';
const NAMESPACE = 'default';

/**
 * The sources of `service-intentions` entries, each with its destination: the highest precedence first, then by the
 * names of source and destination. Source: recorded answers of `Intention.List`.
 */
export function intentionsOf<A extends { readonly value: readonly ConfigEntry[] }>(
  entries: A,
): Omit<A, 'value'> & { value: readonly Intention[] } {
  const value = entries.value.flatMap((entry) => recordsOf(entry['Sources']).map((source) => intention(entry, source)));
  value.sort(
    (a, b) =>
      b.Precedence - a.Precedence ||
      inOrder(a.SourceName, b.SourceName) ||
      inOrder(a.DestinationName, b.DestinationName),
  );
  return { ...entries, value };
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function intention(entry: ConfigEntry, source: Fields): Intention {
  const SourceName = textOf(source['Name']);
  const isLegacy = textOf(source['LegacyID']) !== '';
  const { CreateIndex, ModifyIndex } = entry;
  return {
    ID: source['LegacyID'],
    Description: source['Description'],
    SourceNS: NAMESPACE,
    SourceName,
    SourcePeer: source['Peer'],
    SourceSamenessGroup: source['SamenessGroup'],
    DestinationNS: NAMESPACE,
    DestinationName: entry.Name,
    SourceType: textOf(source['Type']) || 'consul',
    Action: source['Action'],
    Permissions: source['Permissions'],
    JWT: entry['JWT'],
    Meta: isLegacy ? source['LegacyMeta'] : entry['Meta'],
    Precedence: precedenceOf(SourceName, entry.Name),
    CreatedAt: textOf(source['LegacyCreateTime']) || NEVER,
    UpdatedAt: textOf(source['LegacyUpdateTime']) || NEVER,
    CreateIndex,
    ModifyIndex,
  };
}
