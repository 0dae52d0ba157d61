import { type Clock, type Gzip, noMetrics, silentLog, type Timer } from '@proconsul/base';
import { type Caller, EndpointError, type ReadMeta, type ReadOptions, type View } from '@proconsul/endpoints';
import { DateText, PLAIN_FORM } from '@proconsul/http1';
import type { AgentApi } from '../agent-api.ts';
import type { ApiSettings } from '../context.ts';
import type { FrontRequest, FrontResponse, FrontStream, HeaderList } from '../exchange.ts';
import type { SharedAnswer } from '../front/shared-answer.ts';
import { HttpApi, type HttpApiDependencies } from '../http-api.ts';

/** An answer as a client sees it. */
export interface Seen {
  readonly status: number;
  /** By lower-case name; several lines are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** One object for all: served without asking again. */
  readonly shared: SharedAnswer | null;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly host?: string;
}

const NO_GZIP: Gzip = {
  compressSync: (bytes) => bytes,
  compress: async (bytes) => bytes,
  stream: () => {
    throw new Error('not asked for');
  },
};

function seen(status: number, headers: HeaderList, body: string, shared: SharedAnswer | null = null): Seen {
  const out: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    out[key] = key in out ? `${out[key]}, ${value}` : value;
  }
  return { status, headers: out, body, shared };
}

/** One request with the place for its answer. */
export class FakeExchange implements FrontRequest, FrontResponse {
  readonly method: string;
  readonly target: string;
  readonly remote: { host: string; port: number };
  readonly headers: { derived: unknown } = { derived: undefined };
  readonly contentLength: number;
  readonly #fields: Readonly<Record<string, string>>;
  readonly #body: Uint8Array;
  answers: Seen[] = [];
  /** The client goes away. */
  abort: () => void = () => {};

  constructor(method: string, target: string, asked: Asked = {}) {
    this.method = method;
    this.target = target;
    this.remote = { host: asked.host ?? '127.0.0.1', port: 40000 };
    this.#fields = asked.headers ?? {};
    this.#body = new TextEncoder().encode(asked.body ?? '');
    this.contentLength = this.#body.length;
  }

  get acceptsGzip(): boolean {
    return (this.#fields['accept-encoding'] ?? '').includes('gzip');
  }
  header = (name: string): string | undefined => this.#fields[name];

  readBody(limitBytes: number, done: (error: 'too large' | null, body: Uint8Array) => void): void {
    if (this.#body.length > limitBytes) done('too large', new Uint8Array(0));
    else done(null, this.#body);
  }
  async *bodyStream(): AsyncIterable<Uint8Array> {
    yield this.#body;
  }
  onAbort(fn: () => void): void {
    this.abort = fn;
  }
  send(status: number, headers: HeaderList, body: Uint8Array | string): void {
    this.answers.push(seen(status, headers, typeof body === 'string' ? body : new TextDecoder().decode(body)));
  }
  sendShared(answer: SharedAnswer): void {
    answer.pick(this.acceptsGzip, NO_GZIP, (prepared) => {
      const text = prepared.bytes(PLAIN_FORM, new DateText().update(0)).toString();
      const [head = '', ...rest] = text.split('\r\n\r\n');
      const lines = head.split('\r\n').slice(1);
      const headers = lines.map((l) => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 2)] as const);
      this.answers.push(seen(prepared.status, headers, rest.join('\r\n\r\n'), answer));
    });
  }
  startStream(status: number, headers: HeaderList): FrontStream {
    const chunks: string[] = [];
    return {
      write: (bytes) => chunks.push(new TextDecoder().decode(bytes)) > 0,
      onDrain: () => {},
      onClose: () => {},
      end: () => this.answers.push(seen(status, headers, chunks.join(''))),
    };
  }
}

/** Answers by method name; what is not named is an error of the server layer. */
export class FakeCaller implements Caller {
  /** Value and index of each read method, or its error. */
  readonly values = new Map<string, { value: unknown; index: number } | Error>();
  /** Results of write methods, or their error. */
  readonly results = new Map<string, unknown>();
  readonly asked: { method: string; args: unknown; options?: ReadOptions }[] = [];
  meta: ReadMeta = { knownLeader: true, lastContactMs: 0 };
  /** Reads that wait: call them to let them go. */
  readonly waiting: (() => void)[] = [];
  cancelled = 0;
  readonly #views = new Map<string, View<unknown> & { valid: boolean }>();

  leads = () => true;
  peek = () => undefined;

  /** The state moved on: every view made before is no longer current. */
  invalidate(): void {
    for (const view of this.#views.values()) view.valid = false;
    this.#views.clear();
  }

  read: Caller['read'] = (method, args, options, done) => {
    this.asked.push({ method: method.name, args, options });
    const answer = () => {
      const found = this.values.get(method.name) ?? new EndpointError('NO_METHOD', `no ${method.name}`);
      if (found instanceof Error) return done(found, null, this.meta);
      const key = `${method.name}${JSON.stringify(args)}`;
      const view = this.#views.get(key) ?? { ...found, valid: true, memo: new Map() };
      this.#views.set(key, view);
      done(null, view as View<never>, this.meta);
    };
    if (options.minIndex > 0) this.waiting.push(answer);
    else answer();
    return () => {
      this.cancelled++;
    };
  };

  write = (async (method: { name: string }, args: unknown) => {
    this.asked.push({ method: method.name, args });
    const result = this.results.get(method.name);
    if (result instanceof Error) throw result;
    return result ?? null;
  }) as Caller['write'];
}

const STILL: Clock = { now: () => 0, wallMs: () => 0, after: (): Timer => ({ cancel() {} }) };

const SETTINGS: ApiSettings = {
  ...{ indent: false, defaultAclPolicy: 'allow', aclEnabled: false, connectEnabled: true, responseHeaders: [] },
  ...{ translateWanAddrs: false, blockEndpoints: [], allowWriteFrom: [], useCache: true, discoveryMaxStaleMs: 0 },
  ...{ kvMaxValueSizeBytes: 512 * 1024, txnMaxBytes: 512 * 1024, disableUnprintableCharFilter: false },
  ...{ uiEnabled: false, uiContentPath: '/ui/', useStreamingBackend: true, enableDebug: false },
};

/** The HTTP API over a caller and an agent that a test fills in. */
export function fakeApi(
  settings: Partial<ApiSettings> = {},
  agent: Partial<AgentApi> = {},
  clock = STILL,
  more: Partial<HttpApiDependencies> = {},
) {
  const caller = new FakeCaller();
  const dependencies: HttpApiDependencies = {
    ...{ datacenter: 'dc1', caller, clock, log: silentLog, metrics: noMetrics },
    agent: { nodeName: 'n1', datacenter: 'dc1', ...agent } as AgentApi,
    settings: () => ({ ...SETTINGS, ...settings }),
    gzip: async (body) => body,
    ...more,
  };
  const api = new HttpApi(dependencies);
  /** Sends a request; its answer may still be to come. */
  const start = (method: string, target: string, asked?: Asked) => {
    const exchange = new FakeExchange(method, target, asked);
    api.handle(exchange, exchange);
    return exchange;
  };
  const ask = async (method: string, target: string, asked?: Asked): Promise<Seen> => {
    const exchange = start(method, target, asked);
    for (let i = 0; i < 50 && exchange.answers.length === 0; i++) await Promise.resolve();
    if (exchange.answers.length !== 1) throw new Error(`${exchange.answers.length} answers to ${method} ${target}`);
    return exchange.answers[0] as Seen;
  };
  return { api, caller, ask, start };
}
