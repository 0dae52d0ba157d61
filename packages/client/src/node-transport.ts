import type { ClientRequest, IncomingMessage, Agent as PlainAgent } from 'node:http';
import type { AgentOptions as TlsAgentOptions, RequestOptions as TlsRequestOptions } from 'node:https';
import { OptionsError } from './errors.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** TLS of the connection to the agent. Members hold PEM text. */
export interface TlsOptions {
  readonly ca?: readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name to ask for and to verify, in place of the address's host. */
  readonly serverName?: string | undefined;
  /** False accepts any certificate. */
  readonly verify?: boolean | undefined;
}

/** An address taken apart. `pathPrefix` is '' or begins with `/`. */
export interface ParsedAddress {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly socketPath?: string;
  readonly pathPrefix: string;
  /** What messages call it: `http://127.0.0.1:8500`, or `http://localhost` for a socket. */
  readonly base: string;
}

/** What does not stand as it is in the host of a URL. */
const ODD_IN_HOST = /[^A-Za-z0-9._~:[\]-]/g;

/**
 * Reads `host:port`, `:port`, `http://…`, `https://…` and `unix:///path`. Without a scheme everything after the last
 * colon must be the port; with one, a path is a prefix of every request.
 * Throws OptionsError ADDRESS.
 */
export function parseAddress(address: string, tls = false): ParsedAddress {
  const at = address.indexOf('://');
  const scheme = at < 0 ? undefined : address.slice(0, at);
  const rest = at < 0 ? address : address.slice(at + 3);
  if (scheme === 'unix') {
    return { scheme: 'http', host: 'localhost', port: 80, socketPath: rest, pathPrefix: '', base: 'http://localhost' };
  }
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    throw new OptionsError('ADDRESS', `Unknown protocol scheme: ${scheme}`, { address });
  }
  const secure = scheme === 'https' || tls;
  const slash = scheme === undefined ? -1 : rest.indexOf('/');
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const pathPrefix = slash < 0 ? '' : rest.slice(slash).replace(/\/+$/, '');
  const [, host = authority, port] = /^(.*):(\d*)$/.exec(authority) ?? [];
  return {
    scheme: secure ? 'https' : 'http',
    host: host.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: port ? Number(port) : secure ? 443 : 80,
    pathPrefix,
    base: `${secure ? 'https' : 'http'}://${authority.replace(ODD_IN_HOST, encodeURIComponent)}${pathPrefix}`,
  };
}

/**
 * A transport over Node's own HTTP client, with connections kept alive. The client is loaded with the first request: it
 * is a large part of the start-up time of a short command.
 */
export function nodeTransport(address: string, tls: TlsOptions = {}): Transport {
  const parsed = parseAddress(address);
  let agent: PlainAgent | undefined;
  return {
    base: parsed.base,
    async request(request) {
      const { scheme, host, port, socketPath, pathPrefix } = parsed;
      const options: TlsRequestOptions = { method: request.method, path: pathPrefix + request.path };
      if (socketPath !== undefined) Object.assign(options, { socketPath, host: 'localhost' });
      else Object.assign(options, { host, port });
      if (request.signal) options.signal = request.signal;
      options.headers = { 'User-Agent': 'proconsul', ...request.headers };
      if (request.body instanceof Uint8Array) options.headers['Content-Length'] = request.body.length;
      else if (request.body === undefined && request.method !== 'GET') options.headers['Content-Length'] = 0;
      if (scheme === 'http') {
        const http = await import('node:http');
        agent ??= new http.Agent({ keepAlive: true });
        return exchange(http.request({ ...options, agent }), request);
      }
      const https = await import('node:https');
      agent ??= new https.Agent({ keepAlive: true, ...tlsAgentOptions(tls) });
      return exchange(https.request({ ...options, agent: agent as InstanceType<typeof https.Agent> }), request);
    },
  };
}

function tlsAgentOptions(tls: TlsOptions): TlsAgentOptions {
  const options: TlsAgentOptions = {};
  if (tls.ca) options.ca = [...tls.ca];
  if (tls.cert !== undefined) options.cert = tls.cert;
  if (tls.key !== undefined) options.key = tls.key;
  if (tls.serverName) options.servername = tls.serverName;
  if (tls.verify === false) options.rejectUnauthorized = false;
  return options;
}

async function exchange(outgoing: ClientRequest, request: TransportRequest): Promise<TransportResponse> {
  const answered = new Promise<TransportResponse>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => resolve(responseOf(incoming)));
  });
  if (request.body === undefined || request.body instanceof Uint8Array) outgoing.end(request.body);
  else void sendStream(outgoing, request.body).catch((error: Error) => outgoing.destroy(error));
  return answered;
}

async function sendStream(outgoing: ClientRequest, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) {
      await new Promise<void>((resolve) => {
        const go = () => {
          outgoing.off('drain', go);
          outgoing.off('close', go);
          resolve();
        };
        outgoing.on('drain', go);
        outgoing.on('close', go);
      });
    }
  }
  outgoing.end();
}

function responseOf(incoming: IncomingMessage): TransportResponse {
  return {
    status: incoming.statusCode ?? 0,
    header: (name) => {
      const value = incoming.headers[name.toLowerCase()];
      return Array.isArray(value) ? value[0] : value;
    },
    body: incoming,
  };
}
