import { errorText } from '@proconsul/base';
import type { CheckType, RawResult } from '@proconsul/checks';
import { dialTcp, parseTarget } from './dial.ts';
import { critical, deadlineOf, passing, type RunContext } from './runner.ts';

/** Connects and hangs up. With `TCPUseTLS` the handshake must succeed as well. */
export async function runTcp(check: CheckType, context: RunContext): Promise<RawResult> {
  const deadline = deadlineOf(context);
  try {
    const target = parseTarget(check.TCP, 'tcp');
    const socket = await dialTcp(target, deadline);
    if (!check.TCPUseTLS) {
      socket.destroy();
      return passing(`TCP connect ${check.TCP}: Success`);
    }
    const { startTls } = await import('./tls.ts');
    const secure = await startTls(socket, { check, material: context.tls, target, deadline, clock: context.clock });
    secure.destroy();
    return passing(`TCP+TLS connect ${check.TCP}: Success`);
  } catch (error) {
    return critical(errorText(error));
  } finally {
    deadline.release();
  }
}
