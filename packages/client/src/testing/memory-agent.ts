import type { Transport, TransportRequest } from '../transport.ts';

interface Entry {
  value: Uint8Array;
  flags: string;
  session?: string;
  create: number;
  modify: number;
  lock: number;
}

/** As much of an agent as locks need: keys, sessions, blocking reads. In memory, answers at once. */
export class MemoryAgent {
  readonly keys = new Map<string, Entry>();
  readonly sessions = new Map<string, string>();
  readonly requests: string[] = [];
  /** Statuses to answer the next requests with, before they are looked at. */
  readonly failures: number[] = [];
  index = 1;
  #waiters: (() => void)[] = [];
  #created = 0;

  readonly transport: Transport = {
    base: 'http://memory',
    request: async (request) => {
      this.requests.push(`${request.method} ${request.path}`);
      const failure = this.failures.shift();
      if (failure !== undefined) return reply(failure, 'failure', this.index);
      const url = new URL(request.path, 'http://memory');
      if (url.pathname.startsWith('/v1/session/')) return this.#session(url);
      return this.#kv(decodeURIComponent(url.pathname.slice('/v1/kv/'.length)), url.searchParams, request);
    },
  };

  #changed(): number {
    this.index++;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
    return this.index;
  }

  #session(url: URL) {
    const [, , , verb, id = ''] = url.pathname.split('/');
    if (verb === 'create') {
      const created = `session-${++this.#created}`;
      this.sessions.set(created, created);
      return reply(200, JSON.stringify({ ID: created }), this.index);
    }
    if (verb === 'destroy') {
      this.endSession(id);
      return reply(200, 'true', this.index);
    }
    return this.sessions.has(id) ? reply(200, '[{}]', this.index) : reply(404, 'not found', this.index);
  }

  /** Ends a session as its time to live would. */
  endSession(id: string): void {
    this.sessions.delete(id);
    for (const entry of this.keys.values()) {
      if (entry.session !== id) continue;
      delete entry.session;
      entry.modify = this.#changed();
    }
  }

  async #kv(key: string, params: URLSearchParams, request: TransportRequest) {
    if (request.method === 'GET') return this.#read(key, params, request.signal);
    if (request.method === 'DELETE') return reply(200, String(this.#delete(key, params.get('cas'))), this.index);
    return reply(200, String(this.#put(key, params, request.body as Uint8Array)), this.index);
  }

  #delete(key: string, cas: string | null): boolean {
    const entry = this.keys.get(key);
    if (entry && cas !== null && String(entry.modify) !== cas) return false;
    if (this.keys.delete(key)) this.#changed();
    return true;
  }

  #put(key: string, params: URLSearchParams, value: Uint8Array): boolean {
    const entry = this.keys.get(key);
    const acquire = params.get('acquire');
    const release = params.get('release');
    const cas = params.get('cas');
    if (cas !== null && String(entry?.modify ?? 0) !== cas) return false;
    if (acquire !== null && (entry?.session ?? acquire) !== acquire) return false;
    if (release !== null && entry?.session !== release) return false;
    const at = this.#changed();
    const session = release !== null ? undefined : (acquire ?? entry?.session);
    const lock = (entry?.lock ?? 0) + (acquire !== null && entry?.session === undefined ? 1 : 0);
    const next: Entry = { value, flags: params.get('flags') ?? '0', create: entry?.create ?? at, modify: at, lock };
    if (session !== undefined) next.session = session;
    this.keys.set(key, next);
    return true;
  }

  async #read(key: string, params: URLSearchParams, signal: AbortSignal | undefined) {
    const asked = Number(params.get('index') ?? 0);
    while (asked >= this.index) {
      await new Promise<void>((resolve, reject) => {
        this.#waiters.push(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    const isTree = params.has('recurse');
    const found = [...this.keys].filter(([name]) => (isTree ? name.startsWith(key) : name === key));
    if (found.length === 0) return reply(404, '', this.index);
    const rows = found.map(
      ([name, e]) =>
        `{"Key":${JSON.stringify(name)},"Flags":${e.flags},"Value":${JSON.stringify(Buffer.from(e.value).toString('base64'))},` +
        `"LockIndex":${e.lock},"CreateIndex":${e.create},"ModifyIndex":${e.modify}${e.session ? `,"Session":"${e.session}"` : ''}}`,
    );
    return reply(200, `[${rows.join(',')}]`, this.index);
  }
}

function reply(status: number, body: string, index: number) {
  return {
    status,
    header: (name: string) => (name === 'x-consul-index' ? String(index) : undefined),
    body: (async function* () {
      yield new TextEncoder().encode(body);
    })(),
  };
}
