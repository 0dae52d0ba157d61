import http from 'node:http';

/** Names of the status codes. Source: gRPC documentation, "Status codes and their use in gRPC". */
const CODES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

/** How an RPC that failed is shown. */
export function rpcError(code: string, description: string): string {
  return `rpc error: code = ${code} desc = ${description}`;
}

/** An RPC that failed because there was no connection to send it on. */
export function connectionError(reason: string): string {
  return rpcError('Unavailable', `connection error: desc = "${reason.replaceAll('"', '\\"')}"`);
}

/** The name of a numeric status: `NotFound`, or `Code(99)`. */
export function codeName(code: number): string {
  return CODES[code] ?? `Code(${code})`;
}

/** Undoes the percent-encoding of `grpc-message`; bad escapes stay. Source: gRPC over HTTP/2, "Status-Message". */
export function decodeMessage(text: string): string {
  return Buffer.from(
    text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  ).toString('utf8');
}

/** What an answer that is not gRPC means. Source: gRPC documentation, "HTTP to gRPC status code mapping". */
export function notGrpc(status: number, contentType: string | undefined): string {
  const codes: Readonly<Record<number, string>> = {
    400: 'Internal',
    401: 'Unauthenticated',
    403: 'PermissionDenied',
    404: 'Unimplemented',
    429: 'Unavailable',
    502: 'Unavailable',
    503: 'Unavailable',
    504: 'Unavailable',
  };
  const reason = http.STATUS_CODES[status] ?? '';
  const first = `unexpected HTTP status code received from server: ${status} (${reason})`;
  const second =
    contentType === undefined
      ? 'malformed header: missing HTTP content-type'
      : `transport: received unexpected content-type "${contentType}"`;
  return rpcError(codes[status] ?? 'Unknown', `${first}; ${second}`);
}

/** What a stream that was reset means. Source: gRPC over HTTP/2, "Errors"; RFC 9113 section 7 for the names. */
export function resetError(code: number): string {
  const names = [
    'NO_ERROR',
    'PROTOCOL_ERROR',
    'INTERNAL_ERROR',
    'FLOW_CONTROL_ERROR',
    'SETTINGS_TIMEOUT',
    'STREAM_CLOSED',
    'FRAME_SIZE_ERROR',
    'REFUSED_STREAM',
    'CANCEL',
    'COMPRESSION_ERROR',
    'CONNECT_ERROR',
    'ENHANCE_YOUR_CALM',
    'INADEQUATE_SECURITY',
    'HTTP_1_1_REQUIRED',
  ];
  const status: Readonly<Record<number, string>> = {
    7: 'Unavailable',
    8: 'Canceled',
    11: 'ResourceExhausted',
    12: 'PermissionDenied',
  };
  const description = `stream terminated by RST_STREAM with error code: ${names[code] ?? code}`;
  return rpcError(status[code] ?? 'Internal', description);
}
