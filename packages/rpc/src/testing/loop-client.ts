import { errorText, type Stream } from '@proconsul/base';
import { RemoteError } from '../errors.ts';
import type { RpcClient, RpcHandlers, RpcPeer } from '../peer.ts';

export const PEER: RpcPeer = {
  name: 's1',
  datacenter: 'dc1',
  address: { host: '127.0.0.1', port: 8300 },
  useTls: false,
};

/** Calls that go to a handler of the same process, by way of their bytes. */
export class LoopClient implements RpcClient {
  readonly #handler: RpcHandlers['call'];
  /** What was called, in order. */
  readonly calls: { readonly peer: string; readonly method: string; readonly timeoutMs: number }[] = [];
  /** Taken, first to last, instead of the handler's answers. */
  readonly faults: Error[] = [];

  constructor(handler: RpcHandlers['call']) {
    this.#handler = handler;
  }

  async call(
    peer: RpcPeer,
    method: string,
    body: Uint8Array,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Uint8Array> {
    this.calls.push({ peer: peer.name, method, timeoutMs });
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
    try {
      return await this.#handler(method, body, peer.address, signal ?? new AbortController().signal);
    } catch (error) {
      throw new RemoteError(errorText(error));
    }
  }

  dial(): Promise<Stream> {
    throw new Error('there are only calls in a loop');
  }
}
