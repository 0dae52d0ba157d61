import { errorText } from '@proconsul/base';
import { ClientCodec } from './client-codec.ts';
import { type DialDependencies, type DialRules, dialInsecure } from './dialer.ts';
import type { RpcPeer } from './peer.ts';

/**
 * One call on a connection of its own behind byte 7: for agents that have no certificate yet, and want one.
 * Resolves with the bytes of the reply. Rejects with Error; texts as recorded.
 */
export async function insecureCall(
  peer: RpcPeer,
  method: string,
  body: Uint8Array,
  { rules, timeoutMs, signal, ...dependencies }: DialDependencies & InsecureCallOptions,
): Promise<Uint8Array> {
  const stream = await dialInsecure(peer, rules, dependencies, timeoutMs).catch((error) => {
    throw new Error(`rpcinsecure: error establishing connection: ${errorText(error)}`);
  });
  const codec = new ClientCodec(stream, dependencies.clock);
  try {
    return await codec.call(1, method, body, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    throw new Error(`rpcinsecure: error making call: ${errorText(error)}`);
  } finally {
    codec.close();
  }
}

export interface InsecureCallOptions {
  readonly rules: DialRules;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}
