import { type Clock, type Millis, NetworkError } from '@proconsul/base';
import type { ReplayStream } from './replay-stream.ts';

/** What a connection to port 8300 says first. Source: the reference agent's port, probed; testdata/rpc-probes.json. */
export const FirstByte = {
  /** One codec, without multiplexing. */
  single: 0,
  raft: 1,
  /** The multiplexer of old; refused. */
  oldMultiplex: 2,
  /** A TLS handshake, then again a first byte. */
  tls: 3,
  /** A yamux session with a codec in each stream. */
  multiplex: 4,
  snapshot: 5,
  /** Enterprise; refused. */
  gossip: 6,
  /** TLS without a client certificate, for those that are to get one. */
  tlsInsecure: 7,
  grpc: 8,
  /** The resource store's forwarding; refused. */
  raftForwarding: 9,
} as const;

/** A first byte above this can only be the start of a TLS record. */
export const FIRST_BYTE_MAX = 9;

/** ALPN names of connections that are TLS from the start, and what they are then. */
export const ALPN_BYTES: ReadonlyMap<string, number> = new Map([
  ['consul/rpc-single', FirstByte.single],
  ['consul/raft', FirstByte.raft],
  ['consul/rpc-multi', FirstByte.multiplex],
  ['consul/rpc-snapshot', FirstByte.snapshot],
  ['consul/rpc-grpc', FirstByte.grpc],
]);

/**
 * The first byte of `stream`; the rest stays in it. When `keep` says so of the byte, it stays too. Undefined: the
 * stream ended before. Rejects with NetworkError ETIMEDOUT.
 */
export async function takeFirstByte(
  stream: ReplayStream,
  clock: Clock,
  timeoutMs: Millis,
  keep: (byte: number) => boolean = () => false,
): Promise<number | undefined> {
  let isLate = false;
  const timer = clock.after(timeoutMs, () => {
    isLate = true;
    stream.destroy();
  });
  try {
    return await stream.probe((bytes) => {
      if (bytes.length === 0) return undefined;
      const byte = bytes[0]!;
      return { value: byte, rest: keep(byte) ? bytes : bytes.subarray(1) };
    });
  } catch {
    if (isLate) throw new NetworkError('ETIMEDOUT', 'no first byte in time');
    return undefined;
  } finally {
    timer.cancel();
  }
}
