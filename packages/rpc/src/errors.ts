import { CodedError, errorText } from '@proconsul/base';

/** What the server answered instead of a reply. The message is its text and nothing else. */
export class RemoteError extends CodedError {
  override readonly name = 'RemoteError';

  constructor(text: string) {
    super('RPC_REMOTE', text);
  }
}

export type RpcErrorCode =
  | 'RPC_DIAL'
  | 'RPC_TIMEOUT'
  | 'RPC_CANCELED'
  | 'RPC_CLOSED'
  | 'RPC_PROTOCOL'
  | 'RPC_OVERLOADED';

/** There is no answer. The message begins as Consul's does: `rpc error getting client: ` or `rpc error making call: `. */
export class RpcError extends CodedError {
  override readonly name = 'RpcError';
  /** False: the request has certainly not reached the server. */
  readonly isSent: boolean;

  constructor(code: RpcErrorCode, text: string, isSent: boolean) {
    super(code, `${code === 'RPC_DIAL' ? GETTING_CLIENT : MAKING_CALL}${text}`);
    this.isSent = isSent;
  }
}

const MAKING_CALL = 'rpc error making call: ';
const GETTING_CLIENT = 'rpc error getting client: failed to get conn: ';

/**
 * The text with which a call's failure goes on to whoever asked us: each hop over a pooled connection puts
 * `rpc error making call: ` in front of what the next server said.
 * Source: errors of forwarded calls captured from the reference agent.
 */
export function hopText(error: unknown): string {
  return error instanceof RemoteError ? `${MAKING_CALL}${error.message}` : errorText(error);
}
