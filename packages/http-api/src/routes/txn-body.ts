import {
  any,
  bool,
  bytes,
  ConnectProxyConfig,
  DecodeError,
  ExposeConfig,
  ExposePath,
  type Fields,
  HealthCheck,
  HealthCheckDefinition,
  type Infer,
  index,
  list,
  map,
  mismatch,
  Node,
  NodeService,
  named,
  pointer,
  ServiceConnect,
  type Struct,
  str,
  strictDurationText,
  struct,
  Upstream,
  uint64,
} from '@proconsul/schema';

// What a transaction's body may hold: the client library's own types, which differ from those of the other routes in names, in what
// they pass over and in what they refuse. Source: answers of the reference.

/** Read, and not looked at: clients that know more than this edition send them. */
const ignored = (...names: string[]): Fields =>
  Object.fromEntries(names.map((name) => [name, { kind: str, inputOnly: true, wire: null }]));
const tenancy = ignored('Namespace', 'Partition');

/** The body's form of a KV operation is flat; in the log the entry is a structure of its own. */
const KVTxnOp = struct('KVTxnOp', {
  Verb: named('api.KVOp'),
  Key: str,
  Value: bytes,
  Flags: uint64,
  Index: index,
  Session: str,
  ...(tenancy as Record<never, never>),
});

/** None of these decodes itself here, and none knows other spellings. */
const plain = (fields: Fields): Fields =>
  Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const { alias: _, ...rest } = 'kind' in field ? field : { kind: field };
      return [name, rest];
    }),
  );
const plainStruct = <T>(name: string, of: Struct<T>, changed: Fields = {}): Struct<T> =>
  struct(name, { ...plain(of.fields), ...changed }) as unknown as Struct<T>;
const BodyUpstream = plainStruct('Upstream', Upstream);
const BodyExpose = plainStruct('ExposeConfig', ExposeConfig, {
  Paths: { kind: list(plainStruct('ExposePath', ExposePath)) },
});
const BodyProxy = plainStruct('AgentServiceConnectProxyConfig', ConnectProxyConfig, {
  Upstreams: { kind: list(BodyUpstream) },
  Expose: BodyExpose,
});
const BodyConnect = plainStruct('AgentServiceConnect', ServiceConnect, {
  SidecarService: { kind: pointer(any), inputOnly: true, wire: null },
});
const BodyService = plainStruct('AgentService', NodeService, {
  ...{ ...tenancy, ...ignored('ContentHash', 'Datacenter') },
  ...{ Kind: { kind: named('api.ServiceKind') }, Proxy: BodyProxy, Connect: BodyConnect },
});
/** Durations that decode themselves: what is wrong with one is told before everything else. */
const duration: typeof strictDurationText = {
  ...strictDurationText,
  fromJson: (json, at) => {
    try {
      return strictDurationText.fromJson(json, at);
    } catch (error) {
      if (error instanceof DecodeError) error.aborts = true;
      throw error;
    }
  },
};
const BodyDefinition = struct(
  'api.HealthCheckDefinition',
  {
    ...{ HTTP: str, Header: map(list(str)), Method: str, Body: str, TLSServerName: str, TLSSkipVerify: bool },
    ...{ TCP: str, TCPUseTLS: bool, UDP: str, GRPC: str, OSService: str, GRPCUseTLS: bool },
    ...{ Interval: duration, Timeout: duration, DeregisterCriticalServiceAfter: duration },
  },
  { viaAlias: true, ignoresUnknown: true },
);
const { Interval: _, Timeout: __, ...checkFields } = plain(HealthCheck.fields);
const BodyCheck = struct('HealthCheck', { ...checkFields, ...tenancy, Definition: BodyDefinition });
const BodyNode = plainStruct('Node', Node, ignored('Partition'));
const NodeTxnOp = struct('NodeTxnOp', { Verb: named('api.NodeOp'), Node: BodyNode });
const ServiceTxnOp = struct('ServiceTxnOp', { Verb: named('api.ServiceOp'), Node: str, Service: BodyService });
const CheckTxnOp = struct('CheckTxnOp', { Verb: named('api.CheckOp'), Check: BodyCheck });

/** A record with what a structure has of what was given: bodies have more. */
export function kept<T>(of: Struct<T>, given: object): T {
  const known = Object.entries(given).filter(([name]) => name in of.fields);
  return of.make(Object.fromEntries(known) as Partial<T>);
}

export const checkOf = (given: Infer<typeof BodyCheck>): HealthCheck =>
  kept(HealthCheck, { ...given, Definition: kept(HealthCheckDefinition, given['Definition'] as object) });

const BodyOp = struct('TxnOp', {
  KV: pointer(KVTxnOp),
  Node: pointer(NodeTxnOp),
  Service: pointer(ServiceTxnOp),
  Check: pointer(CheckTxnOp),
});
const ops = list(BodyOp);
export const Body: typeof ops = {
  ...ops,
  fromJson: (json, at) => (Array.isArray(json) ? ops.fromJson(json, at) : mismatch(json, at, 'api.TxnOps')),
};

/** The body's types are those of the client library. */
export const BODY = {
  root: 'TxnOp',
  path: '',
  unknown: 'reject',
  typeNames: { package: 'api', renamed: { NodeService: 'AgentService', Weights: 'AgentWeights' } },
} as const;
