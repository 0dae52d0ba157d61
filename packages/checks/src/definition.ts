/**
 * A check as it is defined in a file or registered over HTTP, with Consul's field names. Durations are whole
 * nanoseconds, 0 where unset. Source: HTTP API, agent checks; configuration, check definitions.
 */
export interface CheckType {
  CheckID: string;
  Name: string;
  /** Initial status: `passing`, `warning`, `critical`, or empty for critical. */
  Status: string;
  Notes: string;
  ScriptArgs: readonly string[];
  HTTP: string;
  H2PING: string;
  H2PingUseTLS: boolean;
  Header: Readonly<Record<string, readonly string[]>>;
  Method: string;
  Body: string;
  DisableRedirects: boolean;
  TCP: string;
  TCPUseTLS: boolean;
  UDP: string;
  Interval: number;
  AliasNode: string;
  AliasService: string;
  DockerContainerID: string;
  /** Stored and shown; scripts are started without a shell. */
  Shell: string;
  GRPC: string;
  GRPCUseTLS: boolean;
  OSService: string;
  TLSServerName: string;
  TLSSkipVerify: boolean;
  Timeout: number;
  TTL: number;
  SuccessBeforePassing: number;
  FailuresBeforeWarning: number;
  FailuresBeforeCritical: number;
  /** Where a mesh proxy exposes the HTTP or gRPC check; used instead of the original address when set. */
  ProxyHTTP: string;
  ProxyGRPC: string;
  DeregisterCriticalServiceAfter: number;
  /** Bytes of output that are kept; 0 means the agent's limit. */
  OutputMaxSize: number;
}

const ZERO: CheckType = {
  CheckID: '',
  Name: '',
  Status: '',
  Notes: '',
  ScriptArgs: [],
  HTTP: '',
  H2PING: '',
  H2PingUseTLS: true,
  Header: {},
  Method: '',
  Body: '',
  DisableRedirects: false,
  TCP: '',
  TCPUseTLS: false,
  UDP: '',
  Interval: 0,
  AliasNode: '',
  AliasService: '',
  DockerContainerID: '',
  Shell: '',
  GRPC: '',
  GRPCUseTLS: false,
  OSService: '',
  TLSServerName: '',
  TLSSkipVerify: false,
  Timeout: 0,
  TTL: 0,
  SuccessBeforePassing: 0,
  FailuresBeforeWarning: 0,
  FailuresBeforeCritical: 0,
  ProxyHTTP: '',
  ProxyGRPC: '',
  DeregisterCriticalServiceAfter: 0,
  OutputMaxSize: 0,
};

const FIELDS = Object.keys(ZERO) as readonly (keyof CheckType)[];

/** Some fields of a definition; null, as decoders give for an absent list or map, counts as left out. */
export type CheckFields = { readonly [K in Exclude<keyof CheckType, 'Header'>]?: CheckType[K] | null | undefined } & {
  readonly Header?: Readonly<Record<string, readonly string[] | null>> | null | undefined;
};

/** A definition with every field that `fields` leaves out at its default: empty, except that H2 pings use TLS. */
export function checkType(fields: CheckFields): CheckType {
  const check: Record<string, unknown> = { ...ZERO };
  for (const key of FIELDS) {
    const given = fields[key];
    if (given !== undefined && given !== null && given !== ZERO[key]) check[key] = given;
  }
  const headers = Object.entries(fields.Header ?? {});
  check['Header'] =
    headers.length === 0 ? {} : Object.fromEntries(headers.map(([name, values]) => [name, values ?? []]));
  return check as unknown as CheckType;
}

/** True when both definitions say the same, so that a running check need not start afresh. */
export function sameDefinition(a: CheckType, b: CheckType): boolean {
  if (a === b) return true;
  for (const key of FIELDS) {
    const x = a[key];
    const y = b[key];
    if (x === y) continue;
    if (key !== 'ScriptArgs' && key !== 'Header') return false;
    if (JSON.stringify(x) !== JSON.stringify(y)) return false;
  }
  return true;
}

/** What `Type` says in the API, except `maintenance`, which has no definition. */
export type CheckKind =
  | 'ttl'
  | 'http'
  | 'tcp'
  | 'udp'
  | 'script'
  | 'docker'
  | 'grpc'
  | 'h2ping'
  | 'os_service'
  | 'alias';

const isScript = (check: CheckType): boolean => check.ScriptArgs.length > 0;
export const isAlias = (check: CheckType): boolean => check.AliasNode !== '' || check.AliasService !== '';

/** True for the kinds that the agent runs again and again. */
export function hasInterval(check: CheckType): boolean {
  return (
    isScript(check) ||
    check.HTTP !== '' ||
    check.TCP !== '' ||
    check.UDP !== '' ||
    check.GRPC !== '' ||
    check.H2PING !== '' ||
    check.OSService !== ''
  );
}

/**
 * The kind of a valid definition. When it names several targets the first of this order wins.
 * Source: the reference agent's answers for pairs of targets (testdata/validation.json).
 */
export function checkKind(check: CheckType): CheckKind {
  if (check.GRPC !== '') return 'grpc';
  if (check.HTTP !== '') return 'http';
  if (check.TCP !== '') return 'tcp';
  if (check.UDP !== '') return 'udp';
  if (isScript(check) && check.DockerContainerID !== '') return 'docker';
  if (check.OSService !== '') return 'os_service';
  if (isScript(check)) return 'script';
  if (check.H2PING !== '') return 'h2ping';
  return isAlias(check) ? 'alias' : 'ttl';
}
