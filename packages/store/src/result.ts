import type { TxnResponse } from '@proconsul/schema';

/** A command that was committed and is refused. The text is Consul's, without what the endpoint puts before it. */
export interface ApplyError {
  readonly error: string;
}

/** Services that lost a virtual address to the one it was assigned to. */
export interface VirtualIpResult {
  readonly Found: boolean;
  readonly UnassignedFrom: readonly { readonly Peer: string; readonly ServiceName: { readonly Name: string } }[] | null;
}

/**
 * What a command answers: whether a condition held (KV, config entries, autopilot), the id of a session, the results of
 * a transaction, a serial number of the CA, or nothing.
 */
export type ApplyResult = null | boolean | string | number | TxnResponse | VirtualIpResult | ApplyError;

export function isApplyError(result: ApplyResult): result is ApplyError {
  return typeof result === 'object' && result !== null && 'error' in result;
}
