import { type Clock, concatBytes, type Millis, NetworkError } from '@proconsul/base';
import type { ReplayStream } from './replay-stream.ts';
import { ValueScanner } from './value-scanner.ts';

/**
 * Waits until one MessagePack value of at most `limitBytes` has arrived; it stays in the stream with all that follows.
 * Rejects with ProtocolError, with NetworkError ETIMEDOUT, or with what ended the stream.
 */
export async function awaitValue(
  stream: ReplayStream,
  limitBytes: number,
  clock: Clock,
  timeoutMs: Millis,
): Promise<void> {
  const late = new NetworkError('ETIMEDOUT', 'request did not arrive in time');
  let isLate = false;
  const timer = clock.after(timeoutMs, () => {
    isLate = true;
    stream.destroy();
  });
  const scanner = new ValueScanner();
  scanner.start(limitBytes);
  let seen: Uint8Array = new Uint8Array(0);
  try {
    await stream.probe((bytes) => {
      seen = concatBytes([seen, bytes]);
      return scanner.scan(bytes, 0) < 0 ? undefined : { value: true, rest: seen };
    });
  } catch (error) {
    throw isLate ? late : error;
  } finally {
    timer.cancel();
  }
}
