import type { Millis } from './clock.ts';
import type { Stream } from './network.ts';

/** What is known of the other side of an encrypted stream. */
export interface TlsPeer {
  /** The protocol that both sides agreed on by ALPN, empty when none. */
  readonly alpn: string;
  /** The other side showed a certificate that our authorities vouch for. */
  readonly verified: boolean;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
}

/** Encryption of a stream that is already connected. Certificates and policies belong to the implementation. */
export interface TlsLayer {
  /** Handshake as the accepting side. Rejects with NetworkError when the peer is refused or too slow. */
  accept(stream: Stream, options: TlsAcceptOptions): Promise<{ stream: Stream; peer: TlsPeer }>;
  /** Handshake as the dialling side. */
  connect(stream: Stream, options: TlsConnectOptions): Promise<{ stream: Stream; peer: TlsPeer }>;
}

export interface TlsAcceptOptions {
  readonly timeoutMs: Millis;
  /** Whether a certificate is asked for and demanded. */
  readonly clientCertificate: 'none' | 'requested' | 'required';
  readonly alpn?: readonly string[];
}

export interface TlsConnectOptions {
  readonly timeoutMs: Millis;
  /** The name that the certificate must carry; undefined: only the chain is verified. */
  readonly serverName?: string;
  readonly alpn?: readonly string[];
}
