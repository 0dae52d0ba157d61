import { createSocket, type Socket } from 'node:dgram';
import { DiscoverError } from './errors.ts';

export interface MulticastQuestion {
  readonly query: Uint8Array;
  readonly v4: boolean;
  readonly v6: boolean;
  readonly timeoutMs: number;
}

/** Sends a question to the link and gives the answers that come until the time is over. */
export type Multicast = (question: MulticastQuestion) => Promise<Uint8Array[]>;

/** Source: RFC 6762 section 3. */
const GROUPS = { v4: '224.0.0.251', v6: 'ff02::fb', port: 5353 } as const;
/** Answers beyond this are passed over. */
const ANSWERS_MAX = 4096;

function ask(kind: 'udp4' | 'udp6', group: string, question: MulticastQuestion, answers: Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = createSocket(kind);
    const end = setTimeout(() => socket.close(() => resolve()), question.timeoutMs);
    const fail = (error: Error) => {
      clearTimeout(end);
      socket.close();
      reject(new DiscoverError(`discover-mdns: ${error.message}`));
    };
    socket.on('error', fail);
    socket.on('message', (bytes) => {
      if (answers.length < ANSWERS_MAX) answers.push(bytes);
    });
    socket.send(question.query, GROUPS.port, group, (error) => {
      if (error !== null) fail(error);
    });
  });
}

/** Over the machine's own interfaces. Fails only when every address family does. */
export const linkMulticast: Multicast = async (question) => {
  const answers: Uint8Array[] = [];
  const tries: Promise<void>[] = [];
  if (question.v4) tries.push(ask('udp4', GROUPS.v4, question, answers));
  if (question.v6) tries.push(ask('udp6', GROUPS.v6, question, answers));
  const ends = await Promise.allSettled(tries);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined && ends.every((end) => end.status === 'rejected')) throw failed.reason;
  return answers;
};
