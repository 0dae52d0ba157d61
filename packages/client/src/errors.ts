import { CodedError } from '@proconsul/base';

/** The agent answered with a status that the call does not expect. `body` is the agent's text, whole. */
export class ApiError extends CodedError {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly body: string;
  constructor(status: number, body: string) {
    super('API_STATUS', `Unexpected response code: ${status} (${body.trim()})`, { status });
    this.status = status;
    this.body = body;
  }
}

/** No answer came: connecting, TLS or reading failed. `cause` is what the transport threw. */
export class ConnectionError extends CodedError {
  override readonly name = 'ConnectionError';
  readonly method: string;
  readonly url: string;
  constructor(method: string, url: string, cause: unknown) {
    super('CONNECTION', `${method} ${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { method, url });
    this.method = method;
    this.url = url;
    this.cause = cause;
  }
}

/** An address, environment variable or file of the options that cannot be used. */
export class OptionsError extends CodedError {
  override readonly name = 'OptionsError';
}

/** A lock or semaphore cannot be taken or has not been held. `code` says why. */
export class LockError extends CodedError {
  override readonly name = 'LockError';
}
