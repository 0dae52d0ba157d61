import type { ConnectProxyConfig, NodeService } from '@proconsul/schema';
import {
  HASH_NIL,
  type Hash64,
  hashBool,
  hashInt,
  hashJson,
  hashList,
  hashMap,
  hashStruct,
  hashText,
} from './structural-hash.ts';

const known = new WeakMap<NodeService, string>();

/**
 * The `ContentHash` of a service that an agent owns: lower-case hexadecimal without leading zeros.
 * The hash of the service as the client library's `AgentService` holds it, without the locality and the datacenter.
 * Source: the client library's documented structures; hashes answered by agents.
 */
export function serviceContentHash(service: NodeService): string {
  let hash = known.get(service);
  if (hash === undefined) {
    hash = hashService(service).toString(16);
    known.set(service, hash);
  }
  return hash;
}

/** Only these show their proxy configuration. */
export const showsProxy = (kind: string): boolean => kind === 'connect-proxy' || kind.endsWith('-gateway');

function hashService(s: NodeService): Hash64 {
  return hashStruct('AgentService', {
    Kind: hashText(s.Kind),
    ID: hashText(s.ID),
    Service: hashText(s.Service),
    Tags: hashList((s.Tags ?? []).map(hashText)),
    Meta: hashMap(Object.entries(s.Meta ?? {}).map(([k, v]) => [k, hashText(v)] as const)),
    Port: hashInt(s.Port),
    Address: hashText(s.Address),
    SocketPath: hashText(s.SocketPath),
    TaggedAddresses: hashMap(
      Object.entries(s.TaggedAddresses ?? {}).map(
        ([k, v]) => [k, hashStruct('ServiceAddress', { Address: hashText(v.Address), Port: hashInt(v.Port) })] as const,
      ),
    ),
    Weights: hashStruct('AgentWeights', {
      Passing: hashInt(s.Weights?.Passing ?? 1),
      Warning: hashInt(s.Weights?.Warning ?? 1),
    }),
    EnableTagOverride: hashBool(s.EnableTagOverride),
    CreateIndex: hashInt(0),
    ModifyIndex: hashInt(0),
    ContentHash: hashText(''),
    Proxy: showsProxy(s.Kind) ? hashProxy(s.Proxy) : HASH_NIL,
    Connect: s.Connect.Native
      ? hashStruct('AgentServiceConnect', { Native: hashBool(true), SidecarService: HASH_NIL })
      : HASH_NIL,
    PeerName: hashText(s.PeerName),
  });
}

const hashMeshGateway = (mode: string): Hash64 => hashStruct('MeshGatewayConfig', { Mode: hashText(mode) });

function hashProxy(p: ConnectProxyConfig): Hash64 {
  const { TransparentProxy: t, AccessLogs: logs } = p;
  const transparent = t.OutboundListenerPort !== 0 || t.DialedDirectly;
  const logging = Object.values(logs).some((v) => v !== '' && v !== false);
  return hashStruct('AgentServiceConnectProxyConfig', {
    EnvoyExtensions: hashList((p.EnvoyExtensions ?? []).map(hashExtension)),
    DestinationServiceName: hashText(p.DestinationServiceName),
    DestinationServiceID: hashText(p.DestinationServiceID),
    LocalServiceAddress: hashText(p.LocalServiceAddress),
    LocalServicePort: hashInt(p.LocalServicePort),
    LocalServiceSocketPath: hashText(p.LocalServiceSocketPath),
    Mode: hashText(p.Mode),
    TransparentProxy: transparent
      ? hashStruct('TransparentProxyConfig', {
          OutboundListenerPort: hashInt(t.OutboundListenerPort),
          DialedDirectly: hashBool(t.DialedDirectly),
        })
      : HASH_NIL,
    Config: hashJson(p.Config ?? {}),
    Upstreams: hashList((p.Upstreams ?? []).map(hashUpstream)),
    MeshGateway: hashMeshGateway(p.MeshGateway.Mode),
    Expose: hashExpose(p.Expose),
    AccessLogs: logging
      ? hashStruct('AccessLogsConfig', {
          Enabled: hashBool(logs.Enabled),
          DisableListenerLogs: hashBool(logs.DisableListenerLogs),
          Type: hashText(logs.Type),
          Path: hashText(logs.Path),
          JSONFormat: hashText(logs.JSONFormat),
          TextFormat: hashText(logs.TextFormat),
        })
      : HASH_NIL,
  });
}

type Item<T extends readonly unknown[] | null> = NonNullable<T>[number];

function hashUpstream(u: Item<ConnectProxyConfig['Upstreams']>): Hash64 {
  return hashStruct('Upstream', {
    DestinationType: hashText(u.DestinationType),
    DestinationPartition: hashText(u.DestinationPartition),
    DestinationNamespace: hashText(u.DestinationNamespace),
    DestinationPeer: hashText(u.DestinationPeer),
    DestinationName: hashText(u.DestinationName),
    Datacenter: hashText(u.Datacenter),
    LocalBindAddress: hashText(u.LocalBindAddress),
    LocalBindPort: hashInt(u.LocalBindPort),
    LocalBindSocketPath: hashText(u.LocalBindSocketPath),
    LocalBindSocketMode: hashText(u.LocalBindSocketMode),
    Config: hashJson(u.Config ?? {}),
    MeshGateway: hashMeshGateway(u.MeshGateway.Mode),
    CentrallyConfigured: hashBool(u.CentrallyConfigured),
  });
}

function hashExpose(e: ConnectProxyConfig['Expose']): Hash64 {
  const paths = (e.Paths ?? []).map((path) =>
    hashStruct('ExposePath', {
      ListenerPort: hashInt(path.ListenerPort),
      Path: hashText(path.Path),
      LocalPathPort: hashInt(path.LocalPathPort),
      Protocol: hashText(path.Protocol),
      ParsedFromCheck: hashBool(path.ParsedFromCheck),
    }),
  );
  return hashStruct('ExposeConfig', { Checks: hashBool(e.Checks), Paths: hashList(paths) });
}

function hashExtension(e: Item<ConnectProxyConfig['EnvoyExtensions']>): Hash64 {
  return hashStruct('EnvoyExtension', {
    Name: hashText(e.Name),
    Required: hashBool(e.Required),
    Arguments: hashJson(e.Arguments ?? {}),
    ConsulVersion: hashText(e.ConsulVersion),
    EnvoyVersion: hashText(e.EnvoyVersion),
  });
}
