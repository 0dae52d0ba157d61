import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { DiscoverError } from './errors.ts';

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default {@link REQUEST_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  readonly tls?: TlsChoice;
}

export interface TlsChoice {
  /** Any certificate will do. */
  readonly insecure?: boolean;
  /** PEM. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface HttpAnswer {
  readonly status: number;
  header(name: string): string;
  readonly body: string;
}

export const REQUEST_TIMEOUT_MS = 30_000;
/** Answers beyond this are refused. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** One request over HTTP or HTTPS. Rejects with DiscoverError when no whole answer comes. */
export function httpSend(request: HttpRequest): Promise<HttpAnswer> {
  const { method = 'GET', url, headers = {}, body, timeoutMs = REQUEST_TIMEOUT_MS, tls = {} } = request;
  const target = new URL(url);
  const trust = { rejectUnauthorized: tls.insecure !== true, ca: tls.ca, cert: tls.cert, key: tls.key };
  const options = { method, headers: { ...headers }, agent: false, signal: AbortSignal.timeout(timeoutMs) };
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      const reason = error.name === 'TimeoutError' || error.name === 'AbortError' ? 'timed out' : error.message;
      reject(new DiscoverError(`${method} ${target.origin}${target.pathname}: ${reason}`));
    };
    const sent =
      target.protocol === 'https:' ? secureRequest(target, { ...options, ...trust }) : plainRequest(target, options);
    sent.on('error', fail);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > ANSWER_BYTES_MAX) sent.destroy(new Error(`answer is larger than ${ANSWER_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () => {
        const header = (name: string): string => String(response.headers[name.toLowerCase()] ?? '');
        resolve({ status: response.statusCode ?? 0, header, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.end(body);
  });
}
