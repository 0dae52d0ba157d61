import type { ConfigEntry } from '@proconsul/schema';
import { type Fault, quote, recordOf, recordsOf, several, textOf } from './fields.ts';
import type { EntryView } from './graph.ts';

/** Permissive mode is only for meshes that allow it. */
function permissiveFault(view: EntryView, entry: ConfigEntry): Fault {
  if (textOf(entry['MutualTLSMode']) !== 'permissive') return null;
  if (view.get('mesh', 'mesh')?.['AllowEnablingPermissiveMutualTLS'] === true) return null;
  return 'cannot set MutualTLSMode=permissive because AllowEnablingPermissiveMutualTLS=false in the mesh config entry';
}

/** What is outside of the mesh has no instances that subsets could be made of. */
function externalFault(view: EntryView, entry: ConfigEntry): Fault {
  const isExternal = textOf(view.get('service-defaults', entry.Name)?.['ExternalSNI']) !== '';
  if (!isExternal || Object.keys(recordOf(entry['Subsets'])).length === 0) return null;
  return `service ${quote(entry.Name)} has an external SNI set; cannot define subsets for external services`;
}

/** Names of the providers of tokens that an intention needs. */
export function providersOf(entry: ConfigEntry): string[] {
  const permissions = recordsOf(entry['Sources']).flatMap((source) => recordsOf(source['Permissions']));
  const requirements = [entry, ...permissions].map((holder) => recordOf(holder['JWT']));
  const names = requirements.flatMap((jwt) => recordsOf(jwt['Providers'])).map((p) => textOf(p['Name']));
  return [...new Set(names)];
}

function providersFault(view: EntryView, entry: ConfigEntry): Fault {
  const missing = providersOf(entry).filter((name) => view.get('jwt-provider', name) === null);
  return several(missing.map((name) => `Referenced JWT Provider does not exist. Provider Name: ${name}`));
}

/** Why an entry cannot be written beside those that are there; null when it can. Source: answers of the reference. */
export function referenceFault(view: EntryView, entry: ConfigEntry): Fault {
  switch (entry.Kind) {
    case 'service-defaults':
    case 'proxy-defaults':
      return permissiveFault(view, entry);
    case 'service-resolver':
      return externalFault(view, entry);
    case 'service-intentions':
      return providersFault(view, entry);
    default:
      return null;
  }
}
