/** What both forms of a check begin with. */
const CHECK: readonly string[] = [
  'Interval interface {}',
  'Timeout interface {}',
  'TTL interface {}',
  'DeregisterCriticalServiceAfter interface {}',
  'Args []string args',
  'ScriptArgsSnake []string script_args',
  'DeregisterCriticalServiceAfterSnake interface {} deregister_critical_service_after',
  'DockerContainerIDSnake string docker_container_id',
  'TLSServerNameSnake string tls_server_name',
  'TLSSkipVerifySnake bool tls_skip_verify',
  'TCPUseTLSSnake bool tcp_use_tls',
  'GRPCUseTLSSnake bool grpc_use_tls',
];

/**
 * The types that error texts print for structures which decode themselves: their own fields, and the rest through an alias. A row is a name, a
 * type, and the name in JSON where it differs. Source: answers of the reference.
 */
const ALIASED: Readonly<Record<string, readonly string[]>> = {
  CheckType: [
    ...CHECK,
    'H2PingUseTLSSnake bool h2ping_use_tls',
    'ServiceID string ServiceID',
    'ServiceIDSnake string service_id',
  ],
  ConnectProxyConfig: [
    'DestinationServiceNameSnake string destination_service_name',
    'DestinationServiceIDSnake string destination_service_id',
    'LocalServiceAddressSnake string local_service_address',
    'LocalServicePortSnake int local_service_port',
    'LocalServiceSocketPathSnake string local_service_socket_path',
    'MeshGatewaySnake structs.MeshGatewayConfig mesh_gateway',
    'TransparentProxySnake structs.TransparentProxyConfig transparent_proxy',
    'AccessLogsSnake structs.AccessLogsConfig access_logs',
  ],
  ServiceConnect: ['SidecarServiceSnake *structs.ServiceDefinition sidecar_service'],
  ServiceDefinition: [
    'EnableTagOverrideSnake bool enable_tag_override',
    'TaggedAddressesSnake map[string]structs.ServiceAddress tagged_addresses',
  ],
  Upstream: [
    'DestinationTypeSnake string destination_type',
    'DestinationPartitionSnake string destination_partition',
    'DestinationNamespaceSnake string destination_namespace',
    'DestinationPeerSnake string destination_peer',
    'DestinationNameSnake string destination_name',
    'LocalBindAddressSnake string local_bind_address',
    'LocalBindPortSnake int local_bind_port',
    'LocalBindSocketPathSnake string local_bind_socket_path',
    'LocalBindSocketModeSnake string local_bind_socket_mode',
    'MeshGatewaySnake structs.MeshGatewayConfig mesh_gateway',
  ],
  ExposePath: [
    'ListenerPortSnake int listener_port',
    'LocalPathPortSnake int local_path_port',
    'ParsedFromCheckSnake bool parsed_from_check',
  ],
  CheckDefinition: [
    ...CHECK,
    'ServiceIDSnake string service_id',
    'H2PingUseTLSSnake bool h2ping_use_tls',
    'DisableRedirectsSnake bool disable_redirects',
  ],
  HealthCheckDefinition: [
    'Interval interface {}',
    'Timeout interface {}',
    'DeregisterCriticalServiceAfter interface {}',
    'TTL interface {}',
  ],
  'api.HealthCheckDefinition': [
    'IntervalDuration interface {}',
    'TimeoutDuration interface {}',
    'DeregisterCriticalServiceAfterDuration interface {}',
  ],
  DeregisterRequest: ['Address string'],
};

/** The type of a structure as error texts print it; undefined where that is just its name. */
export function aliasedGoType(structName: string): string | undefined {
  const rows = ALIASED[structName];
  if (rows === undefined) return undefined;
  const fields = rows.map((row) => {
    const at = /^(\w+) (.*?)(?: ([a-z_]+|ServiceID))?$/.exec(row) as RegExpExecArray;
    return at[3] === undefined ? row : `${at[1]} ${at[2]} "json:\\"${at[3]}\\""`;
  });
  return `struct { ${[...fields, '*structs.Alias'].join('; ')} }`;
}
