import { errorText } from '@proconsul/base';
import type { CheckType, RawResult } from '@proconsul/checks';
import { DialError, joinHostPort, parseTarget, resolve } from './dial.ts';
import { errnoText } from './go-text.ts';
import { critical, type Deadline, deadlineOf, onAbort, passing, type RunContext } from './runner.ts';

/**
 * Sends an empty datagram. An answer is passing, and so is silence: only a refusal (ICMP) is critical.
 * Source: documentation of UDP checks. (The reference agent waits for ever on a silent peer and never reports.)
 */
export async function runUdp(check: CheckType, context: RunContext): Promise<RawResult> {
  const deadline = deadlineOf(context);
  try {
    const target = parseTarget(check.UDP, 'udp');
    const [address = '127.0.0.1'] = await resolve(target.host, 'udp', deadline);
    await probe(address, target.port, deadline);
    return passing(`UDP connect ${check.UDP}: Success`);
  } catch (error) {
    return critical(errorText(error));
  } finally {
    deadline.release();
  }
}

/** Resolves on an answer or when the time is over; rejects with DialError when the datagram was refused. */
async function probe(address: string, port: number, deadline: Deadline): Promise<void> {
  const { createSocket } = await import('node:dgram');
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const remote = joinHostPort(address, port);
  let forget = () => {};
  try {
    await new Promise<void>((done, fail) => {
      socket.on('error', (error) => {
        const call = (error as { syscall?: string }).syscall;
        if (call === 'connect') return fail(new DialError(`dial udp ${remote}: connect: ${errnoText(error)}`));
        fail(new DialError(`read udp ${localName(socket)}->${remote}: read: ${errnoText(error)}`));
      });
      socket.on('message', () => done());
      socket.connect(port, address, () => socket.send(new Uint8Array(0)));
      forget = onAbort(deadline.signal, done);
    });
  } finally {
    forget();
    socket.removeAllListeners('error');
    socket.on('error', () => {});
    socket.close();
  }
}

function localName(socket: import('node:dgram').Socket): string {
  try {
    const { address, port } = socket.address();
    return joinHostPort(address, port);
  } catch {
    return '';
  }
}
