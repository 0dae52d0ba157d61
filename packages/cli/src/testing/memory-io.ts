import type { Transport, TransportRequest, TransportResponse } from '@proconsul/client';
import { type Io, run } from '../index.ts';

/** What a command line did. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MemoryWorld {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly transport?: Transport;
  /** Called whenever something has been written to standard error. */
  readonly onError?: () => void;
  /** SIGINT comes when this resolves. */
  readonly until?: Promise<void>;
}

/** Runs a command line with everything in memory. */
export async function runInMemory(argv: readonly string[], world: MemoryWorld = {}): Promise<Outcome> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const io: Io = {
    env: world.env ?? {},
    write: (chunk) => void out.push(Buffer.from(chunk as string)),
    writeError: (chunk) => {
      err.push(Buffer.from(chunk as string));
      world.onError?.();
    },
    async *stdin() {
      yield Buffer.from(world.stdin ?? '');
    },
    onSignal: (fn) => {
      void world.until?.then(() => fn('SIGINT'));
      return () => {};
    },
    transport: world.transport,
  };
  const status = await run(argv, io);
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** One request and its answer; bodies are Latin-1. */
export interface Exchange {
  readonly request: string;
  readonly sent: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers requests in memory. Requests that `answer` does not know reject. */
export function memoryTransport(
  answer: (request: string, sent: string) => Omit<Exchange, 'request' | 'sent'> | undefined,
): Transport {
  return {
    base: 'http://127.0.0.1:8500',
    async request(request: TransportRequest): Promise<TransportResponse> {
      const sent = request.body instanceof Uint8Array ? Buffer.from(request.body).toString('latin1') : '';
      const found = answer(`${request.method} ${request.path}`, sent);
      if (!found) throw new Error(`no answer for ${request.method} ${request.path}`);
      return {
        status: found.status,
        header: (name) => found.headers[name.toLowerCase()],
        body: chunk(Buffer.from(found.body, 'latin1')),
      };
    },
  };
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
