import { NetworkError } from '@proconsul/base';

/** The text that Go programs print for an error of the system; scripts and health-check outputs match on these. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ECONNABORTED: 'software caused connection abort',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EMFILE: 'too many open files',
  ENETUNREACH: 'network is unreachable',
  ENOENT: 'no such file or directory',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  ETIMEDOUT: 'connection timed out',
};

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * A NetworkError with the text of Go's net package, such as `dial tcp 127.0.0.1:1: connect: connection refused`.
 * `operation` is `dial tcp ADDRESS` or `listen tcp ADDRESS`, `call` the system call that failed.
 * Source of the texts: outputs of health checks recorded from the reference agent.
 */
export function networkError(thrown: unknown, operation: string, call: string): NetworkError {
  if (thrown instanceof NetworkError) return thrown;
  const error = firstOf(thrown);
  const code = error.code ?? 'EIO';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const name = (error as { hostname?: string }).hostname ?? '';
    const reason = code === 'ENOTFOUND' ? 'no such host' : 'server misbehaving';
    return new NetworkError(code, `${operation.split(' ').slice(0, 2).join(' ')}: lookup ${name}: ${reason}`);
  }
  const text = ERRNO_TEXT[code];
  return new NetworkError(code, text ? `${operation}: ${call}: ${text}` : `${operation}: ${error.message}`);
}

/** A name with several addresses fails with one error for each; the first says what matters. */
function firstOf(thrown: unknown): NodeJS.ErrnoException {
  const inner = (thrown as { errors?: unknown[] }).errors?.[0];
  return (inner ?? thrown) as NodeJS.ErrnoException;
}
