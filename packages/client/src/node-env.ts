import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Consul, type ConsulOptions } from './consul.ts';
import { OptionsError } from './errors.ts';
import { nodeTransport, parseAddress, type TlsOptions } from './node-transport.ts';
import type { Transport } from './transport.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a connection is made from: the flags of the command line by the names of their meaning. */
export interface NodeOptions extends ConsulOptions {
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly caPath?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly tlsServerName?: string | undefined;
}

export interface EnvDependencies {
  /** Hears of a variable that cannot be parsed, and of its text. */
  readonly warn?: ((variable: string, text: string) => void) | undefined;
  /** In place of the network. */
  readonly transport?: Transport | undefined;
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** The booleans that Go's strconv.ParseBool accepts; undefined for all else. */
export function parseBool(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

/**
 * A client from the CONSUL_* environment variables, over Node's HTTP; `options` win over the environment.
 * Throws OptionsError on files that cannot be read.
 * Source: documentation, commands, environment variables.
 */
export function consulFromEnv(
  env: Environment,
  options: NodeOptions = {},
  { warn = () => {}, transport }: EnvDependencies = {},
): Consul {
  const flag = (name: string): boolean | undefined => {
    const text = env[name];
    if (!text) return undefined;
    const value = parseBool(text);
    if (value === undefined) warn(name, text);
    return value;
  };
  const auth = env['CONSUL_HTTP_AUTH'];
  const address = addressOf(options.address || env['CONSUL_HTTP_ADDR'] || '127.0.0.1:8500', flag('CONSUL_HTTP_SSL'));
  const verify = flag('CONSUL_HTTP_SSL_VERIFY');
  const tls = loadTls(env, options, verify);
  parseAddress(address);
  return new Consul(
    {
      ...options,
      token: tokenOf(env, options),
      namespace: options.namespace || env['CONSUL_NAMESPACE'],
      partition: options.partition || env['CONSUL_PARTITION'],
      basicAuth: options.basicAuth ?? (auth ? splitAuth(auth) : undefined),
    },
    { transport: transport ?? nodeTransport(address, tls) },
  );
}

/** Adds the scheme that the address leaves to the environment. */
function addressOf(address: string, ssl: boolean | undefined): string {
  if (address.includes('://')) return ssl ? address.replace(/^http:/, 'https:') : address;
  return ssl ? `https://${address}` : address;
}

function tokenOf(env: Environment, options: NodeOptions): string | undefined {
  // A token that is given outright is not looked for in a file that only the environment names.
  const file = options.tokenFile || (options.token ? '' : env['CONSUL_HTTP_TOKEN_FILE']);
  if (!file) return options.token || env['CONSUL_HTTP_TOKEN'];
  // The space before the colon is part of the text that scripts know.
  const text = read(file, `Error loading token file ${file} `);
  return text.split('\n', 1)[0]!.trim();
}

function splitAuth(auth: string): { user: string; password: string } {
  const colon = auth.indexOf(':');
  return colon < 0 ? { user: auth, password: '' } : { user: auth.slice(0, colon), password: auth.slice(colon + 1) };
}

function loadTls(env: Environment, options: NodeOptions, verify: boolean | undefined): TlsOptions {
  const caFile = options.caFile || env['CONSUL_CACERT'];
  const caPath = options.caPath || env['CONSUL_CAPATH'];
  const cert = options.clientCert || env['CONSUL_CLIENT_CERT'];
  const key = options.clientKey || env['CONSUL_CLIENT_KEY'];
  if (Boolean(cert) !== Boolean(key)) {
    throw new OptionsError('TLS', 'both client cert and client key must be provided', {});
  }
  let ca: string[] | undefined;
  if (caFile) ca = [certificatesIn(caFile)];
  else if (caPath) ca = listFolder(caPath).map((name) => read(join(caPath, name), 'Error loading CA Path'));
  return {
    ca,
    cert: cert ? pemIn(cert, 'certificate') : undefined,
    key: key ? pemIn(key, 'key') : undefined,
    serverName: options.tlsServerName || env['CONSUL_TLS_SERVER_NAME'],
    verify,
  };
}

const PEM = /^-----BEGIN [A-Z0-9 ]+-----$/m;

function certificatesIn(path: string): string {
  const text = read(path, 'Error loading CA File');
  if (PEM.test(text)) return text;
  throw new OptionsError('FILE', `Error loading CA File: Couldn't parse PEM in: ${path}`, { path });
}

function pemIn(path: string, what: 'certificate' | 'key'): string {
  const text = read(path, `Error loading client ${what}`);
  if (PEM.test(text)) return text;
  throw new OptionsError('FILE', `tls: failed to find any PEM data in ${what} input`, { path });
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    throw new OptionsError('FILE', `lstat ${path}: ${reasonOf(error)}`, { path });
  }
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // A directory can be opened; reading from it fails.
    const isFolder = (error as NodeJS.ErrnoException).code === 'EISDIR';
    const failed = isFolder ? `read ${path}: is a directory` : `open ${path}: ${reasonOf(error)}`;
    throw new OptionsError('FILE', `${what}: ${failed}`, { path });
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'no such file or directory' : message;
}
