import { errorText } from '@proconsul/base';
import { ConnectionError } from '@proconsul/client';
import { certificateFault } from '@proconsul/io-node';

/** What the operating system's error codes are called in Go's messages. */
const ERRNO: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EEXIST: 'file exists',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  ENETUNREACH: 'network is unreachable',
  EHOSTUNREACH: 'no route to host',
  ETIMEDOUT: 'connection timed out',
  EPIPE: 'broken pipe',
  EPERM: 'operation not permitted',
};

interface SystemError extends Error {
  code?: string;
  syscall?: string;
  address?: string;
  port?: number;
  path?: string;
  hostname?: string;
  errors?: SystemError[];
}

/** The text of an error as a Go program prints it. Source: recorded output. */
export function goError(thrown: unknown): string {
  if (thrown instanceof ConnectionError) {
    const method = thrown.method[0] + thrown.method.slice(1).toLowerCase();
    return `${method} "${thrown.url}": ${causeText(thrown.cause)}`;
  }
  return errorText(thrown);
}

function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  let error = cause as SystemError;
  // Several addresses of one name were tried: the last failure is the one to tell.
  if (error.errors?.length) error = error.errors[error.errors.length - 1]!;
  const { code = '', syscall } = error;
  const reason = ERRNO[code] ?? error.message;
  if (syscall === 'connect') {
    if (error.port !== undefined) {
      const host = error.address?.includes(':') ? `[${error.address}]` : error.address;
      return `dial tcp ${host}:${error.port}: connect: ${reason}`;
    }
    return `dial unix ${error.address ?? error.path}: connect: ${reason}`;
  }
  if (syscall === 'getaddrinfo') return `dial tcp: lookup ${error.hostname}: no such host`;
  if (code === 'ECONNRESET') return error.message === 'socket hang up' ? 'EOF' : `read: ${reason}`;
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return 'http: server gave HTTP response to HTTPS client';
  }
  if (code === 'HPE_INVALID_CONSTANT') return 'net/http: HTTP/1.x transport connection broken: malformed HTTP response';
  if (code === 'ERR_SOCKET_BAD_PORT') return `dial tcp: address ${/\((\d+)\)/.exec(error.message)?.[1]}: invalid port`;
  const fault = certificateFault(error);
  return fault === undefined ? reason : `tls: ${fault}`;
}

/** The text of a failed file operation: `open x: no such file or directory`. */
export function fileError(thrown: unknown, verb: string, path: string): string {
  const { code = '', message } = thrown as SystemError;
  return `${verb} ${path}: ${ERRNO[code] ?? message}`;
}

/** The text of a file that could not be read. A directory can be opened there, and only reading from it fails. */
export function readError(thrown: unknown, path: string): string {
  return fileError(thrown, (thrown as SystemError).code === 'EISDIR' ? 'read' : 'open', path);
}

/** The reason alone of a failed system call. */
export function errnoText(thrown: unknown): string {
  const { code = '', message } = thrown as SystemError;
  return ERRNO[code] ?? message;
}
