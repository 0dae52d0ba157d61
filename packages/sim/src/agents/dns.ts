import type { Millis } from '@proconsul/base';
import { decodeMessage, encodeMessage, type Message } from '@proconsul/dns-wire';
import { NoAnswer } from './http.ts';
import type { Scene } from './scene.ts';

const DNS_PORT = 8600;
const DIAL_MS: Millis = 3000;
const SRV = 33;
const IN = 1;

/** What came of a question for SRV records. */
export interface SrvAnswer {
  readonly rcode: number;
  /** First label of each target, and the port. */
  readonly targets: readonly string[];
}

/** Asks the agent at `address` for SRV records, over TCP. Rejects with NoAnswer. Source: RFC 1035 section 4.2.2. */
export async function askSrv(scene: Scene, address: string, name: string, timeoutMs: Millis): Promise<SrvAnswer> {
  const stream = await scene.network.dialFrom(address, DNS_PORT, DIAL_MS).catch((error: Error) => {
    throw new NoAnswer(error.message, true);
  });
  const question = { name, type: SRV, class: IN };
  const query = encodeMessage({ id: 7, questions: [question], answers: [], authority: [], additional: [] });
  try {
    return await new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new NoAnswer(why, false));
      let bytes: number[] = [];
      stream.onClose(() => fail('the connection was closed'));
      stream.onEnd(() => fail('the connection ended'));
      stream.onData((more) => {
        bytes = [...bytes, ...more];
        const size = ((bytes[0] ?? 0) << 8) + (bytes[1] ?? 0);
        if (bytes.length >= 2 && bytes.length >= 2 + size)
          resolve(srvOf(decodeMessage(new Uint8Array(bytes.slice(2)))));
      });
      scene.events.after(timeoutMs, () => fail('no answer in time'));
      stream.write(new Uint8Array([query.length >> 8, query.length, ...query]));
    });
  } finally {
    stream.destroy();
  }
}

function srvOf({ rcode = 0, answers }: Message): SrvAnswer {
  return { rcode, targets: answers.flatMap((r) => (r.kind === 'SRV' ? [`${r.target.split('.')[0]}:${r.port}`] : [])) };
}
