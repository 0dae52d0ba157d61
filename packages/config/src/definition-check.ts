import type { CheckType, ProxyDefinition, ServiceDefinition } from './definitions.ts';
import { multiError } from './errors.ts';

/**
 * What is wrong with a check, in Consul's words; undefined when nothing is. The same rules hold for checks that are
 * registered over HTTP.
 */
export function checkError(check: CheckType): string | undefined {
  const isScript = check.ScriptArgs.length > 0;
  const needsInterval =
    isScript ||
    [check.HTTP, check.TCP, check.UDP, check.GRPC, check.H2PING, check.OSService].some((target) => target !== '');
  const isAlias = check.AliasNode !== '' || check.AliasService !== '';
  if (check.Interval > 0 && check.TTL > 0) return 'Interval and TTL cannot both be specified';
  if (needsInterval && check.Interval <= 0) {
    return 'Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks';
  }
  if (!needsInterval && !isAlias && check.TTL <= 0) return 'TTL must be > 0 for TTL checks';
  if (check.OutputMaxSize < 0) return 'MaxOutputMaxSize must be positive';
  if (check.FailuresBeforeWarning > check.FailuresBeforeCritical) {
    return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
  }
  return undefined;
}

/** What is wrong with a service definition, its checks included; undefined when nothing is. */
export function serviceError(service: ServiceDefinition): string | undefined {
  const errors = shapeErrors(service);
  if (errors.length > 0) return multiError(errors);
  for (const check of service.Checks) {
    const reason = checkError(check);
    if (reason !== undefined) return `check ${JSON.stringify(check.Name)}: ${reason}`;
  }
  return undefined;
}

function shapeErrors(service: ServiceDefinition): string[] {
  const errors: string[] = [];
  const hasListener = service.Port !== 0 || service.SocketPath !== '';
  if (service.Kind === 'connect-proxy') errors.push(...proxyErrors(service));
  if (service.Kind.endsWith('-gateway') && service.Kind !== 'api-gateway') errors.push(...gatewayErrors(service));
  if (service.Connect?.Native && !hasListener && service.Kind === '') {
    errors.push('Port or SocketPath must be set for a Connect native service.');
  }
  if (service.Locality !== undefined && service.Locality.Zone !== '' && service.Locality.Region === '') {
    errors.push('zone cannot be set without region');
  }
  return errors;
}

function proxyErrors({ Proxy: proxy, Port, SocketPath, Connect }: ServiceDefinition): string[] {
  const errors: string[] = [];
  const destination = proxy?.DestinationServiceName ?? '';
  if (Port === 0 && SocketPath === '') errors.push('Port or SocketPath must be set for a connect-proxy');
  if (destination === '') errors.push('Proxy.DestinationServiceName must be non-empty for Connect proxy services');
  if (destination === '*')
    errors.push('Proxy.DestinationServiceName must not be a wildcard for Connect proxy services');
  if (Connect?.Native) errors.push('A Proxy cannot also be Connect Native, only typical services');
  if (proxy !== undefined) errors.push(...upstreamErrors(proxy), ...exposeErrors(proxy));
  return errors;
}

function upstreamErrors({ Upstreams }: ProxyDefinition): string[] {
  const errors: string[] = [];
  const seen = new Set<string>();
  for (const upstream of Upstreams) {
    const hasListener = upstream.LocalBindPort !== 0 || upstream.LocalBindSocketPath !== '';
    if (upstream.DestinationName === '') {
      errors.push('upstream destination name cannot be empty');
      continue;
    }
    if (!hasListener) {
      errors.push('upstream local bind port or local socket path must be defined and nonzero');
      continue;
    }
    const shown = [
      ['type', upstream.DestinationType],
      ['name', upstream.DestinationName],
      ['partition', upstream.DestinationPartition],
      ['namespace', upstream.DestinationNamespace],
      ['peer', upstream.DestinationPeer],
      ['datacenter', upstream.Datacenter],
    ].map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    const key = shown.join(', ');
    if (seen.has(key)) errors.push(`upstreams cannot contain duplicates of [${key}]`);
    seen.add(key);
  }
  return errors;
}

function exposeErrors({ Expose }: ProxyDefinition): string[] {
  const errors: string[] = [];
  for (const { ListenerPort, Path, Protocol } of Expose.Paths) {
    if (ListenerPort <= 0 || ListenerPort > 65535) errors.push(`expose.paths: invalid listener port: ${ListenerPort}`);
    if (Protocol !== '' && Protocol !== 'http' && Protocol !== 'http2') {
      errors.push(`protocol '${Protocol}' not supported for path: ${Path}, must be in: [http http2]`);
    }
  }
  return errors;
}

function gatewayErrors({ Kind, Port, Proxy: proxy }: ServiceDefinition): string[] {
  const errors = Port === 0 ? [`Port must be non-zero for a ${Kind}`] : [];
  if (proxy === undefined) return errors;
  const refused: readonly (readonly [name: string, isSet: boolean])[] = [
    ['DestinationServiceName', proxy.DestinationServiceName !== ''],
    ['DestinationServiceID', proxy.DestinationServiceID !== ''],
    ['LocalServiceAddress', proxy.LocalServiceAddress !== ''],
    ['LocalServicePort', proxy.LocalServicePort !== 0],
    ['Upstreams', proxy.Upstreams.length > 0],
  ];
  for (const [name, isSet] of refused) {
    if (isSet) errors.push(`The Proxy.${name} configuration is invalid for a ${Kind}`);
  }
  return errors;
}
