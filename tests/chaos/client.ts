import { Agent, request } from 'node:http';

/** What became of one request. */
export interface Answer {
  /** 0: no answer came. */
  readonly status: number;
  /** `X-Consul-Index`; 0 when there is none. */
  readonly index: number;
  /** `X-Consul-LastContact` in milliseconds; NaN when there is none. */
  readonly ageMs: number;
  readonly text: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** `done`: answered with 200, or 404. `refused`: it has certainly not happened. `unknown`: it may have, or still may. */
  readonly outcome: 'done' | 'refused' | 'unknown';
}

/** How long most programs wait. */
export const PATIENCE_MS = 6_000;

/** Errors of connections that never came to be: nothing was sent. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Requests to one agent. Never throws: whatever goes wrong is an answer. */
export class Client {
  readonly #connections = new Agent({ keepAlive: true });
  readonly #host: string;
  readonly #port: number;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  get(path: string, withinMs?: number): Promise<Answer> {
    return this.ask('GET', path, undefined, withinMs);
  }

  put(path: string, body?: unknown, withinMs?: number): Promise<Answer> {
    return this.ask(
      'PUT',
      path,
      typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
      withinMs,
    );
  }

  ask(method: string, path: string, body: string | undefined, withinMs: number = PATIENCE_MS): Promise<Answer> {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const end = (outcome: Answer['outcome'], status = 0, text = '', headers: NodeJS.Dict<string | string[]> = {}) => {
        clearTimeout(timer);
        resolve({
          outcome,
          status,
          text,
          index: Number(headers['x-consul-index'] ?? 0),
          ageMs: Number(headers['x-consul-lastcontact'] ?? Number.NaN),
          startedAt,
          endedAt: performance.now(),
        });
      };
      const fail = (error: NodeJS.ErrnoException) =>
        end(NEVER_SENT.has(error.code ?? '') ? 'refused' : 'unknown', 0, error.message);
      const req = request({ agent: this.#connections, host: this.#host, port: this.#port, method, path }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        res.on('error', fail);
        res.on('close', () => {
          const { statusCode: status = 0, headers } = res;
          if (res.complete) end(outcomeOf(status), status, text, headers);
          else end('unknown', 0, 'the answer was cut');
        });
      });
      const timer = setTimeout(() => req.destroy(new Error('no answer in time')), withinMs);
      req.on('error', fail);
      req.end(body);
    });
  }

  close(): void {
    this.#connections.destroy();
  }
}

/** A 4xx says that nothing was done; a 5xx that nobody knows. */
function outcomeOf(status: number): Answer['outcome'] {
  if (status === 200 || status === 404) return 'done';
  return status >= 400 && status < 500 ? 'refused' : 'unknown';
}
