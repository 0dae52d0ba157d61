import type { NodeOptions } from '@proconsul/client/node';
import type { FlagTable, FlagValues } from './flags.ts';

/** Which of the common flags a command takes. */
export interface HttpUse {
  /** Also those that choose a server: -datacenter and -stale. */
  readonly server?: boolean;
  /** -partition alone, or with -namespace. */
  readonly scope?: 'partition' | 'namespace';
}

const CLIENT: FlagTable = {
  'ca-file': {
    kind: 'string',
    type: 'value',
    http: true,
    doc: 'File with the CA certificates to trust when talking to the agent over TLS. Also CONSUL_CACERT.',
  },
  'ca-path': {
    kind: 'string',
    type: 'value',
    http: true,
    doc: 'Directory of CA certificates to trust when talking to the agent over TLS. Also CONSUL_CAPATH.',
  },
  'client-cert': {
    kind: 'string',
    type: 'value',
    http: true,
    doc: "Client certificate to present where 'verify_incoming' is on. Also CONSUL_CLIENT_CERT.",
  },
  'client-key': {
    kind: 'string',
    type: 'value',
    http: true,
    doc: 'Key of the client certificate. Also CONSUL_CLIENT_KEY.',
  },
  'http-addr': {
    kind: 'string',
    type: 'address',
    http: true,
    doc:
      'Where the agent serves HTTP: host and port, a URL, or unix:///path of a socket. Also CONSUL_HTTP_ADDR. ' +
      'Default: http://127.0.0.1:8500; CONSUL_HTTP_SSL=true chooses HTTPS.',
  },
  'tls-server-name': {
    kind: 'string',
    type: 'value',
    http: true,
    doc: 'Server name to ask for and to verify over TLS. Also CONSUL_TLS_SERVER_NAME.',
  },
  token: {
    kind: 'string',
    type: 'value',
    http: true,
    doc: "ACL token to send. Also CONSUL_HTTP_TOKEN. Without one, the agent's own default token counts.",
  },
  'token-file': {
    kind: 'string',
    type: 'value',
    http: true,
    doc: 'File whose first line is the ACL token; wins over -token. Also CONSUL_HTTP_TOKEN_FILE.',
  },
};

const SERVER: FlagTable = {
  datacenter: {
    kind: 'string',
    type: 'value',
    http: true,
    doc: "Datacenter to ask. Default: the agent's own.",
  },
  stale: {
    kind: 'bool',
    ownParser: true,
    http: true,
    doc: 'Let any server answer reads, not only the leader: quicker, and possibly a little behind.',
  },
};

const PARTITION: FlagTable = {
  partition: {
    kind: 'string',
    type: 'default',
    doc: 'Admin partition to use. Partitions exist in the Enterprise edition only.',
  },
};

const NAMESPACE: FlagTable = {
  namespace: {
    kind: 'string',
    type: 'default',
    doc: 'Namespace to use. Namespaces exist in the Enterprise edition only.',
  },
  ...PARTITION,
};

/** The common flags that a use stands for. */
export function httpFlags(use: HttpUse): FlagTable {
  const scope = { partition: PARTITION, namespace: NAMESPACE };
  return { ...CLIENT, ...(use.server ? SERVER : {}), ...(use.scope ? scope[use.scope] : {}) };
}

/** What the common flags say about the connection. */
export function connectionOptions(values: Readonly<Record<string, FlagValues[keyof FlagValues]>>): NodeOptions {
  const text = (name: string): string | undefined => (values[name] as string | undefined) || undefined;
  return {
    address: text('http-addr'),
    token: text('token'),
    tokenFile: text('token-file'),
    caFile: text('ca-file'),
    caPath: text('ca-path'),
    clientCert: text('client-cert'),
    clientKey: text('client-key'),
    tlsServerName: text('tls-server-name'),
    datacenter: text('datacenter'),
    namespace: text('namespace'),
    partition: text('partition'),
    stale: values['stale'] === true ? true : undefined,
  };
}
