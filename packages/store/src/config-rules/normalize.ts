import type { ConfigEntry } from '@proconsul/schema';
import { type Fields, numberOf, recordOf, recordsOf, textOf } from './fields.ts';

const lower = (value: unknown): string => textOf(value).toLowerCase();

/** Exact names before wildcards; exact destinations before wildcard ones. Source: intention precedence documentation. */
export function precedenceOf(source: string, destination: string): number {
  if (destination === '*') return source === '*' ? 5 : 6;
  return source === '*' ? 8 : 9;
}

type Normalizer = (entry: ConfigEntry) => Fields;

function intentions(entry: ConfigEntry): Fields {
  const sources = recordsOf(entry['Sources']).map((source) => ({
    ...source,
    Type: textOf(source['Type']) || 'consul',
    Precedence: precedenceOf(textOf(source['Name']), entry.Name),
    ...(Array.isArray(source['Permissions']) ? { Permissions: recordsOf(source['Permissions']).map(permission) } : {}),
  }));
  sources.sort((a, b) => b.Precedence - a.Precedence);
  return { Sources: sources };
}

function permission(given: Fields): Fields {
  if (given['HTTP'] == null) return given;
  return { ...given, HTTP: upperMethods(recordOf(given['HTTP'])) };
}

function upperMethods(http: Fields): Fields {
  const methods = http['Methods'];
  return Array.isArray(methods) ? { ...http, Methods: methods.map((m) => textOf(m).toUpperCase()) } : http;
}

function router(entry: ConfigEntry): Fields {
  if (!Array.isArray(entry['Routes'])) return {};
  return {
    Routes: recordsOf(entry['Routes']).map((route) => {
      const http = recordOf(route['Match'])['HTTP'];
      return http == null
        ? route
        : { ...route, Match: { ...recordOf(route['Match']), HTTP: upperMethods(recordOf(http)) } };
    }),
  };
}

function ingress(entry: ConfigEntry): Fields {
  if (!Array.isArray(entry['Listeners'])) return {};
  return {
    Listeners: recordsOf(entry['Listeners']).map((listener) => ({
      ...listener,
      Protocol: lower(listener['Protocol']) || 'tcp',
    })),
  };
}

/** Namespaces are of another edition: what is said about them is dropped. */
function exportedServices(entry: ConfigEntry): Fields {
  if (!Array.isArray(entry['Services'])) return {};
  return { Services: recordsOf(entry['Services']).map(({ Namespace: _, ...service }) => service) };
}

function apiGateway(entry: ConfigEntry): Fields {
  if (!Array.isArray(entry['Listeners'])) return {};
  return {
    Listeners: recordsOf(entry['Listeners']).map((listener) => {
      const tls = recordOf(listener['TLS']);
      const Certificates = recordsOf(tls['Certificates']).map((c) => ({
        ...c,
        Kind: textOf(c['Kind']) || 'inline-certificate',
      }));
      const TLS = Array.isArray(tls['Certificates']) ? { TLS: { ...tls, Certificates } } : {};
      return { ...listener, Protocol: lower(listener['Protocol']), ...TLS };
    }),
  };
}

function httpRoute(entry: ConfigEntry): Fields {
  if (!Array.isArray(entry['Rules'])) return parents(entry);
  const Rules = recordsOf(entry['Rules']).map((rule) => ({
    ...rule,
    ...(Array.isArray(rule['Matches']) ? { Matches: recordsOf(rule['Matches']).map(httpMatch) } : {}),
    ...(Array.isArray(rule['Services']) ? { Services: recordsOf(rule['Services']).map(weighted) } : {}),
  }));
  return { ...parents(entry), Rules };
}

const weighted = (service: Fields): Fields => ({ ...service, Weight: numberOf(service['Weight']) || 1 });

function httpMatch(match: Fields): Fields {
  const given = recordOf(match['Path']);
  const Match = textOf(given['Match']);
  const Path = Match === '' ? { Match: 'prefix', Value: '/' } : given;
  return { ...match, Path, Method: textOf(match['Method']).toUpperCase() };
}

function parents(entry: ConfigEntry): Fields {
  if (!Array.isArray(entry['Parents'])) return {};
  return { Parents: recordsOf(entry['Parents']).map((p) => ({ ...p, Kind: textOf(p['Kind']) || 'api-gateway' })) };
}

const NORMALIZERS: Readonly<Record<string, Normalizer>> = {
  'service-defaults': (entry) => ('Protocol' in entry ? { Protocol: lower(entry['Protocol']) } : {}),
  'proxy-defaults': (entry) => (entry.Name === '' ? { Name: 'global' } : {}),
  mesh: () => ({ Name: 'mesh' }),
  'exported-services': exportedServices,
  'service-intentions': intentions,
  'service-router': router,
  'ingress-gateway': ingress,
  'api-gateway': apiGateway,
  'http-route': httpRoute,
  'tcp-route': parents,
  'jwt-provider': (entry) => (numberOf(entry['ClockSkewSeconds']) === 0 ? { ClockSkewSeconds: 30 } : {}),
};

/** Fills in what every stored entry has: defaults, spelling, order. Source: recorded answers for each kind. */
export function normalizeEntry(entry: ConfigEntry): ConfigEntry {
  const changes = NORMALIZERS[entry.Kind]?.(entry) ?? {};
  return { ...entry, ...changes };
}
