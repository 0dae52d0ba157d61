import type { SettingType } from './setting.ts';
import { settings } from './settings.ts';

/** What a value may be, as the decoder checks it. */
export type Shape =
  | { readonly kind: 'string' | 'bool' | 'int' | 'uint' | 'uint32' | 'uint64' | 'float64' | 'any' | 'entry' }
  | { readonly kind: 'slice'; readonly of: Shape }
  | { readonly kind: 'map'; readonly of: Shape }
  | StructShape;

export interface StructShape {
  readonly kind: 'struct';
  /** In alphabetical order, which is the order of Consul's messages. */
  readonly fields: ReadonlyMap<string, Shape>;
  /** Other names of fields, with the field each one means. */
  readonly aliases: ReadonlyMap<string, string>;
}

export const STRING: Shape = { kind: 'string' };
export const BOOL: Shape = { kind: 'bool' };
export const INT: Shape = { kind: 'int' };
const FLOAT: Shape = { kind: 'float64' };
const ANY: Shape = { kind: 'any' };
const STRINGS: Shape = { kind: 'slice', of: STRING };
const STRING_MAP: Shape = { kind: 'map', of: STRING };
const ANY_MAP: Shape = { kind: 'map', of: ANY };

function struct(fields: Readonly<Record<string, Shape>>, aliases: Readonly<Record<string, string>> = {}): StructShape {
  const sorted = Object.keys(fields).sort();
  return {
    kind: 'struct',
    fields: new Map(sorted.map((name) => [name, fields[name] as Shape])),
    aliases: new Map(Object.entries(aliases)),
  };
}

const slice = (of: Shape): Shape => ({ kind: 'slice', of });

const CHECK_FIELDS = {
  id: STRING,
  name: STRING,
  notes: STRING,
  service_id: STRING,
  token: STRING,
  status: STRING,
  args: STRINGS,
  http: STRING,
  header: { kind: 'map', of: STRINGS },
  method: STRING,
  body: STRING,
  disable_redirects: BOOL,
  output_max_size: INT,
  tcp: STRING,
  tcp_use_tls: BOOL,
  udp: STRING,
  interval: STRING,
  docker_container_id: STRING,
  shell: STRING,
  grpc: STRING,
  grpc_use_tls: BOOL,
  tls_server_name: STRING,
  tls_skip_verify: BOOL,
  alias_node: STRING,
  alias_service: STRING,
  timeout: STRING,
  ttl: STRING,
  h2ping: STRING,
  h2ping_use_tls: BOOL,
  os_service: STRING,
  success_before_passing: INT,
  failures_before_warning: INT,
  failures_before_critical: INT,
  deregister_critical_service_after: STRING,
} as const satisfies Record<string, Shape>;

/** A check, with the names without underscores that old files use. */
export const CHECK = struct(CHECK_FIELDS, {
  serviceid: 'service_id',
  scriptargs: 'args',
  dockercontainerid: 'docker_container_id',
  tlsskipverify: 'tls_skip_verify',
  deregistercriticalserviceafter: 'deregister_critical_service_after',
});

const MESH_GATEWAY = struct({ mode: STRING });

const UPSTREAM = struct({
  destination_type: STRING,
  destination_namespace: STRING,
  destination_partition: STRING,
  destination_peer: STRING,
  destination_name: STRING,
  datacenter: STRING,
  local_bind_address: STRING,
  local_bind_port: INT,
  local_bind_socket_path: STRING,
  local_bind_socket_mode: STRING,
  config: ANY_MAP,
  mesh_gateway: MESH_GATEWAY,
});

const EXPOSE = struct({
  checks: BOOL,
  port: INT,
  paths: slice(struct({ listener_port: INT, path: STRING, local_path_port: INT, protocol: STRING })),
});

const PROXY = struct({
  destination_service_name: STRING,
  destination_service_id: STRING,
  local_service_address: STRING,
  local_service_port: INT,
  local_service_socket_path: STRING,
  mode: STRING,
  transparent_proxy: struct({ outbound_listener_port: INT, dialed_directly: BOOL }),
  config: ANY_MAP,
  upstreams: slice(UPSTREAM),
  mesh_gateway: MESH_GATEWAY,
  expose: EXPOSE,
  envoy_extensions: slice(struct({ name: STRING, required: BOOL, arguments: ANY_MAP })),
});

const SERVICE_FIELDS = {
  kind: STRING,
  id: STRING,
  name: STRING,
  tags: STRINGS,
  address: STRING,
  tagged_addresses: { kind: 'map', of: struct({ address: STRING, port: INT }) },
  meta: STRING_MAP,
  port: INT,
  socket_path: STRING,
  check: CHECK,
  checks: slice(CHECK),
  token: STRING,
  weights: struct({ passing: INT, warning: INT }),
  enable_tag_override: BOOL,
  proxy: PROXY,
  locality: struct({ region: STRING, zone: STRING }),
} as const satisfies Record<string, Shape>;

/** How deep `sidecar_service` may hold another one. One is refused with a text of its own, so two are decoded. */
const SIDECAR_DEPTH = 3;

function serviceShape(depth: number): StructShape {
  const sidecar: Record<string, Shape> = depth > 0 ? { sidecar_service: serviceShape(depth - 1) } : {};
  return struct({ ...SERVICE_FIELDS, connect: struct({ native: BOOL, ...sidecar }) });
}

export const SERVICE = serviceShape(SIDECAR_DEPTH);

const AUDIT_SINK = struct({
  type: STRING,
  format: STRING,
  path: STRING,
  delivery_guarantee: STRING,
  mode: STRING,
  name: STRING,
  rotate_bytes: INT,
  rotate_duration: STRING,
  rotate_max_files: INT,
});

const SEGMENT = struct({ advertise: STRING, bind: STRING, name: STRING, port: INT, rpc_listener: BOOL });

export const SHAPES: Readonly<Record<SettingType, Shape>> = {
  string: STRING,
  bool: BOOL,
  int: INT,
  uint: { kind: 'uint' },
  uint32: { kind: 'uint32' },
  uint64: { kind: 'uint64' },
  anything: ANY,
  float: FLOAT,
  duration: STRING,
  list: STRINGS,
  map: STRING_MAP,
  durationMap: STRING_MAP,
  any: ANY_MAP,
  anyList: slice(ANY_MAP),
  entries: slice({ kind: 'map', of: { kind: 'entry' } }),
  addHeaders: slice(struct({ name: STRING, value: STRING })),
  mspTokens: slice(struct({ accessor_id: STRING, secret_id: STRING })),
  segments: slice(SEGMENT),
  auditSinks: { kind: 'map', of: AUDIT_SINK },
  raftBoltdb: struct({ nofreelistsync: BOOL }),
  service: SERVICE,
  services: slice(SERVICE),
  check: CHECK,
  checks: slice(CHECK),
};

interface Branch {
  [name: string]: Branch | Shape;
}

/** The shape of a whole file, made from the table of settings. */
export const CONFIG: StructShape = configShape();

function configShape(): StructShape {
  const root: Branch = {};
  const aliases: Record<string, string> = {};
  for (const { key, type, alias } of settings) {
    const path = key.split('.');
    const name = path.pop()!;
    let branch = root;
    for (const part of path) {
      branch[part] ??= {};
      branch = branch[part] as Branch;
    }
    branch[name] = SHAPES[type];
    if (alias !== undefined) aliases[alias] = name;
  }
  return branchShape(root, aliases);
}

function branchShape(branch: Branch, aliases: Readonly<Record<string, string>> = {}): StructShape {
  const fields = Object.entries(branch).map(([name, value]): [string, Shape] => [
    name,
    isShape(value) ? value : branchShape(value),
  ]);
  return struct(Object.fromEntries(fields), aliases);
}

function isShape(value: Branch | Shape): value is Shape {
  return typeof value.kind === 'string';
}
