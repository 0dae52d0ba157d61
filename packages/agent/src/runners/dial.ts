import dns from 'node:dns';
import net from 'node:net';
import { errnoText, errorCode } from './go-text.ts';
import { type Deadline, onAbort } from './runner.ts';

/** A connection that could not be made; the message is the whole text that Go gives: `dial tcp 127.0.0.1:1: ...`. */
export class DialError extends Error {
  override readonly name = 'DialError';
  /** True when the time ran out. */
  readonly timeout: boolean;
  constructor(message: string, timeout = false) {
    super(message);
    this.timeout = timeout;
  }
}

export interface Target {
  /** Name or IP literal without brackets; empty means this machine. */
  readonly host: string;
  readonly port: number;
}

/** Service names that are understood in place of a port. Source: IANA service name registry. */
const PORTS: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  http: 80,
  https: 443,
};

/** Splits `host:port` and `[ipv6]:port`. Throws DialError in Go's words; `network` is what the text names. */
export function parseTarget(address: string, network: 'tcp' | 'udp'): Target {
  const fail = (reason: string): never => {
    throw new DialError(`dial ${network}: address ${address}: ${reason}`);
  };
  const colon = address.lastIndexOf(':');
  if (colon < 0) return fail('missing port in address');
  let host = address.slice(0, colon);
  if (address.startsWith('[')) {
    const bracket = address.indexOf(']');
    if (bracket < 0) return fail("missing ']' in address");
    if (bracket + 1 === address.length) return fail('missing port in address');
    if (bracket + 1 !== colon)
      return fail(address[bracket + 1] === ':' ? 'too many colons in address' : 'missing port in address');
    host = address.slice(1, bracket);
  } else if (host.includes(':')) {
    return fail('too many colons in address');
  }
  return { host, port: parsePort(address.slice(colon + 1), network) };
}

function parsePort(text: string, network: 'tcp' | 'udp'): number {
  if (/^\d+$/.test(text)) {
    const port = Number(text);
    if (port > 65535) throw new DialError(`dial ${network}: address ${text}: invalid port`);
    return port;
  }
  const port = text === '' ? 0 : PORTS[text.toLowerCase()];
  if (port === undefined) throw new DialError(`dial ${network}: lookup ${network}/${text}: unknown port`);
  return port;
}

/** `1.2.3.4:80` or `[::1]:80`. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The addresses of a host, in the order in which to try them. Throws DialError. */
export async function resolve(host: string, network: 'tcp' | 'udp', deadline: Deadline): Promise<string[]> {
  if (host === '') return ['127.0.0.1', '::1'];
  if (net.isIP(host) !== 0) return [host];
  const found = await new Promise<dns.LookupAddress[] | Error>((done) => {
    const forget = onAbort(deadline.signal, () =>
      done(new DialError(`dial ${network}: lookup ${host}: i/o timeout`, true)),
    );
    dns.lookup(host, { all: true, verbatim: true }, (error, addresses) => {
      forget();
      done(error ?? addresses);
    });
  });
  if (found instanceof DialError) throw found;
  if (found instanceof Error)
    throw new DialError(`dial ${network}: lookup ${host}${resolverNote()}: ${lookupText(found)}`);
  if (found.length === 0) throw new DialError(`dial ${network}: lookup ${host}${resolverNote()}: no such host`);
  return found.map(({ address }) => address);
}

function resolverNote(): string {
  const server = dns.getServers()[0];
  if (server === undefined) return '';
  return net.isIP(server) === 0 ? ` on ${server}` : ` on ${joinHostPort(server, 53)}`;
}

function lookupText(error: Error): string {
  switch (errorCode(error)) {
    case 'ENOTFOUND':
    case 'ENODATA':
      return 'no such host';
    case 'EAI_AGAIN':
      return 'server misbehaving';
    default:
      return errnoText(error);
  }
}

/** One address of several gets at most this share of the time that is left, but never less than 2 s of it. */
const ATTEMPT_MS_MIN = 2_000;

/**
 * Connects to the first address of the host that answers. Throws DialError: the text of the first address that failed,
 * as Go does.
 */
export async function dialTcp(target: Target, deadline: Deadline): Promise<net.Socket> {
  const addresses = await resolve(target.host, 'tcp', deadline);
  let first: DialError | undefined;
  for (const [index, address] of addresses.entries()) {
    const left = deadline.leftMs();
    const share = Math.min(left, Math.max(ATTEMPT_MS_MIN, left / (addresses.length - index)));
    try {
      return await connect(address, target.port, index === addresses.length - 1 ? undefined : share, deadline);
    } catch (error) {
      first ??= error as DialError;
      if (deadline.signal.aborted) break;
    }
  }
  throw first ?? new DialError(`dial tcp: lookup ${target.host}: no such host`);
}

function connect(host: string, port: number, shareMs: number | undefined, deadline: Deadline): Promise<net.Socket> {
  const name = joinHostPort(host, port);
  return new Promise((done, fail) => {
    const socket = net.connect({ host, port });
    const finish = (error: DialError | undefined) => {
      forget();
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      if (error === undefined) return done(socket);
      socket.on('error', () => {});
      socket.destroy();
      fail(error);
    };
    const timedOut = () => finish(new DialError(`dial tcp ${name}: i/o timeout`, true));
    if (shareMs !== undefined) socket.setTimeout(shareMs, timedOut);
    socket.once('error', (error) => finish(new DialError(`dial tcp ${name}: ${connectText(error)}`)));
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      finish(undefined);
    });
    const forget = onAbort(deadline.signal, () => queueMicrotask(timedOut));
  });
}

function connectText(error: Error): string {
  if (errorCode(error) === 'ERR_SOCKET_BAD_PORT') return 'invalid port';
  const call = errorCode(error) === 'EMFILE' || errorCode(error) === 'ENFILE' ? 'socket' : 'connect';
  return `${call}: ${errnoText(error)}`;
}

/** What a broken connection says: `EOF` when the other side just left. */
export function brokenText(socket: net.Socket, error: unknown): string {
  const code = errorCode(error);
  if (code === 'ECONNRESET' && (error as { syscall?: string }).syscall === undefined) return 'EOF';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return error instanceof Error ? error.message : String(error);
  if (code === '' || (error as { syscall?: string }).syscall === undefined) return errnoText(error);
  const call = (error as { syscall: string }).syscall;
  const local = joinHostPort(socket.localAddress ?? '', socket.localPort ?? 0);
  const remote = joinHostPort(socket.remoteAddress ?? '', socket.remotePort ?? 0);
  return `${call} tcp ${local}->${remote}: ${call}: ${errnoText(error)}`;
}
