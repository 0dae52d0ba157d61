/** One HTTP request as the SDK hands it to a transport. */
export interface TransportRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Path and query, encoded, beginning with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The answer: status and headers at once, the body as it arrives. Bodies that are not read must be cancelled. */
export interface TransportResponse {
  readonly status: number;
  /** Case-insensitive. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Carries requests to one agent. Rejects when no answer arrives; any status is an answer. */
export interface Transport {
  /** For messages: what requests are sent to, such as `http://127.0.0.1:8500`. */
  readonly base: string;
  request(request: TransportRequest): Promise<TransportResponse>;
}

/** A transport over `fetch`, for browsers and other runtimes. `base` is the agent's origin and path prefix, if any. */
export function fetchTransport(base: string, fetchImpl: typeof fetch = fetch): Transport {
  return {
    base: base.replace(/\/$/, ''),
    async request(request) {
      const init: RequestInit = { method: request.method, headers: { ...request.headers } };
      if (request.signal) init.signal = request.signal;
      if (request.body) init.body = (await collect(request.body)) as Uint8Array<ArrayBuffer>;
      const response = await fetchImpl(this.base + request.path, init);
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        body: chunksOf(response),
      };
    },
  };
}

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Everything that a body yields, as one array. */
export async function collect(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
  }
  if (chunks.length === 1) return chunks[0]!;
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
