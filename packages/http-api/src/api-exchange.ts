import { errorText, type Millis, parseDuration } from '@proconsul/base';
import { type Consistency, EndpointError, invalid, type QuerySource, type ReadOptions } from '@proconsul/endpoints';
import { GoJsonError, type JsonValue, parseJson, TooManyValuesError } from '@proconsul/gojson';
import { DecodeError, type DecodeOptions, type Struct } from '@proconsul/schema';
import { AgentError } from './agent-api.ts';
import type { ApiContext } from './context.ts';
import type { FrontRequest, FrontResponse, FrontStream, HeaderList } from './exchange.ts';
import type { SharedAnswer } from './front/shared-answer.ts';
import type { Query } from './query.ts';
import { JSON_TYPE, type Layout, layOut, TEXT_TYPE } from './reply.ts';

/** A request that is refused before anything is asked: status and bare text. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly headers: HeaderList;
  constructor(status: number, message: string, headers: HeaderList = []) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

export const badRequest = (message: string) => new HttpError(400, message);

/** Bodies of JSON requests that have no limit of their own in Consul; ours keeps a client from filling the memory. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;

/**
 * Values in the JSON of one body: texts, numbers, lists, objects. Each costs far more time and memory than it has bytes, so that the
 * bound on bytes alone would let one client hold up all others. A service or a transaction has
 * hundreds, a large config entry thousands.
 */
export const JSON_VALUES_MAX = 32_768;

/** Longer bodies are read in steps; requests of others are answered between them. */
export const BODY_AT_ONCE_BYTES = 64 * 1024;

/** Bodies shorter than this are not compressed. Source: measured on recorded answers. */
export const GZIP_BYTES_MIN = 1400;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Told of requests. */
export interface Witness {
  /** The answer begins to go out. */
  answered(x: ApiExchange): void;
  /** The answer tells of an error. */
  failed(x: ApiExchange, message: string): void;
}

/** One request to the API on its way to its answer. */
export class ApiExchange {
  readonly api: ApiContext;
  readonly req: FrontRequest;
  readonly res: FrontResponse;
  /** Decoded path. */
  readonly path: string;
  /** What follows the prefix of the route. */
  readonly rest: string;
  readonly query: Query;
  /** Added to the answer, whatever it will be. */
  readonly extraHeaders: [string, string][] = [];
  /** On the monotonic clock. */
  readonly startedAt: Millis;
  /** Whom it tells how it goes; one for all requests of a route, since many wait at a time. */
  readonly #witness: Witness;
  #answered = false;

  constructor(
    api: ApiContext,
    witness: Witness,
    req: FrontRequest,
    res: FrontResponse,
    path: string,
    rest: string,
    query: Query,
  ) {
    this.api = api;
    this.startedAt = api.clock.now();
    this.#witness = witness;
    this.req = req;
    this.res = res;
    this.path = path;
    this.rest = rest;
    this.query = query;
  }

  get answered(): boolean {
    return this.#answered;
  }

  /** Target datacenter: `datacenter` wins over `dc`; empty is ours. */
  get datacenter(): string {
    const dc = this.query.get('datacenter') || this.query.get('dc');
    return dc === this.api.datacenter ? '' : dc;
  }

  get token(): string {
    const given = this.query.get('token') || (this.req.header('x-consul-token') ?? '');
    if (given !== '') return given;
    const m = /^bearer +(\S+)$/i.exec(this.req.header('authorization') ?? '');
    return m?.[1] ?? '';
  }

  get layout(): Layout {
    if (this.query.has('pretty')) return 'pretty';
    return this.api.settings().indent ? 'indented' : 'compact';
  }

  /** Headers of every routed answer, before those of the answer itself. */
  commonHeaders(): [string, string][] {
    const s = this.api.settings();
    const out: [string, string][] = [
      ['Vary', 'Accept-Encoding'],
      ['X-Consul-Default-Acl-Policy', s.defaultAclPolicy],
    ];
    if (s.translateWanAddrs) out.push(['X-Consul-Translate-Addresses', 'true']);
    for (const [name, value] of s.responseHeaders) out.push([name, value]);
    return out;
  }

  json(json: string, headers: HeaderList = [], status = 200): void {
    this.send(status, [['Content-Type', JSON_TYPE], ...headers], encoder.encode(layOut(json, this.layout)));
  }

  text(status: number, text: string, headers: HeaderList = []): void {
    this.send(status, [['Content-Type', TEXT_TYPE], ...headers], encoder.encode(text));
  }

  /** 200 without content, as for registrations. */
  ok(): void {
    this.send(200, [['Content-Type', JSON_TYPE]], new Uint8Array(0));
  }

  /** A status alone, without even a content type. */
  bare(status: number, headers: HeaderList = []): void {
    this.send(status, headers, new Uint8Array(0));
  }

  send(status: number, headers: HeaderList, body: Uint8Array): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#witness.answered(this);
    const all: HeaderList = [...this.commonHeaders(), ...this.extraHeaders, ...headers];
    if (body.length >= GZIP_BYTES_MIN && this.req.acceptsGzip) {
      this.api.gzip(body).then(
        (packed) => this.#sendPacked(status, all, packed),
        () => this.res.send(status, all, body),
      );
      return;
    }
    this.res.send(status, all, body);
  }

  /** A compressed answer is chunked, like the ones that clients know. */
  #sendPacked(status: number, headers: HeaderList, packed: Uint8Array): void {
    const stream = this.res.startStream(status, [...headers, ['Content-Encoding', 'gzip']]);
    stream.write(packed);
    stream.end();
  }

  shared(answer: SharedAnswer): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#witness.answered(this);
    this.res.sendShared(answer);
  }

  /** `compress`: gzip for clients that take it, from the first byte. */
  stream(status: number, headers: HeaderList, compress = false): FrontStream {
    this.#answered = true;
    this.#witness.answered(this);
    return this.res.startStream(status, [...this.commonHeaders(), ...this.extraHeaders, ...headers], compress);
  }

  /** Answers with what went wrong. */
  fail(error: unknown): void {
    const message = errorText(error);
    this.#witness.failed(this, message);
    if (error instanceof HttpError) return this.text(error.status, error.message, error.headers);
    if (error instanceof AgentError || error instanceof EndpointError) return this.text(error.status, error.message);
    this.text(500, message);
  }

  /** Consistency and blocking parameters. Throws 400 with Consul's texts. */
  readOptions(honours: 'all' | 'consistency' | 'none' = 'all'): ReadOptions {
    if (honours === 'none') return { consistency: 'default', minIndex: 0, waitMs: 0 };
    const q = this.query;
    let consistency: Consistency = 'default';
    const stale = q.has('stale');
    const consistent = q.has('consistent');
    if (consistent) consistency = 'consistent';
    if (stale) consistency = 'stale';
    const maxStale = q.get('max_stale');
    if (maxStale !== '') {
      const ns = parseDuration(maxStale);
      if (ns === undefined) throw badRequest(`Invalid max_stale value ${JSON.stringify(maxStale)}`);
      if (ns > 0 && !consistent) {
        consistency = 'stale';
        this.maxStaleMs = ns / 1e6;
      }
    }
    if (stale && consistent) throw badRequest('Cannot specify ?stale with ?consistent, conflicting semantics.');
    if (q.has('cached') && consistent) {
      throw badRequest('Cannot specify ?cached with ?consistent, conflicting semantics.');
    }
    const { discoveryMaxStaleMs } = this.api.settings();
    if (consistency === 'default' && this.discoveryStale && !q.has('leader') && discoveryMaxStaleMs > 0) {
      consistency = 'stale';
      this.maxStaleMs = discoveryMaxStaleMs;
    }
    const { wait, minIndex } = honours === 'all' ? this.blocking() : { wait: 0, minIndex: 0 };
    this.cacheControl();
    return { consistency, minIndex, waitMs: wait };
  }

  /** Set by discovery reads (catalog, health), to which `discovery_max_stale` applies. */
  discoveryStale = false;
  /** How old an answer may be; known after {@link readOptions}. */
  maxStaleMs: Millis = Number.POSITIVE_INFINITY;

  /** What a blocking query waits for: milliseconds and an index; 0: not given. Throws 400 with Consul's texts. */
  blocking(): { readonly wait: Millis; readonly minIndex: number } {
    const text = this.query.get('wait');
    const wait = text === '' ? 0 : parseDuration(text);
    if (wait === undefined) throw badRequest('Invalid wait time');
    const index = this.query.get('index');
    return { wait: wait / 1e6, minIndex: index === '' ? 0 : indexOf(index) };
  }

  /** Directives of Cache-Control in seconds. Throws 400 when a number is none. */
  cacheControl(): { maxAgeSeconds: number | null; mustRevalidate: boolean; staleIfErrorSeconds: number | null } {
    const out = {
      maxAgeSeconds: null as number | null,
      mustRevalidate: false,
      staleIfErrorSeconds: null as number | null,
    };
    const header = this.req.header('cache-control');
    if (header === undefined) return out;
    for (const part of header.toLowerCase().split(',')) {
      const [name = '', value = ''] = part.trim().split('=');
      if (name === 'must-revalidate') out.mustRevalidate = true;
      if (name !== 'max-age' && name !== 'stale-if-error') continue;
      if (!/^\d+$/.test(value)) throw badRequest('Invalid Cache-Control header.');
      if (name === 'max-age') {
        out.maxAgeSeconds = Number(value);
        if (out.maxAgeSeconds === 0) out.mustRevalidate = true;
      } else out.staleIfErrorSeconds = Number(value);
    }
    return out;
  }

  /** `?near=`: the node to sort near to. */
  source(): QuerySource | null {
    const near = this.query.get('near');
    if (near === '') return null;
    const node = near === '_agent' ? this.api.agent.nodeName : near;
    return {
      Datacenter: this.datacenter || this.api.datacenter,
      Node: node,
      Segment: '',
      Ip: near === '_ip' ? this.clientIp() : '',
    };
  }

  clientIp(): string {
    const forwarded = this.req.header('x-forwarded-for');
    return forwarded?.split(',')[0]?.trim() || this.req.remote.host;
  }

  /** `?node-meta=k:v`, repeatable. */
  nodeMeta(): Readonly<Record<string, string>> | null {
    const pairs = this.query.all('node-meta');
    if (pairs.length === 0) return null;
    const out: Record<string, string> = Object.create(null);
    for (const pair of pairs) {
      const colon = pair.indexOf(':');
      if (colon < 0) out[pair] = '';
      else out[pair.slice(0, colon)] = pair.slice(colon + 1);
    }
    return out;
  }

  /** What list reads take from the query. */
  listArgs() {
    return {
      Datacenter: this.datacenter,
      Token: this.token,
      NodeMetaFilters: this.nodeMeta(),
      Filter: this.query.get('filter'),
      Source: this.source(),
    };
  }

  commonArgs() {
    return { Datacenter: this.datacenter, Token: this.token };
  }

  readBody(limitBytes: number = BODY_BYTES_MAX): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.req.readBody(limitBytes, (error, body) => {
        if (error === null) resolve(body);
        else reject(new HttpError(413, `Request body too large, max size: ${limitBytes} bytes.`));
      });
    });
  }

  /** The body as JSON, read into a structure. Errors are 400 with `prefix` before Go's text. */
  async decodeBody<T>(struct: Struct<T>, prefix: string, options: DecodeOptions = {}): Promise<T> {
    const body = await this.readBody();
    return this.decode(body, (json) => struct.decode(json, options), prefix);
  }

  async decode<T>(body: Uint8Array, read: (json: JsonValue) => T, prefix: string): Promise<T> {
    try {
      if (body.length <= BODY_AT_ONCE_BYTES) return read(parseJson(body, { maxValues: JSON_VALUES_MAX }));
      return await this.api.longBodies.read(body, JSON_VALUES_MAX, read);
    } catch (error) {
      if (error instanceof TooManyValuesError) {
        throw new HttpError(413, `Request body has too many values, max: ${error.maxValues}.`);
      }
      if (error instanceof GoJsonError || error instanceof DecodeError || error instanceof EndpointError) {
        throw badRequest(`${prefix}${error.message}`);
      }
      throw badRequest(`${prefix}${errorText(error)}`);
    }
  }

  bodyText(body: Uint8Array): string {
    return decoder.decode(body);
  }
}

function indexOf(text: string): number {
  if (!/^\d+$/.test(text)) throw badRequest('Invalid index');
  if (BigInt(text) >= 1n << 64n) throw badRequest('Invalid index');
  return nearestIndex(Number(text));
}

/** No log gets as far as the numbers that are not exact: all of those are one index that is never reached. */
const nearestIndex = (n: number | bigint): number => Math.min(Number(n), Number.MAX_SAFE_INTEGER);

/** The index that a write is to depend on. Throws 400 where the text is none. */
export const casIndex = (text: string): number => nearestIndex(parseUint(text));

/** Query booleans. Source: Go documentation of strconv.ParseBool. */
export function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  return undefined;
}

/** A uint64 in a query. Errors are 500 with the text of Go's strconv. */
export function parseUint(text: string): number | bigint {
  if (!/^\d+$/.test(text)) throw invalid(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  const big = BigInt(text);
  if (big >= 1n << 64n) throw invalid(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
}
