import { CodedError } from '@proconsul/base';

/** A message that is not HTTP/1.1, or is more than we take. `status` answers it; the connection must then be closed. */
export class HttpError extends CodedError {
  override readonly name = 'HttpError';
  readonly status: number;
  constructor(status: number, detail: string) {
    super(`HTTP_${status}`, detail, { status });
    this.status = status;
  }
}

/** Every fault is made once: attackers do not get to spend our time on stack traces. */
const fault = (status: number, detail: string): HttpError => {
  const error = new HttpError(status, detail);
  error.stack = `${error.name}: ${detail}`;
  return error;
};

/** Everything that a parser can object to, by name. The texts go out in the answer. */
export const FAULTS = {
  requestLine: fault(400, 'malformed request line'),
  method: fault(400, 'invalid method'),
  target: fault(400, 'invalid request target'),
  targetTooLong: fault(414, 'request target too long'),
  version: fault(400, 'malformed HTTP version'),
  versionUnsupported: fault(505, 'unsupported protocol version'),
  lineEnd: fault(400, 'line not terminated by CRLF'),
  headTooLarge: fault(431, 'request head too large'),
  tooManyHeaders: fault(431, 'too many header fields'),
  headerName: fault(400, 'invalid header name'),
  headerValue: fault(400, 'invalid header value'),
  folding: fault(400, 'folded header line'),
  hostMissing: fault(400, 'missing required Host header'),
  hostRepeated: fault(400, 'too many Host headers'),
  hostMalformed: fault(400, 'malformed Host header'),
  contentLength: fault(400, 'invalid Content-Length'),
  contentLengthRepeated: fault(400, 'repeated Content-Length'),
  ambiguousFraming: fault(400, 'both Transfer-Encoding and Content-Length'),
  transferEncodingRepeated: fault(400, 'repeated Transfer-Encoding'),
  transferEncodingVersion: fault(400, 'Transfer-Encoding needs HTTP/1.1'),
  transferEncodingUnsupported: fault(501, 'unsupported transfer encoding'),
  chunkSize: fault(400, 'invalid chunk size'),
  chunkExtension: fault(400, 'invalid chunk extension'),
  chunkEnd: fault(400, 'chunk not terminated by CRLF'),
  trailer: fault(400, 'framing field in trailer'),
  trailerTooLarge: fault(431, 'trailer too large'),
  expectation: fault(417, 'unknown expectation'),
  headTimeout: fault(408, 'request head took too long'),
  bodyTimeout: fault(408, 'request body took too long'),
} as const;
