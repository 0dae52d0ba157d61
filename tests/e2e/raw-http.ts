import { connect } from 'node:net';

/** What came back on a connection: everything until the server closed it. */
export interface RawAnswer {
  /** 0 when nothing came. */
  readonly status: number;
  readonly text: string;
  /** What follows the head of the first answer. */
  readonly body: string;
}

const WITHIN_MS = 10_000;

/**
 * Sends bytes as they are on a connection of their own, closes our side, and reads to the end. Rejects when the server
 * neither answers nor closes in ten seconds.
 */
export function sendRaw(
  port: number,
  bytes: string | Uint8Array,
  options: { keepOpen?: boolean } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const timer = setTimeout(() => {
      socket.destroy();
      const sent = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1');
      reject(new Error(`no end of the answer to ${JSON.stringify(sent.slice(0, 300))}`));
    }, WITHIN_MS);
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      const text = Buffer.concat(chunks).toString('latin1');
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
      const head = text.indexOf('\r\n\r\n');
      resolve({ status, text, body: head < 0 ? '' : text.slice(head + 4) });
    };
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (options.keepOpen) done();
    });
    socket.on('end', done);
    socket.on('error', done); // A reset: the server did not want to read on.
    socket.on('connect', () => {
      if (options.keepOpen) socket.write(bytes);
      else socket.end(bytes);
    });
  });
}

/** Runs jobs, `width` at a time. */
export async function inParallel<T>(width: number, jobs: readonly T[], run: (job: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) await run(jobs[next++] as T);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
