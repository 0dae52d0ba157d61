import type {
  CheckDefinition as FileCheck,
  CheckType as FileCheckType,
  ServiceDefinition as FileService,
} from '@proconsul/config';
import {
  CheckDefinition,
  CheckType,
  ConnectProxyConfig,
  EnvoyExtension,
  ServiceDefinition,
  SidecarDefinition,
  Upstream,
} from '@proconsul/schema';

// Files and the API describe the same things; only the API's structures go on from here.

const orNull = <T>(list: readonly T[]): readonly T[] | null => (list.length === 0 ? null : list);
const mapOrNull = <T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> | null =>
  Object.keys(map).length === 0 ? null : map;

function checkFields(c: FileCheckType) {
  return { ...c, ScriptArgs: orNull(c.ScriptArgs), Header: mapOrNull(c.Header) };
}

export function checkFromFile(c: FileCheck): CheckDefinition {
  const { Namespace: _n, Partition: _p, ...rest } = c;
  return CheckDefinition.make({ ...rest, ...pick(checkFields(c)) });
}

/** Only the members that both structures have. */
function pick(fields: ReturnType<typeof checkFields>) {
  const { Name, Notes, Status, ScriptArgs, Header, ...rest } = fields as ReturnType<typeof checkFields> &
    Record<string, unknown>;
  const out: Record<string, unknown> = { Name, Notes, Status, ScriptArgs, Header };
  for (const name of CheckType.fieldNames) if (name in rest) out[name] = rest[name];
  return out as Partial<CheckType>;
}

function serviceChecks(service: FileService): readonly CheckType[] | null {
  return orNull(service.Checks.map((c) => CheckType.make({ ...pick(checkFields(c)), CheckID: c.CheckID })));
}

function proxy(p: NonNullable<FileService['Proxy']>): ConnectProxyConfig {
  return ConnectProxyConfig.make({
    ...p,
    Config: mapOrNull(p.Config),
    Upstreams: orNull(p.Upstreams.map((u) => Upstream.make({ ...u, Config: mapOrNull(u.Config) }))),
    Expose: { Checks: p.Expose.Checks, Paths: orNull(p.Expose.Paths.map((x) => ({ ...x, ParsedFromCheck: false }))) },
    EnvoyExtensions: orNull(p.EnvoyExtensions.map((e) => EnvoyExtension.make(e))),
  });
}

function common(s: FileService) {
  return {
    Kind: s.Kind,
    ID: s.ID,
    Name: s.Name,
    Tags: orNull(s.Tags),
    Address: s.Address,
    TaggedAddresses: mapOrNull(s.TaggedAddresses),
    Meta: mapOrNull(s.Meta),
    Port: s.Port,
    SocketPath: s.SocketPath,
    Checks: serviceChecks(s),
    Weights: s.Weights,
    Token: s.Token,
    EnableTagOverride: s.EnableTagOverride,
    Locality: s.Locality ?? null,
    Proxy: s.Proxy === undefined ? null : proxy(s.Proxy),
  };
}

export function serviceFromFile(s: FileService): ServiceDefinition {
  const sidecar = s.Connect?.SidecarService;
  const Connect =
    s.Connect === undefined
      ? null
      : {
          Native: s.Connect.Native,
          SidecarService: sidecar === undefined ? null : SidecarDefinition.make(common(sidecar)),
        };
  return ServiceDefinition.make({ ...common(s), Connect });
}
