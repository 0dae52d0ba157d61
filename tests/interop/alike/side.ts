import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { TestAgent } from '../../e2e/harness.ts';
import type { Request } from './requests.ts';

/** An answer in which everything that may differ between two agents is a number of its own agent's counting. */
export interface Alike {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Headers that say something about the moment, the connection or the encoding. */
const PASSING_HEADERS = new Set([
  'date',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'age',
  'x-consul-lastcontact',
  // Moves with the whole table there, and with the answer here; what it must do is tested elsewhere.
  'x-consul-index',
]);
const INDEX_NAMES = new Set(['CreateIndex', 'ModifyIndex']);
/** Positions in its own log, and what is made of them. */
const OWN_COUNTING = new Set(['Hash', 'Index', 'LastIndex', 'PrimaryModifyIndex']);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g;
const GIVEN_UUID = /^(0{8}|1{8}|9{8})-/;

/** One of the two agents that are compared, with what it has counted. */
export class Side {
  readonly #agent: TestAgent;
  readonly #host: string;
  readonly #server: TestAgent;
  readonly #ids = new Map<string, string>();
  readonly #sessions: string[] = [];
  /** The index of the log after each request. */
  readonly #applied: number[] = [];
  readonly #http = new http.Agent({ keepAlive: true, maxSockets: 1 });

  /** `server` counts what has been applied: the agent itself, or the server of a client agent. */
  constructor(agent: TestAgent, server: TestAgent = agent) {
    this.#agent = agent;
    this.#host = agent.host;
    this.#server = server;
  }

  async ask(request: Request): Promise<Alike> {
    const filled = (text: string): string =>
      text.replaceAll(
        /\{session(\d)\}/g,
        (_, n: string) => this.#sessions.at(-1 - Number(n)) ?? '88888888-0000-0000-0000-000000000000',
      );
    const { status, headers, text } = await this.#request(
      request.method,
      filled(request.path),
      request.body === undefined ? undefined : filled(request.body),
      request.headers,
    );
    if (status === 200 && text !== '' && request.path.startsWith('/v1/session/create'))
      this.#sessions.push(JSON.parse(text).ID);
    const kept = Object.entries(headers).filter(([name]) => !PASSING_HEADERS.has(name));
    return {
      status,
      headers: Object.fromEntries(
        kept.map(([name, value]) => [name, name === 'x-consul-contenthash' ? 'hash' : this.#plain(String(value))]),
      ),
      body: this.#canonical(parsed(text)),
    };
  }

  /** What has been applied so far belongs to the last request. */
  async settle(): Promise<void> {
    const { Stats } = (await this.#server.get('/v1/agent/self')).json();
    this.#applied.push(Number(Stats.raft.applied_index));
  }

  close(): void {
    this.#http.destroy();
  }

  #request(
    method: string,
    path: string,
    body?: string,
    given: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          agent: this.#http,
          host: this.#host,
          port: this.#agent.ports.http,
          method,
          path,
          headers: body === undefined ? given : { ...given, 'content-length': Buffer.byteLength(body) },
        },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part) => parts.push(part));
          answer.on('error', reject);
          answer.on('end', () => {
            const bytes = Buffer.concat(parts);
            const text = (answer.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
          });
        },
      );
      // The reference ends the connection where its handler fails.
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNRESET') resolve({ status: 0, headers: {}, text: '' });
        else reject(new Error(`${this.#host} ${method} ${path} ${body ?? ''}`, { cause: error }));
      });
      request.setTimeout(20_000, () => request.destroy(new Error(`no answer to ${method} ${path}`)));
      request.end(body);
    });
  }

  /** The number of the request after which this index had been reached. */
  #moment(index: number): number {
    const at = this.#applied.findIndex((applied) => index <= applied);
    return at < 0 ? this.#applied.length : at;
  }

  #plain(text: string): string {
    return text
      .replaceAll(UUID, (id) => (GIVEN_UUID.test(id) ? id : this.#id(id)))
      .replaceAll(TIME, 'TIME')
      .replaceAll(/(current modify index) \d+/g, '$1 INDEX')
      .replaceAll(/^400 Bad Request: .*/g, '400 Bad Request')
      .replaceAll(this.#host, 'HOST')
      .replaceAll(this.#server.host, 'SERVER')
      .replaceAll(/:\d{5}->/g, ':FROM->')
      .replaceAll(new RegExp(`:(${Object.values(this.#agent.ports).join('|')})\\b`, 'g'), ':PORT');
  }

  #id(id: string): string {
    const known = this.#ids.get(id) ?? `ID-${this.#ids.size}`;
    this.#ids.set(id, known);
    return known;
  }

  #canonical(value: unknown, name = ''): unknown {
    if (typeof value === 'string') return this.#plain(value);
    if (typeof value === 'number') return INDEX_NAMES.has(name) ? this.#moment(value) : value;
    if (Array.isArray(value)) return inOrder(value).map((item) => this.#canonical(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !OWN_COUNTING.has(key))
        .map(([key, item]) => [this.#plain(key), this.#canonical(item, key)]),
    );
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What comes in the order of random identifiers, or in none, gets one. */
function inOrder(list: readonly unknown[]): readonly unknown[] {
  // Tags in the list of services.
  if (list.every((item) => typeof item === 'string')) return list.toSorted();
  const rows = list.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null);
  if (rows.length < list.length) return list;
  // Sessions and prepared queries.
  if (rows.every((row) => 'CreateIndex' in row && ('LockDelay' in row || 'Template' in row))) {
    return rows.toSorted((a, b) => Number(a['CreateIndex']) - Number(b['CreateIndex']));
  }
  // Checks of one agent.
  if (rows.every((row) => 'CheckID' in row)) {
    return rows.toSorted((a, b) => (`${a['Node']} ${a['CheckID']}` < `${b['Node']} ${b['CheckID']}` ? -1 : 1));
  }
  return list;
}
