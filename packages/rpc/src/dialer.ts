import { type Clock, errorText, type Network, type Stream, type TlsLayer } from '@proconsul/base';
import { RpcError } from './errors.ts';
import { FirstByte } from './first-byte.ts';
import { DIAL_MS } from './limits.ts';
import type { RpcPeer } from './peer.ts';
import { serverName } from './peer-name.ts';

export interface DialRules {
  /** `tls.internal_rpc.verify_outgoing`: every connection is encrypted, not only those to servers that offer it. */
  readonly verifyOutgoing: boolean;
  /** `tls.internal_rpc.verify_server_hostname`: the certificate must be that of a server of the datacenter. */
  readonly verifyServerHostname: boolean;
  /** `domain`. */
  readonly domain: string;
  /** The address that connections go out from: `bind_addr`, where it is one. */
  readonly localHost?: string;
}

export const DIAL_RULES: DialRules = { verifyOutgoing: false, verifyServerHostname: false, domain: 'consul.' };

export interface DialDependencies {
  readonly network: Pick<Network, 'dial'>;
  readonly clock: Clock;
  /** Undefined: nothing is encrypted, whatever servers offer. */
  readonly tls?: TlsLayer;
}

/**
 * A connection to a server, past its first byte: with TLS the byte 3, the handshake, and then the byte of `kind`.
 * Rejects with RpcError RPC_DIAL, also when `signal` aborts.
 */
export async function dialServer(
  peer: RpcPeer,
  kind: 'multiplex' | 'raft' | 'snapshot' | 'grpc' | 'single',
  rules: DialRules,
  { network, clock, tls }: DialDependencies,
  timeoutMs: number = DIAL_MS,
  signal?: AbortSignal,
): Promise<Stream> {
  const deadline = clock.now() + timeoutMs;
  try {
    if (rules.verifyOutgoing && tls === undefined) throw new Error('verify_outgoing is set but there is no TLS');
    const { host, port } = peer.address;
    const giveUp = signal === undefined ? {} : { signal };
    const connection = await network.dial({ host, port, timeoutMs, ...localOf(rules, host), ...giveUp });
    const isTls = tls !== undefined && (rules.verifyOutgoing || peer.useTls);
    const stream = isTls ? await encrypt(connection, peer, rules, tls, deadline - clock.now()) : connection;
    stream.write(Uint8Array.of(FirstByte[kind]));
    return stream;
  } catch (error) {
    throw new RpcError('RPC_DIAL', errorText(error), false);
  }
}

/** A connection on which no certificate of ours is asked for: byte 7, the handshake, and nothing more. */
export async function dialInsecure(
  peer: RpcPeer,
  rules: DialRules,
  { network, clock, tls }: DialDependencies,
  timeoutMs: number,
): Promise<Stream> {
  if (tls === undefined) throw new Error('there is no TLS');
  const deadline = clock.now() + timeoutMs;
  const { host, port } = peer.address;
  const connection = await network.dial({ host, port, timeoutMs, ...localOf(rules, host) });
  return await encrypt(connection, peer, rules, tls, deadline - clock.now(), FirstByte.tlsInsecure);
}

/** An address of the other family leads nowhere from here. */
function localOf({ localHost }: DialRules, host: string): { localHost?: string } {
  return localHost === undefined || localHost.includes(':') !== host.includes(':') ? {} : { localHost };
}

async function encrypt(
  connection: Stream,
  peer: RpcPeer,
  rules: DialRules,
  tls: TlsLayer,
  timeoutMs: number,
  firstByte: number = FirstByte.tls,
): Promise<Stream> {
  connection.write(Uint8Array.of(firstByte));
  const name = rules.verifyServerHostname ? { serverName: serverName(peer.datacenter, rules.domain) } : {};
  try {
    return (await tls.connect(connection, { timeoutMs: Math.max(timeoutMs, 1), ...name })).stream;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}
