import { readFileSync, writeFileSync } from 'node:fs';
import { type Context, command } from '../command.ts';
import { fileError, readError } from '../go-error.ts';

const SINK_MODE = 0o600;

/** `a=b` pairs of a flag that may be repeated. Undefined when one is none. */
function pairs(given: readonly string[]): Record<string, string> | undefined {
  const out: Record<string, string> = {};
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 0) return undefined;
    out[text.slice(0, at)] = text.slice(at + 1);
  }
  return out;
}

export const login = command({
  name: 'login',
  args: '[options]',
  help: 'Exchanges what somebody else vouches for against a new token of this cluster, and stores it in a file.\n`consul logout` destroys the token again.',
  http: { server: true, scope: 'namespace' },
  flags: {
    'bearer-token-file': { kind: 'string', doc: 'File with the bearer token.' },
    meta: { kind: 'list', doc: 'Metadata of the token, as key=value. May be repeated.' },
    method: { kind: 'string', doc: 'Name of the auth method.' },
    'token-sink-file': { kind: 'string', doc: 'File that the new token is written to.' },
    type: { kind: 'string', doc: 'Type of the auth method.' },
  },
  async run(c) {
    const { method } = c.flags;
    const [bearerFile, sink] = [c.flags['bearer-token-file'], c.flags['token-sink-file']];
    if (method === '') return c.fail("Missing required '-method' flag");
    if (sink === '') return c.fail("Missing required '-token-sink-file' flag");
    if (bearerFile === '') return c.fail("Missing required '-bearer-token-file' flag");
    const Meta = pairs(c.flags.meta);
    if (Meta === undefined) return c.fail('invalid value for flag -meta: must be key=value');
    let BearerToken: string;
    try {
      BearerToken = readFileSync(bearerFile, 'utf8').trim();
    } catch (error) {
      return c.fail(readError(error, bearerFile));
    }
    if (BearerToken === '') return c.fail(`No bearer token found in ${bearerFile}`);
    const body = { AuthMethod: method, BearerToken, ...(Object.keys(Meta).length > 0 ? { Meta } : {}) };
    const { http } = c.consul;
    const token = await c.attempt('Error logging in: ', () =>
      http.write<{ SecretID: string }>('POST', '/v1/acl/login', body),
    );
    return store(c, sink, token.SecretID);
  },
});

function store(c: Context, file: string, secret: string): number {
  try {
    writeFileSync(file, secret, { mode: SINK_MODE });
    return 0;
  } catch (error) {
    return c.fail(`Error writing token to file sink: ${fileError(error, 'open', file)}`);
  }
}

export const logout = command({
  name: 'logout',
  args: '[options]',
  help: 'Destroys the token in use, if `consul login` made it.',
  http: { server: true },
  flags: {},
  async run(c) {
    const { http } = c.consul;
    await c.attempt('Error destroying token: ', () => http.write('POST', '/v1/acl/logout', undefined));
    return 0;
  },
});
