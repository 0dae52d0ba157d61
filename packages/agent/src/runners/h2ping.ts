import type net from 'node:net';
import { concatBytes, equalBytes, errorText, fromUtf8 } from '@proconsul/base';
import type { CheckType, RawResult } from '@proconsul/checks';
import { brokenText, dialTcp, parseTarget } from './dial.ts';
import { critical, type Deadline, deadlineOf, onAbort, passing, type RunContext } from './runner.ts';

/** Largest frame that a peer may send before other settings were agreed on. Source: RFC 9113 section 4.2. */
export const FRAME_SIZE_MAX = 16_384;
const FRAME_HEADER = 9;
const PREFACE = new TextEncoder().encode('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
const SETTINGS_ACK = Uint8Array.of(0, 0, 0, 4, 1, 0, 0, 0, 0);
const PING_TYPE = 6;
const SETTINGS_TYPE = 4;
const GOAWAY_TYPE = 7;
const ACK = 1;

/** Sends an HTTP/2 ping, over TLS unless the definition says otherwise, and waits for its answer. Source: RFC 9113. */
export async function runH2Ping(check: CheckType, context: RunContext): Promise<RawResult> {
  const deadline = deadlineOf(context);
  try {
    let socket: net.Socket;
    try {
      const target = parseTarget(check.H2PING, 'tcp');
      socket = await dialTcp(target, deadline);
      if (check.H2PingUseTLS) {
        const { startTls } = await import('./tls.ts');
        socket = await startTls(socket, {
          check,
          material: context.tls,
          target,
          alpn: ['h2'],
          deadline,
          clock: context.clock,
        });
      }
    } catch (error) {
      return critical(`Failed to dial to ${check.H2PING}: ${errorText(error)}`);
    }
    const problem = await ping(socket, deadline);
    socket.destroy();
    return problem === undefined ? passing('HTTP2 ping was successful') : critical(`HTTP2 ping failed: ${problem}`);
  } finally {
    deadline.release();
  }
}

/** Resolves with what went wrong, or undefined when the ping came back. */
function ping(socket: net.Socket, deadline: Deadline): Promise<string | undefined> {
  const payload = crypto.getRandomValues(new Uint8Array(8));
  return new Promise((done) => {
    const forget = onAbort(deadline.signal, () => finish('context deadline exceeded'));
    function finish(problem: string | undefined): void {
      forget();
      socket.removeAllListeners('data');
      done(problem);
    }
    const frames = new FrameReader((type, flags, body) => {
      if (type === SETTINGS_TYPE && (flags & ACK) === 0) socket.write(SETTINGS_ACK);
      else if (type === PING_TYPE && (flags & ACK) !== 0 && equalBytes(body, payload)) finish(undefined);
      else if (type === GOAWAY_TYPE) finish('http2: client connection lost');
    });
    socket.on('error', (error) => finish(brokenText(socket, error)));
    socket.on('end', () => finish('EOF'));
    socket.on('close', () => finish('EOF'));
    socket.on('data', (bytes: Uint8Array) => {
      const problem = frames.write(bytes);
      if (problem !== undefined) finish(problem);
    });
    socket.write(concatBytes([PREFACE, SETTINGS, Uint8Array.of(0, 0, 8, PING_TYPE, 0, 0, 0, 0, 0), payload]));
  });
}

/**
 * Cuts a stream into HTTP/2 frames:
 *     u24 length | u8 type | u8 flags | u32 stream | length bytes
 * Source: RFC 9113 section 4.1. Holds at most one frame.
 */
export class FrameReader {
  readonly #onFrame: (type: number, flags: number, body: Uint8Array) => void;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(onFrame: (type: number, flags: number, body: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** Returns what is wrong with the stream, after which it must not be used, or undefined. */
  write(bytes: Uint8Array): string | undefined {
    let data = this.#rest.length === 0 ? bytes : concatBytes([this.#rest, bytes]);
    while (data.length >= FRAME_HEADER) {
      const length = (data[0]! << 16) | (data[1]! << 8) | data[2]!;
      if (length > FRAME_SIZE_MAX) return notFrames(data);
      const end = FRAME_HEADER + length;
      if (data.length < end) break;
      this.#onFrame(data[3]!, data[4]!, data.subarray(FRAME_HEADER, end));
      data = data.subarray(end);
    }
    this.#rest = data.slice();
    return undefined;
  }
}

/** What an HTTP/1 server's answer looks like to a reader of frames. */
export const HTTP1_PREFACE_TEXT =
  'http2: failed reading the frame payload: %!w(<nil>), note that the frame header looked like an HTTP/1.1 header';

function notFrames(data: Uint8Array): string {
  return fromUtf8(data.subarray(0, 5)) === 'HTTP/' ? HTTP1_PREFACE_TEXT : 'http2: frame too large';
}
