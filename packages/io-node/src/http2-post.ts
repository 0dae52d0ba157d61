import type * as http2 from 'node:http2';
import { concatBytes, type Http2Post } from '@proconsul/base';
import { StreamDuplex } from './stream-duplex.ts';

/** One POST by Node's HTTP/2 over any Stream. The module is loaded with the first one. */
export const nodeHttp2Post: Http2Post = async (stream, request) => {
  const { connect } = await import('node:http2');
  const duplex = new StreamDuplex(stream);
  duplex.on('error', () => undefined);
  const session = connect('http://server', { createConnection: () => duplex });
  try {
    return await post(session, request);
  } finally {
    session.destroy();
    duplex.destroy();
  }
};

function post(session: http2.ClientHttp2Session, request: Parameters<Http2Post>[1]): ReturnType<Http2Post> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('context deadline exceeded')), request.timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    session.on('error', fail);
    const headers: Record<string, string | undefined> = Object.create(null);
    const keep = (given: http2.IncomingHttpHeaders): void => {
      for (const [name, value] of Object.entries(given))
        headers[name] = Array.isArray(value) ? value.join(', ') : value;
    };
    const chunks: Uint8Array[] = [];
    let size = 0;
    const call = session.request({ ':method': 'POST', ':path': request.path, ...request.headers });
    call.on('error', fail);
    call.on('response', keep);
    call.on('trailers', keep);
    call.on('data', (bytes: Uint8Array) => {
      size += bytes.length;
      if (size > request.bytesMax) fail(new Error('the answer is too long'));
      else chunks.push(bytes);
    });
    call.on('close', () => {
      if (headers[':status'] === undefined) return fail(new Error('the connection was closed'));
      clearTimeout(timer);
      resolve({ status: Number(headers[':status']), headers, body: concatBytes(chunks) });
    });
    call.end(request.body);
  });
}
