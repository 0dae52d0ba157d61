import type { SettingKey } from './settings.ts';

/** What a flag does apart from setting a key. */
export type FlagAction = 'files' | 'format' | 'dev' | 'hcl';

export interface FlagRow {
  readonly flag: string;
  /** The setting that the flag sets; undefined for the flags that are about configuration itself. */
  readonly key?: SettingKey;
  readonly action?: FlagAction;
  /** The word after the name in help texts; undefined for booleans. */
  readonly value?: string;
  readonly doc: string;
}

/** The flags of `agent`, in the order of help texts. Source: the usage text of the reference agent. */
export const flagTable: readonly FlagRow[] = [
  { flag: 'advertise', key: 'advertise_addr', value: 'value', doc: 'Sets the advertise address to use.' },
  {
    flag: 'advertise-wan',
    key: 'advertise_addr_wan',
    value: 'value',
    doc: 'Sets address to advertise on WAN instead of -advertise address.',
  },
  {
    flag: 'allow-write-http-from',
    key: 'http_config.allow_write_http_from',
    value: 'value',
    doc: 'Only allow write endpoint calls from given network. CIDR format, can be specified multiple times.',
  },
  { flag: 'alt-domain', key: 'alt_domain', value: 'value', doc: 'Alternate domain to use for DNS interface.' },
  {
    flag: 'auto-reload-config',
    key: 'auto_reload_config',
    doc: 'Watches config files for changes and auto reloads the files when modified.',
  },
  { flag: 'bind', key: 'bind_addr', value: 'value', doc: 'Sets the bind address for cluster communication.' },
  { flag: 'bootstrap', key: 'bootstrap', doc: 'Sets server to bootstrap mode.' },
  { flag: 'bootstrap-expect', key: 'bootstrap_expect', value: 'value', doc: 'Sets server to expect bootstrap mode.' },
  {
    flag: 'check_output_max_size',
    key: 'check_output_max_size',
    value: 'value',
    doc: 'Sets the maximum output size for checks on this agent',
  },
  {
    flag: 'client',
    key: 'client_addr',
    value: 'value',
    doc: 'Sets the address to bind for client access. This includes RPC, DNS, HTTP, HTTPS and gRPC (if configured).',
  },
  {
    flag: 'config-dir',
    action: 'files',
    value: 'value',
    doc: "Path to a directory to read configuration files from. This will read every file ending in '.json' as configuration in this directory in alphabetical order. Can be specified multiple times.",
  },
  {
    flag: 'config-file',
    action: 'files',
    value: 'value',
    doc: 'Path to a file in JSON or HCL format with a matching file extension. Can be specified multiple times.',
  },
  {
    flag: 'config-format',
    action: 'format',
    value: 'string',
    doc: "Config files are in this format irrespective of their extension. Must be 'hcl' or 'json'",
  },
  { flag: 'data-dir', key: 'data_dir', value: 'value', doc: 'Path to a data directory to store agent state.' },
  { flag: 'datacenter', key: 'datacenter', value: 'value', doc: 'Datacenter of the agent.' },
  {
    flag: 'default-query-time',
    key: 'default_query_time',
    value: 'value',
    doc: "the amount of time a blocking query will wait before Consul will force a response. This value can be overridden by the 'wait' query parameter.",
  },
  { flag: 'dev', action: 'dev', doc: 'Starts the agent in development mode.' },
  {
    flag: 'disable-host-node-id',
    key: 'disable_host_node_id',
    doc: 'Setting this to true will prevent Consul from using information from the host to generate a node ID, and will cause Consul to generate a random node ID instead.',
  },
  {
    flag: 'disable-keyring-file',
    key: 'disable_keyring_file',
    doc: 'Disables the backing up of the keyring to a file.',
  },
  { flag: 'dns-port', key: 'ports.dns', value: 'value', doc: 'DNS port to use.' },
  { flag: 'domain', key: 'domain', value: 'value', doc: 'Domain to use for DNS interface.' },
  {
    flag: 'enable-local-script-checks',
    key: 'enable_local_script_checks',
    doc: 'Enables health check scripts from configuration file.',
  },
  { flag: 'enable-script-checks', key: 'enable_script_checks', doc: 'Enables health check scripts.' },
  { flag: 'encrypt', key: 'encrypt', value: 'value', doc: 'Provides the gossip encryption key.' },
  { flag: 'grpc-port', key: 'ports.grpc', value: 'value', doc: 'Sets the gRPC API port to listen on.' },
  { flag: 'grpc-tls-port', key: 'ports.grpc_tls', value: 'value', doc: 'Sets the gRPC-TLS API port to listen on.' },
  { flag: 'hcl', action: 'hcl', value: 'value', doc: 'hcl config fragment. Can be specified multiple times.' },
  { flag: 'http-port', key: 'ports.http', value: 'value', doc: 'Sets the HTTP API port to listen on.' },
  { flag: 'https-port', key: 'ports.https', value: 'value', doc: 'Sets the HTTPS API port to listen on.' },
  {
    flag: 'join',
    key: 'start_join',
    value: 'value',
    doc: '(deprecated) An alias for -retry-join. The -join flag will be removed in a future release.',
  },
  {
    flag: 'join-wan',
    key: 'start_join_wan',
    value: 'value',
    doc: '(deprecated) An alias for -retry-join-wan. The -join-wan flag will be removed in a future release.',
  },
  { flag: 'log-file', key: 'log_file', value: 'value', doc: 'Path to the file the logs get written to' },
  { flag: 'log-json', key: 'log_json', doc: 'Output logs in JSON format.' },
  { flag: 'log-level', key: 'log_level', value: 'value', doc: 'Log level of the agent.' },
  {
    flag: 'log-rotate-bytes',
    key: 'log_rotate_bytes',
    value: 'value',
    doc: 'Maximum number of bytes that should be written to a log file',
  },
  {
    flag: 'log-rotate-duration',
    key: 'log_rotate_duration',
    value: 'value',
    doc: 'Time after which log rotation needs to be performed',
  },
  {
    flag: 'log-rotate-max-files',
    key: 'log_rotate_max_files',
    value: 'value',
    doc: 'Maximum number of log file archives to keep',
  },
  {
    flag: 'max-query-time',
    key: 'max_query_time',
    value: 'value',
    doc: 'the maximum amount of time a blocking query can wait before Consul will force a response. Consul applies jitter to the wait time. The jittered time will be capped to MaxQueryTime.',
  },
  { flag: 'node', key: 'node_name', value: 'value', doc: 'Name of this node. Must be unique in the cluster.' },
  {
    flag: 'node-id',
    key: 'node_id',
    value: 'value',
    doc: 'A unique ID for this node across space and time. Defaults to a randomly-generated ID that persists in the data-dir.',
  },
  {
    flag: 'node-meta',
    key: 'node_meta',
    value: 'key:value',
    doc: 'An arbitrary metadata key/value pair for this node, of the format `key:value`. Can be specified multiple times.',
  },
  {
    flag: 'non-voting-server',
    key: 'read_replica',
    doc: '(Enterprise-only) DEPRECATED: -read-replica should be used instead',
  },
  { flag: 'pid-file', key: 'pid_file', value: 'value', doc: 'Path to file to store agent PID.' },
  {
    flag: 'primary-gateway',
    key: 'primary_gateways',
    value: 'value',
    doc: 'Address of a mesh gateway in the primary datacenter to use to bootstrap WAN federation at start time with retries enabled. Can be specified multiple times.',
  },
  { flag: 'protocol', key: 'protocol', value: 'value', doc: 'Sets the protocol version. Defaults to latest.' },
  {
    flag: 'raft-protocol',
    key: 'raft_protocol',
    value: 'value',
    doc: 'Sets the Raft protocol version. Defaults to latest.',
  },
  {
    flag: 'read-replica',
    key: 'read_replica',
    doc: '(Enterprise-only) This flag is used to make the server not participate in the Raft quorum, and have it only receive the data replication stream. This can be used to add read scalability to a cluster in cases where a high volume of reads to servers are needed.',
  },
  {
    flag: 'recursor',
    key: 'recursors',
    value: 'value',
    doc: 'Address of an upstream DNS server. Can be specified multiple times.',
  },
  { flag: 'rejoin', key: 'rejoin_after_leave', doc: 'Ignores a previous leave and attempts to rejoin the cluster.' },
  { flag: 'retry-interval', key: 'retry_interval', value: 'value', doc: 'Time to wait between join attempts.' },
  {
    flag: 'retry-interval-wan',
    key: 'retry_interval_wan',
    value: 'value',
    doc: 'Time to wait between join -wan attempts.',
  },
  {
    flag: 'retry-join',
    key: 'retry_join',
    value: 'value',
    doc: 'Address of an agent to join at start time with retries enabled. Can be specified multiple times.',
  },
  {
    flag: 'retry-join-wan',
    key: 'retry_join_wan',
    value: 'value',
    doc: 'Address of an agent to join -wan at start time with retries enabled. Can be specified multiple times.',
  },
  {
    flag: 'retry-max',
    key: 'retry_max',
    value: 'value',
    doc: 'Maximum number of join attempts. Defaults to 0, which will retry indefinitely.',
  },
  {
    flag: 'retry-max-wan',
    key: 'retry_max_wan',
    value: 'value',
    doc: 'Maximum number of join -wan attempts. Defaults to 0, which will retry indefinitely.',
  },
  { flag: 'segment', key: 'segment', value: 'value', doc: '(Enterprise-only) Sets the network segment to join.' },
  {
    flag: 'serf-lan-allowed-cidrs',
    key: 'serf_lan_allowed_cidrs',
    value: 'value',
    doc: 'Networks (eg: 192.168.1.0/24) allowed for Serf LAN. Can be specified multiple times.',
  },
  { flag: 'serf-lan-bind', key: 'serf_lan', value: 'value', doc: 'Address to bind Serf LAN listeners to.' },
  { flag: 'serf-lan-port', key: 'ports.serf_lan', value: 'value', doc: 'Sets the Serf LAN port to listen on.' },
  {
    flag: 'serf-wan-allowed-cidrs',
    key: 'serf_wan_allowed_cidrs',
    value: 'value',
    doc: 'Networks (eg: 192.168.1.0/24) allowed for Serf WAN (other datacenters). Can be specified multiple times.',
  },
  { flag: 'serf-wan-bind', key: 'serf_wan', value: 'value', doc: 'Address to bind Serf WAN listeners to.' },
  { flag: 'serf-wan-port', key: 'ports.serf_wan', value: 'value', doc: 'Sets the Serf WAN port to listen on.' },
  { flag: 'server', key: 'server', doc: 'Switches agent to server mode.' },
  { flag: 'server-port', key: 'ports.server', value: 'value', doc: 'Sets the server port to listen on.' },
  { flag: 'syslog', key: 'enable_syslog', doc: 'Enables logging to syslog.' },
  { flag: 'ui', key: 'ui_config.enabled', doc: 'Enables the built-in static web UI server.' },
  {
    flag: 'ui-content-path',
    key: 'ui_config.content_path',
    value: 'value',
    doc: 'Sets the external UI path to a string. Defaults to: /ui/ ',
  },
  { flag: 'ui-dir', key: 'ui_config.dir', value: 'value', doc: 'Path to directory containing the web UI resources.' },
];
