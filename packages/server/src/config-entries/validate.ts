import { EndpointError, invalid } from '@proconsul/endpoints';
import type { ConfigEntry } from '@proconsul/schema';
import { type Fault, intentionsFault, quote } from '@proconsul/store';
import { apiGatewayFault, httpRouteFault, ingressFault, tcpRouteFault, terminatingFault } from './gateway-faults.ts';
import { exportedServicesFault, inlineCertificateFault, jwtProviderFault } from './other-faults.ts';
import { resolverFault, routerFault, splitterFault } from './routing-faults.ts';
import { proxyDefaultsFault, serviceDefaultsFault } from './service-faults.ts';
import { meshFault } from './tls-faults.ts';

/** Names that a kind has only one of. */
const ONLY_NAME: Readonly<Record<string, string>> = {
  'proxy-defaults': 'global',
  mesh: 'mesh',
  'exported-services': 'default',
};

const FAULTS: Readonly<Record<string, (entry: ConfigEntry) => Fault>> = {
  'service-defaults': serviceDefaultsFault,
  'proxy-defaults': proxyDefaultsFault,
  'service-splitter': splitterFault,
  'service-router': routerFault,
  'service-resolver': resolverFault,
  'service-intentions': intentionsFault,
  'ingress-gateway': ingressFault,
  'terminating-gateway': terminatingFault,
  'exported-services': exportedServicesFault,
  'api-gateway': apiGatewayFault,
  'http-route': httpRouteFault,
  'tcp-route': tcpRouteFault,
  'jwt-provider': jwtProviderFault,
  'inline-certificate': inlineCertificateFault,
  mesh: meshFault,
};

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

function nameFault({ Kind, Name }: ConfigEntry): Fault {
  const only = ONLY_NAME[Kind];
  if (only === undefined) return Name === '' ? 'Name is required' : null;
  if (Name === only) return null;
  if (Kind === 'exported-services') return `exported-services Name must be "${only}"`;
  return `invalid name (${quote(Name)}), only "${only}" is supported`;
}
