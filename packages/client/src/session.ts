import type { Http } from './http.ts';
import { type Answer, escapeSegment, type ReadOptions, type RequestOptions } from './query.ts';
import type { Session, SessionRequest } from './types.ts';

/** Sessions bind locks to the health of a node and to a time to live. Source: HTTP API documentation, session. */
export class Sessions {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Creates a session and gives its ID. */
  async create(request: SessionRequest = {}, options: RequestOptions = {}): Promise<string> {
    return (await this.#http.write<{ ID: string }>('PUT', '/v1/session/create', request, options)).ID;
  }

  /** True also for a session that does not exist. Its locks are released or deleted, as its behaviour says. */
  destroy(id: string, options: RequestOptions = {}): Promise<boolean> {
    return this.#http.write('PUT', `/v1/session/destroy/${escapeSegment(id)}`, undefined, options);
  }

  /** Restarts the time to live. Throws ApiError 404 when the session is gone. */
  async renew(id: string, options: RequestOptions = {}): Promise<Session | undefined> {
    const [session] = await this.#http.write<Session[]>(
      'PUT',
      `/v1/session/renew/${escapeSegment(id)}`,
      undefined,
      options,
    );
    return session;
  }

  async info(id: string, options: ReadOptions = {}): Promise<Answer<Session | undefined>> {
    const answer = await this.#http.read<Session[]>(`/v1/session/info/${escapeSegment(id)}`, options);
    return { value: answer.value[0], meta: answer.meta };
  }

  node(name: string, options: ReadOptions = {}): Promise<Answer<Session[]>> {
    return this.#http.read(`/v1/session/node/${escapeSegment(name)}`, options);
  }

  list(options: ReadOptions = {}): Promise<Answer<Session[]>> {
    return this.#http.read('/v1/session/list', options);
  }
}
