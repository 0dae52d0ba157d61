import type { Endpoint, Millis, Stream } from '@proconsul/base';

/** A server that RPCs go to. */
export interface RpcPeer {
  /** Node name: part of the certificate's name, and of messages. */
  readonly name: string;
  readonly datacenter: string;
  readonly address: Endpoint;
  /** The server said that it speaks TLS. */
  readonly useTls: boolean;
}

/** Calls to servers over pooled connections. Bodies are single MessagePack values. */
export interface RpcClient {
  /**
   * Resolves with the bytes of the reply. Rejects with RemoteError (the server's text, bare) or with RpcError (no connection,
   * timeout, broken stream). `signal` gives up: the stream is closed.
   */
  call(
    peer: RpcPeer,
    method: string,
    body: Uint8Array,
    options: { readonly timeoutMs: Millis; readonly signal?: AbortSignal },
  ): Promise<Uint8Array>;
  /** A connection of its own, past the first byte. */
  dial(peer: RpcPeer, kind: 'raft' | 'snapshot' | 'grpc', options: { readonly timeoutMs: Millis }): Promise<Stream>;
}

/** What stands behind port 8300. */
export interface RpcHandlers {
  /** Answers one call with the bytes of the reply; what it rejects with goes back as text. `signal`: the caller is gone. */
  call(method: string, body: Uint8Array, from: Endpoint, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * As `call`, for TLS connections without a client certificate: only `AutoEncrypt` and `AutoConfig` belong here.
   * Undefined: such connections are closed.
   */
  insecureCall?(method: string, body: Uint8Array, from: Endpoint, signal: AbortSignal): Promise<Uint8Array>;
  raft(stream: Stream): void;
  snapshot(stream: Stream): void;
  /** Undefined: such connections are closed. */
  grpc?(stream: Stream): void;
  /** A connection of a server or an agent, over which calls or Raft went, is gone, and we did not close it. */
  lost?(from: Endpoint): void;
}
