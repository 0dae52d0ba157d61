import type { Http2Post, Millis } from '@proconsul/base';
import type { RpcClient, RpcPeer } from '../peer.ts';
import { decodeGrpcMessage, GrpcCode, GrpcError } from './status.ts';

/** An answer of one message. */
export const GRPC_REPLY_BYTES_MAX = 4 * 1024 * 1024;

const PREFIX_BYTES = 5;

/** One call to a server over the port of RPC, on a connection of its own. */
export type GrpcUnary = (peer: RpcPeer, path: string, message: Uint8Array, timeoutMs: Millis) => Promise<Uint8Array>;

/**
 * Resolves with the message of the answer. Rejects with GrpcError, whose message is the server's, with RpcError when the
 * server cannot be reached, or with Error when the connection breaks. Source: gRPC over HTTP/2.
 */
export function grpcUnary(client: Pick<RpcClient, 'dial'>, post: Http2Post): GrpcUnary {
  return async (peer, path, message, timeoutMs) => {
    const stream = await client.dial(peer, 'grpc', { timeoutMs });
    const headers = { 'content-type': 'application/grpc', te: 'trailers' };
    const bytesMax = GRPC_REPLY_BYTES_MAX + PREFIX_BYTES;
    const answer = await post(stream, { path, headers, body: framed(message), timeoutMs, bytesMax });
    const status = Number(answer.headers['grpc-status'] ?? GrpcCode.unknown);
    if (status !== GrpcCode.ok) {
      const text = decodeGrpcMessage(answer.headers['grpc-message'] ?? '');
      throw new GrpcError(status, text || `unexpected HTTP status code received from server: ${answer.status}`);
    }
    return unframed(answer.body);
  };
}

/** u8 compressed | u32be length | message. */
function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

function unframed(bytes: Uint8Array): Uint8Array {
  const isWhole =
    bytes.length >= PREFIX_BYTES &&
    bytes[0] === 0 &&
    new DataView(bytes.buffer, bytes.byteOffset).getUint32(1) === bytes.length - PREFIX_BYTES;
  if (!isWhole) throw new GrpcError(GrpcCode.internal, 'the answer is not one message');
  return bytes.subarray(PREFIX_BYTES);
}
