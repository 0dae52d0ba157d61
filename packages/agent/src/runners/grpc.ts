import http2 from 'node:http2';
import type net from 'node:net';
import { concatBytes, errorText, ProtocolError, ProtoWire, ProtoWriter, protoFields } from '@proconsul/base';
import type { CheckType, RawResult } from '@proconsul/checks';
import { brokenText, dialTcp, parseTarget } from './dial.ts';
import { codeName, connectionError, decodeMessage, notGrpc, resetError, rpcError } from './grpc-status.ts';
import { HTTP1_PREFACE_TEXT } from './h2ping.ts';
import { critical, type Deadline, deadlineOf, onAbort, passing, type RunContext } from './runner.ts';

/** Bytes of an answer that are read; a health answer has a handful. */
export const GRPC_ANSWER_SIZE_MAX = 64 * 1024;

const CONNECT_TIMED_OUT = rpcError(
  'DeadlineExceeded',
  'received context error while waiting for new LB policy update: context deadline exceeded',
);
const CALL_TIMED_OUT = rpcError('DeadlineExceeded', 'context deadline exceeded');
const SERVING = 1;
const STATUS_NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** What the call gave: the serving status, or the text of what went wrong. */
type Answer = { readonly status: number } | { readonly problem: string };

/**
 * Calls `grpc.health.v1.Health/Check` for the service named after the first slash of the address.
 * Source: gRPC Health Checking Protocol; gRPC over HTTP/2.
 */
export async function runGrpc(check: CheckType, context: RunContext): Promise<RawResult> {
  const full = check.ProxyGRPC === '' ? check.GRPC : check.ProxyGRPC;
  const slash = full.indexOf('/');
  const address = slash < 0 ? full : full.slice(0, slash);
  const service = slash < 0 ? '' : full.slice(slash + 1);
  const deadline = deadlineOf(context);
  try {
    const socket = await connect(address, check, context, deadline);
    if (typeof socket === 'string') return critical(socket);
    const answer = await call(socket, address, service, check.GRPCUseTLS, deadline);
    socket.destroy();
    if ('problem' in answer) return critical(answer.problem);
    if (answer.status === SERVING) return passing(`gRPC check ${full}: success`);
    return critical(`gRPC ${full} serving status: ${STATUS_NAMES[answer.status] ?? answer.status}`);
  } finally {
    deadline.release();
  }
}

/** A connected socket, or the text of what went wrong. */
async function connect(
  address: string,
  check: CheckType,
  context: RunContext,
  deadline: Deadline,
): Promise<net.Socket | string> {
  let socket: net.Socket;
  let target: ReturnType<typeof parseTarget>;
  try {
    target = parseTarget(address, 'tcp');
    socket = await dialTcp(target, deadline);
  } catch (error) {
    if (deadline.signal.aborted) return CONNECT_TIMED_OUT;
    return connectionError(`transport: Error while dialing: ${errorText(error)}`);
  }
  if (!check.GRPCUseTLS) return socket;
  try {
    const { startTls } = await import('./tls.ts');
    const { clock, tls: material } = context;
    return await startTls(socket, { check, material, target, alpn: ['h2'], deadline, clock });
  } catch (error) {
    if (deadline.signal.aborted) return CONNECT_TIMED_OUT;
    return connectionError(`transport: authentication handshake failed: ${errorText(error)}`);
  }
}

function call(
  socket: net.Socket,
  address: string,
  service: string,
  secure: boolean,
  deadline: Deadline,
): Promise<Answer> {
  return new Promise((done) => {
    let ready = false;
    const session = http2.connect(`${secure ? 'https' : 'http'}://${address}`, {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    const finish = (answer: Answer): void => {
      forget();
      done(answer);
      session.destroy();
    };
    const lost = (error?: Error): void => {
      const reason = error === undefined ? 'EOF' : sessionError(socket, error, ready);
      const text = ready ? `error reading from server: ${reason}` : `error reading server preface: ${reason}`;
      finish({ problem: ready ? rpcError('Unavailable', text) : connectionError(text) });
    };
    const forget = onAbort(deadline.signal, () =>
      queueMicrotask(() => finish({ problem: ready ? CALL_TIMED_OUT : CONNECT_TIMED_OUT })),
    );
    session.on('error', lost);
    session.on('close', () => lost());
    session.on('remoteSettings', () => {
      if (ready) return;
      ready = true;
      send(session, address, service, secure, deadline.leftMs(), finish);
    });
  });
}

function sessionError(socket: net.Socket, error: Error, ready: boolean): string {
  const code = (error as { code?: string }).code ?? '';
  // Before the settings, a broken protocol is nearly always a server of HTTP/1.
  if (code.startsWith('ERR_HTTP2')) return ready ? error.message : HTTP1_PREFACE_TEXT;
  return code === 'ECONNRESET' ? 'EOF' : brokenText(socket, error);
}

function send(
  session: http2.ClientHttp2Session,
  address: string,
  service: string,
  secure: boolean,
  leftMs: number,
  finish: (answer: Answer) => void,
): void {
  const stream = session.request({
    ':method': 'POST',
    ':scheme': secure ? 'https' : 'http',
    ':path': '/grpc.health.v1.Health/Check',
    ':authority': address,
    'content-type': 'application/grpc',
    'user-agent': 'Consul Health Check',
    te: 'trailers',
    'grpc-timeout': `${Math.max(1, Math.ceil(leftMs))}m`,
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  let trailers: http2.IncomingHttpHeaders = {};
  let problem: string | undefined;
  stream.on('response', (headers) => {
    const type = headers['content-type'];
    if (headers[':status'] !== 200 || !/^application\/grpc($|[+;])/.test(type ?? '')) {
      problem = notGrpc(headers[':status'] ?? 0, type);
    }
    if (headers['grpc-status'] !== undefined) trailers = headers;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.on('data', (bytes: Uint8Array) => {
    size += bytes.length;
    if (size <= GRPC_ANSWER_SIZE_MAX) chunks.push(bytes);
    else
      finish({
        problem: rpcError(
          'ResourceExhausted',
          `grpc: received message larger than max (${size} vs. ${GRPC_ANSWER_SIZE_MAX})`,
        ),
      });
  });
  stream.on('error', () => {}); // Followed by close, with the code.
  stream.on('close', () => {
    if (problem !== undefined) finish({ problem });
    else if (stream.rstCode !== 0) finish({ problem: resetError(stream.rstCode) });
    else finish(readAnswer(trailers, concatBytes(chunks)));
  });
  stream.end(frame(healthRequest(service)));
}

function readAnswer(trailers: http2.IncomingHttpHeaders, body: Uint8Array): Answer {
  const status = trailers['grpc-status'];
  if (status === undefined)
    return { problem: rpcError('Internal', 'server closed the stream without sending trailers') };
  if (status !== '0') {
    const message = trailers['grpc-message'];
    return { problem: rpcError(codeName(Number(status)), decodeMessage(typeof message === 'string' ? message : '')) };
  }
  if (body.length === 0) return { problem: 'EOF' };
  try {
    return { status: decodeHealthAnswer(unframe(body)) };
  } catch (error) {
    return { problem: rpcError('Internal', `grpc: failed to unmarshal the received message: ${errorText(error)}`) };
  }
}

/** `u8 0 | u32be length | message`. Source: gRPC over HTTP/2, "Length-Prefixed-Message". */
function frame(message: Uint8Array): Uint8Array {
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(1, message.length);
  return concatBytes([head, message]);
}

/** The first message of a body. Throws ProtocolError when it is cut short or compressed. */
export function unframe(body: Uint8Array): Uint8Array {
  if (body.length < 5) throw new ProtocolError('GRPC_FRAME', 'unexpected EOF');
  if (body[0] !== 0) throw new ProtocolError('GRPC_COMPRESSED', 'compressed flag set with identity or empty encoding');
  const length = new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(1);
  if (length > body.length - 5) throw new ProtocolError('GRPC_FRAME', 'unexpected EOF');
  return body.subarray(5, 5 + length);
}

/** `message HealthCheckRequest { string service = 1; }` */
export const healthRequest = (service: string): Uint8Array => new ProtoWriter().text(1, service).finish();

/** `message HealthCheckResponse { ServingStatus status = 1; }`; other fields are skipped. Throws ProtocolError. */
export function decodeHealthAnswer(message: Uint8Array): number {
  let status = 0;
  for (const { field, wire, value } of protoFields(message)) {
    if (field === 1 && wire === ProtoWire.varint) status = Number(value);
  }
  return status;
}
