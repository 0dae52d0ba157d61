import { CodedError, fromUtf8, utf8 } from '@proconsul/base';

/** Codes of answers. Source: gRPC over HTTP/2, status codes. */
export const GrpcCode = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** How a call fails; anything else that a method throws is answered as `unknown` with its text. */
export class GrpcError extends CodedError {
  override readonly name = 'GrpcError';
  readonly status: number;

  constructor(status: number, message: string) {
    super('GRPC', message);
    this.status = status;
  }
}

/** Bytes outside of printable ASCII, and the percent sign, as `%XX`. Source: gRPC over HTTP/2, Status-Message. */
export function encodeGrpcMessage(text: string): string {
  let out = '';
  for (const byte of utf8(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    out += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** The reverse; what is no escape stays. */
export function decodeGrpcMessage(text: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text[i] === '%' ? /^[0-9a-fA-F]{2}/.exec(text.slice(i + 1, i + 3))?.[0] : undefined;
    bytes.push(code === undefined ? text.charCodeAt(i) & 0xff : Number.parseInt(code, 16));
    if (code !== undefined) i += 2;
  }
  return fromUtf8(Uint8Array.from(bytes));
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header; undefined when there is none or it is no timeout. */
export function grpcTimeoutMs(header: string | undefined): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  return digits === undefined ? undefined : Number(digits) * UNIT_MS[unit as string]!;
}
