import { invalid } from '@proconsul/endpoints';
import type { ApiExchange } from '../api-exchange.ts';
import type { FrontStream } from '../exchange.ts';
import { query, type Route } from '../route.ts';

/** Writes chunks no faster than the client takes them. */
async function pump(chunks: AsyncIterable<Uint8Array>, stream: FrontStream): Promise<void> {
  let closed = false;
  let wake = () => {};
  stream.onClose(() => {
    closed = true;
    wake();
  });
  stream.onDrain(() => wake());
  for await (const chunk of chunks) {
    if (closed) return;
    if (!stream.write(chunk)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  stream.end();
}

async function save(x: ApiExchange): Promise<void> {
  const archive = await x.api.agent.snapshotSave({
    datacenter: x.datacenter,
    stale: x.query.has('stale'),
    token: x.token,
  });
  const stream = x.stream(200, [
    ['Content-Type', 'application/x-gzip'],
    ['X-Consul-Index', String(archive.index)],
    ['X-Consul-Knownleader', 'true'],
    ['X-Consul-Lastcontact', '0'],
    ['X-Consul-Query-Backend', 'blocking-query'],
  ]);
  await pump(archive.chunks, stream);
}

async function restore(x: ApiExchange): Promise<void> {
  if (x.query.has('stale')) throw invalid('stale not allowed for restore');
  await x.api.agent.snapshotRestore(x.req.bodyStream(), { datacenter: x.datacenter, token: x.token });
  x.ok();
}

export const snapshotRoutes: readonly Route[] = [
  {
    path: '/v1/snapshot',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'The whole replicated state as an archive.',
        params: [query('stale', 'Any server may make it.', 'boolean')],
        run: save,
      },
      PUT: { doc: 'Replaces the whole replicated state with an archive.', run: restore },
    },
  },
];

export { pump };
