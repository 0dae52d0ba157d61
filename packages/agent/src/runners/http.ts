import http from 'node:http';
import type net from 'node:net';
import { errorText, fromUtf8, quoteGo } from '@proconsul/base';
import { type CheckType, type RawResult, statusOfHttp, TailBuffer } from '@proconsul/checks';
import { brokenText, DialError, dialTcp } from './dial.ts';
import { errnoText, errorCode } from './go-text.ts';
import { critical, type Deadline, deadlineOf, onAbort, type RunContext } from './runner.ts';
import { type HttpUrl, parseHttpUrl, UrlError } from './url.ts';

/** Redirects that are followed before a check gives up. */
export const REDIRECTS_MAX = 10;
/** Bytes of response headers that are read. */
export const RESPONSE_HEADER_SIZE_MAX = 1 << 20;

const TIMED_OUT = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** One request of a chain of redirects. */
interface Hop {
  readonly url: HttpUrl;
  readonly method: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly referer: string;
}

/** A request without an answer; the message is Go's, the URL not included. */
class HopError extends Error {}

/** What came back, the body cut to its last bytes. */
export interface HttpAnswer {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
}

/**
 * Sends one request on a connection of its own and follows redirects unless told otherwise. 2xx is passing, 429
 * warning, the rest critical; the output ends with the last bytes of the body. A body that does not end in time, or
 * breaks off, does not change the status.
 */
export async function runHttp(check: CheckType, context: RunContext): Promise<RawResult> {
  const method = methodOf(check);
  const address = addressOf(check);
  try {
    const { status, reason, body } = await exchangeHttp(check, context);
    return { status: statusOfHttp(status), output: `HTTP ${method} ${address}: ${status} ${reason} Output: ${body}` };
  } catch (error) {
    return critical(errorText(error));
  }
}

const methodOf = (check: CheckType): string => (check.Method === '' ? 'GET' : check.Method);
const addressOf = (check: CheckType): string => (check.ProxyHTTP === '' ? check.HTTP : check.ProxyHTTP);

/** The request of {@link runHttp} with its answer as it is. Rejects with Go's text when there is none. */
export async function exchangeHttp(check: CheckType, context: RunContext): Promise<HttpAnswer> {
  const deadline = deadlineOf(context);
  const opened: net.Socket[] = [];
  try {
    const response = await follow(check, context, deadline, methodOf(check), addressOf(check), opened);
    const body = await readBody(response, context.outputMaxSize, deadline);
    return { status: response.statusCode ?? 0, reason: response.statusMessage ?? '', body };
  } finally {
    deadline.release();
    for (const socket of opened) socket.destroy();
  }
}

/** `Get` for GET: as Go's client names methods in errors. */
const verbOf = (method: string): string => method.slice(0, 1) + method.slice(1).toLowerCase();

async function follow(
  check: CheckType,
  context: RunContext,
  deadline: Deadline,
  method: string,
  address: string,
  opened: net.Socket[],
): Promise<http.IncomingMessage> {
  if (!TOKEN.test(method)) throw new Error(`net/http: invalid method ${quoteGo(method)}`);
  let hop: Hop = {
    url: parseHttpUrl(address, verbOf(method)),
    method,
    body: check.Body,
    headers: check.Header,
    referer: '',
  };
  for (let redirects = 0; ; redirects++) {
    const response = await request(hop, check, context, deadline, opened).catch((error: unknown) => {
      throw new Error(`${verbOf(hop.method)} ${quoteGo(hop.url.text)}: ${errorText(error)}`);
    });
    const location = response.headers.location;
    if (check.DisableRedirects || location === undefined || !isRedirect(response.statusCode)) return response;
    response.resume();
    const next = redirected(hop, response.statusCode ?? 0, location);
    if (redirects + 1 >= REDIRECTS_MAX) {
      throw new Error(`${verbOf(next.method)} ${quoteGo(location)}: stopped after ${REDIRECTS_MAX} redirects`);
    }
    hop = next;
  }
}

const isRedirect = (status: number | undefined): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

/** The request that follows a redirect. Source: RFC 9110 section 15.4; 301 and 302 become GET as in browsers. */
function redirected(hop: Hop, status: number, location: string): Hop {
  const verb = verbOf(hop.method);
  const base = `${hop.url.scheme}://${hop.url.authority}${hop.url.requestPath}`;
  let resolved: string;
  try {
    resolved = new URL(location, base).href;
  } catch {
    throw new UrlError(
      `${verb} ${quoteGo(hop.url.text)}: failed to parse Location header ${quoteGo(location)}: invalid URL`,
    );
  }
  const keep = status === 307 || status === 308;
  const method = keep || hop.method === 'HEAD' ? hop.method : 'GET';
  const url = parseHttpUrl(resolved, verbOf(method));
  const sameHost = url.authority === hop.url.authority;
  const dropped = sameHost ? /^host$/i : /^(host|authorization|www-authenticate|cookie|cookie2)$/i;
  const headers = Object.fromEntries(Object.entries(hop.headers).filter(([name]) => !dropped.test(name)));
  // The address that we came from is not told when it was secret and the next one is in the clear.
  const referer = hop.url.scheme === 'https' && url.scheme === 'http' ? '' : base;
  return { url, method, body: keep ? hop.body : '', headers, referer };
}

async function request(
  hop: Hop,
  check: CheckType,
  context: RunContext,
  deadline: Deadline,
  opened: net.Socket[],
): Promise<http.IncomingMessage> {
  const headers = headersOf(hop);
  const socket = await open(hop.url, check, context, deadline, opened);
  return new Promise((done, fail) => {
    const outgoing = http.request({
      createConnection: () => socket,
      method: hop.method,
      path: hop.url.requestPath,
      setHost: false,
      headers,
      maxHeaderSize: RESPONSE_HEADER_SIZE_MAX,
    });
    // The constructor writes methods in capitals; what the definition says is sent.
    outgoing.method = hop.method;
    const forget = onAbort(deadline.signal, () => queueMicrotask(() => finish(TIMED_OUT)));
    function finish(problem: string | undefined, response?: http.IncomingMessage): void {
      forget();
      if (response !== undefined) return done(response);
      outgoing.destroy();
      fail(new HopError(problem));
    }
    outgoing.on('error', (error) => finish(responseError(socket, error)));
    outgoing.on('upgrade', (response) => finish(undefined, response));
    outgoing.on('response', (response) => finish(undefined, response));
    outgoing.end(hop.body);
  });
}

/** Connects, with TLS for https. Throws HopError. */
async function open(
  url: HttpUrl,
  check: CheckType,
  context: RunContext,
  deadline: Deadline,
  opened: net.Socket[],
): Promise<net.Socket> {
  try {
    let socket = await dialTcp(url.target, deadline);
    opened.push(socket);
    if (url.scheme === 'https') {
      const { startTls } = await import('./tls.ts');
      const { target } = url;
      socket = await startTls(socket, { check, material: context.tls, target, deadline, clock: context.clock });
      opened.push(socket);
    }
    return socket;
  } catch (error) {
    if (deadline.signal.aborted || (error instanceof DialError && error.timeout)) throw new HopError(TIMED_OUT);
    // Nearly always a plain HTTP server; its first bytes are not to be had any more.
    const plain = (error as { notTls?: boolean }).notTls === true;
    throw new HopError(plain ? 'http: server gave HTTP response to HTTPS client' : errorText(error));
  }
}

/** The headers in the order in which Go sends them. Throws HopError for one that cannot be sent. */
function headersOf(hop: Hop): Record<string, string | string[]> {
  const own = new Map<string, [string, string[]]>();
  for (const [name, values] of Object.entries(hop.headers)) {
    if (!TOKEN.test(name)) throw new HopError(`net/http: invalid header field name ${quoteGo(name)}`);
    if (values.some((v) => /[\u0000-\u0008\u000a-\u001f\u007f]/.test(v))) {
      throw new HopError(`net/http: invalid header field value for ${quoteGo(name)}`);
    }
    own.set(name.toLowerCase(), [name, values.map(latin1)]);
  }
  const take = (name: string): string[] | undefined => {
    const values = own.get(name)?.[1];
    own.delete(name);
    return values;
  };
  const first = (name: string, fallback: string): string => take(name)?.[0] ?? fallback;
  const headers: Record<string, string | string[]> = { Host: first('host', hop.url.authority) };
  headers['User-Agent'] = first('user-agent', 'Consul Health Check');
  take('content-length');
  take('transfer-encoding');
  const sized = hop.body !== '' || /^(POST|PUT|PATCH)$/i.test(hop.method);
  if (sized) headers['Content-Length'] = String(Buffer.byteLength(hop.body));
  const encoding = take('accept-encoding') ?? ['gzip'];
  const connection = take('connection') ?? [];
  const rest = new Map<string, string[]>([['Accept', take('accept') ?? ['text/plain, text/*, */*']]]);
  const { userInfo } = hop.url;
  if (userInfo !== undefined && !own.has('authorization')) {
    const credentials = Buffer.from(`${userInfo.user}:${userInfo.password ?? ''}`).toString('base64');
    rest.set('Authorization', [`Basic ${credentials}`]);
  }
  if (hop.referer !== '' && !own.has('referer')) rest.set('Referer', [hop.referer]);
  for (const [name, values] of own.values()) rest.set(name, values);
  for (const [name, values] of [...rest].sort(([a], [b]) => (a < b ? -1 : 1))) headers[name] = values;
  headers['Accept-Encoding'] = encoding;
  headers['Connection'] = [...connection, 'close'];
  return headers;
}

/** Header values are written one byte for each character, so UTF-8 goes in as its bytes. */
const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

function responseError(socket: net.Socket, error: Error): string {
  if (errorCode(error).startsWith('HPE_')) {
    const { rawPacket } = error as { rawPacket?: Uint8Array };
    const line = rawPacket === undefined ? '' : (fromUtf8(rawPacket.subarray(0, 256)).split(/\r?\n/)[0] ?? '');
    return `net/http: HTTP/1.x transport connection broken: malformed HTTP response ${quoteGo(line)}`;
  }
  if (error.message === 'socket hang up') return 'EOF';
  return errorCode(error) === '' ? errnoText(error) : brokenText(socket, error);
}

/** The end of the body, as much of it as came in time. */
async function readBody(response: http.IncomingMessage, maxBytes: number, deadline: Deadline): Promise<string> {
  const buffer = new TailBuffer(maxBytes);
  const stream = await plainBody(response);
  await new Promise<void>((done) => {
    const forget = onAbort(deadline.signal, done);
    const finish = () => {
      forget();
      done();
    };
    stream.on('data', (bytes: Uint8Array) => buffer.write(bytes));
    stream.on('end', finish);
    stream.on('error', finish);
    stream.on('close', finish);
    response.on('error', finish);
    response.on('close', finish);
  });
  return buffer.text();
}

async function plainBody(response: http.IncomingMessage): Promise<NodeJS.ReadableStream> {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  const { createGunzip } = await import('node:zlib');
  const gunzip = createGunzip();
  response.pipe(gunzip);
  return gunzip;
}
