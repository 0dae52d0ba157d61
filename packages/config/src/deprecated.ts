import type { Value } from './decode.ts';
import type { Layer, Origin } from './source.ts';

/** Old words for TLS versions, with the ones that replaced them. */
const TLS_WORDS: Readonly<Record<string, string>> = {
  '': 'TLS_AUTO',
  tls10: 'TLSv1_0',
  tls11: 'TLSv1_1',
  tls12: 'TLSv1_2',
  tls13: 'TLSv1_3',
};

interface Move {
  readonly from: string;
  readonly to: string;
  /** The name in the warning, where it is not `to`. */
  readonly shownTo?: string;
  /** Settings that the old one turns on as well. */
  readonly also?: Readonly<Record<string, Value>>;
}

/** Old settings in the order of Consul's warnings. */
const MOVES: readonly Move[] = [
  { from: 'acl.tokens.agent_master', to: 'acl.tokens.agent_recovery' },
  { from: 'acl_agent_master_token', to: 'acl.tokens.agent_recovery' },
  { from: 'acl_agent_token', to: 'acl.tokens.agent' },
  { from: 'acl_token', to: 'acl.tokens.default' },
  { from: 'acl.tokens.master', to: 'acl.tokens.initial_management' },
  { from: 'acl_master_token', to: 'acl.tokens.initial_management' },
  { from: 'acl_replication_token', to: 'acl.tokens.replication', also: { 'acl.enable_token_replication': true } },
  { from: 'enable_acl_replication', to: 'acl.enable_token_replication' },
  { from: 'acl_datacenter', to: 'primary_datacenter', also: { 'acl.enabled': true } },
  { from: 'acl_default_policy', to: 'acl.default_policy' },
  { from: 'acl_down_policy', to: 'acl.down_policy' },
  { from: 'acl_ttl', to: 'acl.token_ttl' },
  { from: 'acl_enable_key_list_policy', to: 'acl.enable_key_list_policy' },
  { from: 'start_join', to: 'retry_join' },
  { from: 'start_join_wan', to: 'retry_join_wan' },
  { from: 'raft_boltdb', to: 'raft_logstore.boltdb.no_freelist_sync', shownTo: 'raft_logstore.boltdb' },
  { from: 'ca_file', to: 'tls.defaults.ca_file' },
  { from: 'ca_path', to: 'tls.defaults.ca_path' },
  { from: 'cert_file', to: 'tls.defaults.cert_file' },
  { from: 'key_file', to: 'tls.defaults.key_file' },
  { from: 'tls_cipher_suites', to: 'tls.defaults.tls_cipher_suites' },
  { from: 'tls_min_version', to: 'tls.defaults.tls_min_version' },
  { from: 'verify_incoming', to: 'tls.defaults.verify_incoming', also: { 'tls.grpc.verify_incoming': false } },
  { from: 'verify_incoming_https', to: 'tls.https.verify_incoming' },
  { from: 'verify_incoming_rpc', to: 'tls.internal_rpc.verify_incoming' },
  { from: 'verify_outgoing', to: 'tls.defaults.verify_outgoing' },
  { from: 'verify_server_hostname', to: 'tls.internal_rpc.verify_server_hostname' },
  { from: 'tls_prefer_server_cipher_suites', to: '' },
  { from: 'ui', to: 'ui_config.enabled' },
  { from: 'ui_dir', to: 'ui_config.dir' },
  { from: 'ui_content_path', to: 'ui_config.content_path' },
];

/** Puts the values of old settings where they belong now, and says so. The new setting wins when a file has both. */
export function applyDeprecated(layer: Layer): Layer {
  const values = new Map(layer.values);
  const origins = new Map(layer.origins);
  const warnings = [...layer.warnings];
  for (const move of MOVES) {
    const value = values.get(move.from);
    if (value === undefined) continue;
    values.delete(move.from);
    if (move.from === 'tls_min_version') warnings.push(...tlsWordWarning(String(value)));
    warnings.push(warningOf(move));
    if (move.to === '') continue;
    const origin = origins.get(move.from) ?? { source: layer.source };
    put(values, origins, move, newValue(move, value), origin);
    for (const [key, extra] of Object.entries(move.also ?? {})) {
      if (values.has(key)) continue;
      values.set(key, extra);
      origins.set(key, origin);
    }
  }
  return { source: layer.source, values, origins, warnings };
}

function put(values: Map<string, Value>, origins: Map<string, Origin>, move: Move, value: Value, origin: Origin): void {
  const before = values.get(move.to);
  if (Array.isArray(value)) {
    const items = Array.isArray(before) ? before : [];
    value.forEach((_, index) => {
      origins.set(`${move.to}[${items.length + index}]`, origins.get(`${move.from}[${index}]`) ?? origin);
    });
    values.set(move.to, [...items, ...value]);
  } else if (before === undefined) values.set(move.to, value);
  else return;
  if (!origins.has(move.to)) origins.set(move.to, origin);
}

function newValue({ from }: Move, value: Value): Value {
  if (from === 'tls_min_version') return TLS_WORDS[String(value)] ?? value;
  if (from === 'raft_boltdb') return (value as { nofreelistsync?: boolean }).nofreelistsync ?? false;
  return value;
}

function tlsWordWarning(word: string): string[] {
  const now = TLS_WORDS[word];
  if (now === undefined) return [];
  return [`'tls_min_version' value '${word}' is deprecated, please specify '${now}' instead`];
}

function warningOf({ from, to, shownTo = to }: Move): string {
  if (to === '') return `The '${from}' field is deprecated and will be ignored.`;
  return `The '${from}' field is deprecated. Use the '${shownTo}' field instead.`;
}

/** Enterprise settings in the order of Consul's warnings, with the name shown where it is not the key. */
const ENTERPRISE: readonly (readonly [key: string, shown?: string])[] = [
  ['read_replica', 'read_replica (or the deprecated non_voting_server)'],
  ['segment'],
  ['segments'],
  ['partition'],
  ['autopilot.redundancy_zone_tag'],
  ['autopilot.upgrade_version_tag'],
  ['autopilot.disable_upgrade_migration'],
  ['dns_config.prefer_namespace'],
  ['acl.msp_disable_bootstrap'],
  ['acl.tokens.managed_service_provider'],
  ['audit'],
  ['license_path'],
  ['reporting.license.enabled'],
];

/** One warning for each enterprise setting that a source uses. */
export function enterpriseWarnings({ values }: Layer): string[] {
  const isUsed = (key: string): boolean => {
    if (key === 'audit') return values.get('audit.enabled') !== undefined || values.get('audit.sink') !== undefined;
    const value = values.get(key);
    return value !== undefined && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0);
  };
  return ENTERPRISE.filter(([key]) => isUsed(key)).map(
    ([key, shown = key]) => `"${shown}" is a Consul Enterprise configuration and will have no effect`,
  );
}
