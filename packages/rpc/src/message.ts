import { ProtocolError, utf8 } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';

// Request and answer of net/rpc with the MessagePack codec: a header map, then the body, without framing.
// Source: calls captured from the reference agent (testdata/rpc-probes.json).

export interface RequestHeader {
  /** Chosen by the client, 64 bits. */
  readonly seq: number | bigint;
  readonly method: string;
}

export interface ReplyHeader extends RequestHeader {
  /** Empty: the call succeeded. */
  readonly error: string;
}

/** The body of an answer that carries an error: an empty map. */
const NO_BODY: Uint8Array = new Uint8Array([0x80]);

/** Longest text of an error that we send; what is over is cut off. */
export const ERROR_TEXT_BYTES_MAX = 64 * 1024;

export function encodeRequest(seq: number, method: string, body: Uint8Array): Uint8Array {
  const w = new Writer('rpc', 64 + method.length + body.length);
  w.mapHeader(2);
  w.key('Seq');
  w.uint(seq);
  w.key('ServiceMethod');
  w.str(method);
  w.raw(body);
  return w.take();
}

export function encodeReply(request: RequestHeader, body: Uint8Array): Uint8Array {
  return encodeAnswer(request, '', body);
}

export function encodeErrorReply(request: RequestHeader, error: string): Uint8Array {
  // An empty text would say that all is well.
  const text = error === '' ? 'unknown error' : error;
  return encodeAnswer(request, utf8(text).length > ERROR_TEXT_BYTES_MAX ? text.slice(0, 16_384) : text, NO_BODY);
}

function encodeAnswer({ seq, method }: RequestHeader, error: string, body: Uint8Array): Uint8Array {
  const w = new Writer('rpc', 128 + method.length + error.length * 3 + body.length);
  w.mapHeader(3);
  w.key('Error');
  w.str(error);
  w.key('Seq');
  w.uint(seq);
  w.key('ServiceMethod');
  w.str(method);
  w.raw(body);
  return w.take();
}

/** Throws ProtocolError: RPC_HEADER when it is not a map with a sequence number and a method, or one of the codec. */
export function decodeRequestHeader(bytes: Uint8Array): RequestHeader {
  const { seq, method } = decodeHeader(bytes);
  return { seq, method };
}

/** Throws as {@link decodeRequestHeader}. */
export function decodeReplyHeader(bytes: Uint8Array): ReplyHeader {
  return decodeHeader(bytes);
}

function decodeHeader(bytes: Uint8Array): ReplyHeader {
  const r = new Reader(bytes);
  let seq: number | bigint = 0;
  let method = '';
  let error = '';
  let pairs: number;
  if (r.peekKind() !== 'map') throw new ProtocolError('RPC_HEADER', 'header is not a map');
  for (pairs = r.mapHeader(); pairs > 0; pairs--) {
    switch (r.key()) {
      case 'Seq':
        seq = r.intOrBig();
        if (seq < 0) throw new ProtocolError('RPC_HEADER', 'negative sequence number');
        break;
      case 'ServiceMethod':
        method = r.isNil() ? '' : r.str();
        break;
      case 'Error':
        error = r.isNil() ? '' : r.str();
        break;
      default:
        r.skip();
    }
  }
  return { seq, method, error };
}
