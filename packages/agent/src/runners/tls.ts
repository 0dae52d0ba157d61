import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import type { Clock } from '@proconsul/base';
import type { CheckType } from '@proconsul/checks';
import { brokenText, type Target } from './dial.ts';
import { errorCode } from './go-text.ts';
import { type CheckTls, type Deadline, onAbort } from './runner.ts';

/** A TLS connection that failed after the network connection stood. The message is Go's text. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  /** True when the other side does not speak TLS at all. */
  readonly notTls: boolean;
  constructor(message: string, notTls = false) {
    super(message);
    this.notTls = notTls;
  }
}

/** Where systems keep their trusted certificates. Source: documentation of Go's crypto/x509 and of distributions. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

let systemContext: tls.SecureContext | undefined;

/** Trust as the system has it, so that a company's own authority counts; parsed once. */
function systemTrust(): tls.SecureContext {
  if (systemContext === undefined) {
    const path = [process.env['SSL_CERT_FILE'] ?? '', ...SYSTEM_BUNDLES].find((p) => p !== '' && existsSync(p));
    systemContext = tls.createSecureContext(path === undefined ? {} : { ca: readFileSync(path) });
  }
  return systemContext;
}

function contextFor(material: CheckTls): tls.SecureContext {
  const { ca, cert, key } = material;
  if (ca === undefined && cert === undefined) return systemTrust();
  return tls.createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
}

export interface TlsOptions {
  readonly check: Pick<CheckType, 'TLSServerName' | 'TLSSkipVerify'>;
  readonly material: CheckTls;
  readonly target: Target;
  readonly alpn?: readonly string[];
  readonly deadline: Deadline;
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** Puts TLS on a connected socket and checks the certificate in Go's order. Throws TlsError; then the socket is closed. */
export async function startTls(socket: net.Socket, options: TlsOptions): Promise<tls.TLSSocket> {
  const name = options.check.TLSServerName !== '' ? options.check.TLSServerName : options.target.host;
  try {
    const secure = await handshake(socket, name, options);
    const problem = options.check.TLSSkipVerify ? undefined : verify(secure, name, options.clock.wallMs());
    if (problem === undefined) return secure;
    throw new TlsError(`tls: failed to verify certificate: x509: ${problem}`);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function handshake(socket: net.Socket, name: string, options: TlsOptions): Promise<tls.TLSSocket> {
  return new Promise((done, fail) => {
    const secure = tls.connect({
      socket,
      secureContext: contextFor(options.material),
      servername: net.isIP(name) === 0 ? name : '',
      rejectUnauthorized: false, // Verified below, to find the problems in Go's order.
      ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }),
    });
    const finish = (error: Error | undefined) => {
      forget();
      secure.removeAllListeners('secureConnect');
      secure.removeAllListeners('error');
      if (error === undefined) return done(secure);
      secure.on('error', () => {});
      secure.destroy();
      fail(error);
    };
    secure.once('secureConnect', () => finish(undefined));
    secure.once('error', (error) => finish(handshakeError(socket, error)));
    const forget = onAbort(options.deadline.signal, () =>
      queueMicrotask(() => finish(new TlsError('context deadline exceeded'))),
    );
  });
}

function handshakeError(socket: net.Socket, error: Error): TlsError {
  const code = errorCode(error);
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_LENGTH|UNEXPECTED_MESSAGE/.test(code)) {
    return new TlsError('tls: first record does not look like a TLS handshake', true);
  }
  const alert = /^ERR_SSL_(?:TLSV1|SSLV3|TLSV1[0-9_]*)_ALERT_(.+)$/.exec(code)?.[1];
  if (alert !== undefined) return new TlsError(`remote error: tls: ${alertText(alert)}`);
  return new TlsError(brokenText(socket, error));
}

function alertText(alert: string): string {
  const words = alert.toLowerCase().replaceAll('_', ' ');
  return words === 'unknown ca' ? 'unknown certificate authority' : words;
}

/** What is wrong with the peer's certificate: its time first, then its name, then its issuer. */
function verify(socket: tls.TLSSocket, name: string, nowMs: number): string | undefined {
  const cert = socket.getPeerCertificate();
  return timeProblem(cert, nowMs) ?? nameProblem(cert, name) ?? chainProblem(socket);
}

function timeProblem(cert: tls.PeerCertificate, now: number): string | undefined {
  const iso = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  const before = Date.parse(cert.valid_from);
  const after = Date.parse(cert.valid_to);
  const problem = `certificate has expired or is not yet valid: current time ${iso(now)} is`;
  if (now < before) return `${problem} before ${iso(before)}`;
  if (now > after) return `${problem} after ${iso(after)}`;
  return undefined;
}

function nameProblem(cert: tls.PeerCertificate, name: string): string | undefined {
  const alternatives = (cert.subjectaltname ?? '').split(', ').filter((entry) => entry !== '');
  const of = (kind: string) => alternatives.filter((a) => a.startsWith(kind)).map((a) => a.slice(kind.length));
  const names = of('DNS:');
  const ips = of('IP Address:');
  if (net.isIP(name) !== 0) {
    if (ips.includes(name)) return undefined;
    if (ips.length === 0) return `cannot validate certificate for ${name} because it doesn't contain any IP SANs`;
    return `certificate is valid for ${ips.join(', ')}, not ${name}`;
  }
  if (names.length === 0) {
    if (cert.subject?.CN !== undefined) return 'certificate relies on legacy Common Name field, use SANs instead';
    return `certificate is not valid for any names, but wanted to match ${name}`;
  }
  if (tls.checkServerIdentity(name, cert) === undefined) return undefined;
  return `certificate is valid for ${names.join(', ')}, not ${name}`;
}

function chainProblem(socket: tls.TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  const code = String(socket.authorizationError);
  // The name and time of the peer's own certificate were looked at above, in our way.
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return undefined;
  if (code === 'CERT_HAS_EXPIRED') return 'certificate has expired or is not yet valid: ';
  return 'certificate signed by unknown authority';
}
