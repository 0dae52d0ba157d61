import type { ConfigEntry } from '@proconsul/schema';
import {
  type Fault,
  type Fields,
  firstFault,
  isSet,
  numberOf,
  PROTOCOLS,
  quote,
  recordOf,
  recordsOf,
  textOf,
  textsOf,
} from '@proconsul/store';
import { tlsFault } from './tls-faults.ts';

export function ingressFault(entry: ConfigEntry): Fault {
  const fault = tlsFault(recordOf(entry['TLS']));
  if (fault !== null) return fault;
  const ports = new Set<number>();
  for (const listener of recordsOf(entry['Listeners'])) {
    const port = numberOf(listener['Port']);
    if (ports.has(port)) return `port ${port} declared on two listeners`;
    ports.add(port);
    const bad = listenerFault(listener, port);
    if (bad !== null) return bad;
  }
  return null;
}

function listenerFault(listener: Fields, port: number): Fault {
  const protocol = textOf(listener['Protocol']);
  const services = recordsOf(listener['Services']);
  const at = `(listener on port ${port})`;
  if (!PROTOCOLS.has(protocol)) {
    return `protocol must be 'tcp', 'http', 'http2', or 'grpc'. '${protocol}' is an unsupported protocol`;
  }
  if (services.length === 0) return `No service declared for listener with port ${port}`;
  if (protocol === 'tcp' && services.length > 1) {
    return `Multiple services per listener are only supported for L7 protocols, 'http', 'grpc' and 'http2' ${at}`;
  }
  const names = new Set<string>();
  const hosts = new Set<string>();
  for (const service of services) {
    const name = textOf(service['Name']);
    if (names.has(name)) return `Service ${name} cannot be added multiple times ${at}`;
    names.add(name);
    const fault = firstFault(
      () => listedServiceFault(name, textsOf(service['Hosts']), protocol, at),
      () => hostsFault(textsOf(service['Hosts']), hosts, at),
    );
    if (fault !== null) return fault;
  }
  return tlsFault(recordOf(listener['TLS']));
}

function listedServiceFault(name: string, hosts: readonly string[], protocol: string, at: string): Fault {
  if (name === '') return `Service name cannot be blank ${at}`;
  if (name === '*' && protocol !== 'http') return `Wildcard service name is only valid for protocol = 'http' ${at}`;
  if (name === '*' && hosts.length > 0) return `Associating hosts to a wildcard service is not supported ${at}`;
  if (protocol === 'tcp' && hosts.length > 0) {
    return `Associating hosts to a service is not supported for the tcp protocol ${at}`;
  }
  return null;
}

function hostsFault(hosts: readonly string[], seen: Set<string>, at: string): Fault {
  for (const host of hosts) {
    if (seen.has(host)) return `Hosts must be unique within a specific listener ${at}`;
    seen.add(host);
    const fault = hostFault(host);
    if (fault !== null) return fault;
  }
  return null;
}

const LABELS = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/;

function hostFault(host: string): Fault {
  const rest = host.startsWith('*.') ? host.slice(2) : host;
  if (rest.includes('*') && host !== '*') {
    return `Host ${quote(host)} is not valid, a wildcard specifier is only allowed as the leftmost label`;
  }
  return host === '*' || LABELS.test(rest) ? null : `Host ${quote(host)} is not valid`;
}

export function terminatingFault(entry: ConfigEntry): Fault {
  const seen = new Set<string>();
  for (const service of recordsOf(entry['Services'])) {
    const name = textOf(service['Name']);
    if (name === '') return 'Service name cannot be blank.';
    if (seen.has(name)) return `Service ${quote(name)} was specified more than once within a namespace`;
    seen.add(name);
    const certificate = isSet(service, 'CertFile');
    if (certificate !== isSet(service, 'KeyFile') || (certificate && !isSet(service, 'CAFile'))) {
      return `Service ${quote(name)} must have a CertFile, CAFile, and KeyFile specified for TLS origination`;
    }
  }
  return null;
}

const LISTENER_NAME = /^[A-Za-z0-9-]+$/;
const PORT_MAX = 65535;
const CERTIFICATE_KINDS: ReadonlySet<string> = new Set(['inline-certificate', 'file-system-certificate']);

export function apiGatewayFault(entry: ConfigEntry): Fault {
  const listeners = recordsOf(entry['Listeners']);
  if (listeners.length === 0) return 'api gateway must have at least one listener';
  const names = new Set<string>();
  for (const listener of listeners) {
    const name = textOf(listener['Name']);
    if (names.has(name)) return `found multiple listeners with the name ${quote(name)}`;
    names.add(name);
  }
  return firstFault(...listeners.map((listener) => () => apiListenerFault(listener)));
}

function apiListenerFault(listener: Fields): Fault {
  const name = textOf(listener['Name']);
  const protocol = textOf(listener['Protocol']);
  const port = numberOf(listener['Port']);
  const tls = recordOf(listener['TLS']);
  if (!LISTENER_NAME.test(name)) {
    return `listener name ${quote(name)} is invalid, must be at least 1 character and contain only letters, numbers, or dashes`;
  }
  if (protocol !== 'tcp' && protocol !== 'http') {
    return `unsupported listener protocol ${quote(protocol)}, must be one of 'tcp', or 'http'`;
  }
  if (protocol === 'tcp' && isSet(listener, 'Hostname')) {
    return 'hostname specification is not supported when using TCP';
  }
  if (port < 1 || port > PORT_MAX) return `listener port ${port} not in the range 1-65535`;
  for (const certificate of recordsOf(tls['Certificates'])) {
    const kind = textOf(certificate['Kind']);
    if (CERTIFICATE_KINDS.has(kind)) continue;
    return `unsupported certificate kind: ${quote(kind)}, must be 'file-system-certificate' or 'inline-certificate'`;
  }
  return tlsFault({ ...tls, TLSMinVersion: tls['MinVersion'], TLSMaxVersion: tls['MaxVersion'] });
}

function parentFault(entry: ConfigEntry): Fault {
  for (const parent of recordsOf(entry['Parents'])) {
    const kind = textOf(parent['Kind']);
    if (kind !== 'api-gateway') return `unsupported parent kind: ${quote(kind)}, must be 'api-gateway'`;
  }
  return null;
}

const HTTP_METHODS: ReadonlySet<string> = new Set([
  '',
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'TRACE',
]);

export function httpRouteFault(entry: ConfigEntry): Fault {
  const fault = parentFault(entry);
  if (fault !== null) return fault;
  for (const host of textsOf(entry['Hostnames'])) {
    if (!LABELS.test(host.startsWith('*.') ? host.slice(2) : host)) {
      return `host ${quote(host)} must be a valid DNS hostname`;
    }
  }
  for (const [i, rule] of recordsOf(entry['Rules']).entries()) {
    for (const [j, match] of recordsOf(rule['Matches']).entries()) {
      const method = textOf(match['Method']);
      if (HTTP_METHODS.has(method)) continue;
      return `Rule[${i}], Match[${j}], Method contains an invalid method ${quote(method)}`;
    }
  }
  return null;
}

export function tcpRouteFault(entry: ConfigEntry): Fault {
  if (recordsOf(entry['Services']).length > 1) return 'tcp-route currently only supports one service';
  return parentFault(entry);
}
