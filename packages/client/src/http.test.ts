import { expect, test } from 'vitest';
import { Consul } from './consul.ts';
import { ApiError, ConnectionError } from './errors.ts';
import type { Transport, TransportRequest } from './transport.ts';

type Reply = { status?: number; headers?: Record<string, string>; body?: string } | Error;

/** A client whose transport gives the scripted replies. */
function clientWith(replies: readonly Reply[], options = {}) {
  const requests: TransportRequest[] = [];
  const transport: Transport = {
    base: 'http://agent',
    async request(request) {
      const reply = replies[requests.length] ?? {};
      requests.push(request);
      if (reply instanceof Error) throw reply;
      return {
        status: reply.status ?? 200,
        header: (name) => reply.headers?.[name.toLowerCase()],
        body: (async function* () {
          yield new TextEncoder().encode(reply.body ?? '');
        })(),
      };
    },
  };
  return { consul: new Consul(options, { transport }), requests };
}

const lines = (requests: readonly TransportRequest[]) => requests.map((r) => `${r.method} ${r.path}`);

test('defaults of the client go with every request, and options of a call win', async () => {
  const { consul, requests } = clientWith([{ body: '[]' }, { body: '[]' }], {
    token: 't1',
    datacenter: 'dc1',
    stale: true,
  });
  await consul.catalog.nodes();
  await consul.catalog.nodes({ token: 't2', datacenter: 'dc2', consistent: true });
  expect(lines(requests)).toEqual(['GET /v1/catalog/nodes?dc=dc1&stale=', 'GET /v1/catalog/nodes?consistent=&dc=dc2']);
  expect(requests.map((r) => r.headers['X-Consul-Token'])).toEqual(['t1', 't2']);
});

test('an unexpected status is an ApiError with status and body', async () => {
  const { consul } = clientWith([{ status: 500, body: 'No cluster leader\n' }]);
  const error = await consul.kv.get('a').catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    status: 500,
    body: 'No cluster leader\n',
    message: 'Unexpected response code: 500 (No cluster leader)',
  });
});

test('no answer is a ConnectionError that names method and URL', async () => {
  const { consul } = clientWith([new Error('refused')]);
  const error = await consul.kv.put('a', 'b').catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).toMatchObject({ method: 'PUT', url: 'http://agent/v1/kv/a' });
});

test('redirects within the agent are followed with method and body', async () => {
  const { consul, requests } = clientWith([{ status: 307, headers: { location: '/v1/kv/a/b' } }, { body: 'true' }]);
  expect(await consul.kv.put('a//b', 'v')).toBe(true);
  expect(lines(requests)).toEqual(['PUT /v1/kv/a//b', 'PUT /v1/kv/a/b']);
  expect(requests[1]!.body).toEqual(new TextEncoder().encode('v'));
});

test('a missing key is undefined, with the index to wait on', async () => {
  const { consul } = clientWith([{ status: 404, headers: { 'x-consul-index': '12' } }]);
  const { value, meta } = await consul.kv.get('nope');
  expect(value).toBeUndefined();
  expect(meta.index).toBe(12);
});

test('a KV entry has bytes and exact flags', async () => {
  const body =
    '[{"LockIndex":0,"Key":"k","Flags":18446744073709551615,"Value":"AP8=","CreateIndex":1,"ModifyIndex":2}]';
  const { consul } = clientWith([{ body }, { body: body.replace('"AP8="', 'null') }]);
  expect((await consul.kv.get('k')).value).toMatchObject({
    Value: Uint8Array.of(0, 255),
    Flags: 18446744073709551615n,
  });
  expect((await consul.kv.get('k')).value?.Value).toEqual(new Uint8Array(0));
});

test('a refused transaction is an outcome, not an error', async () => {
  const { consul, requests } = clientWith([
    { status: 409, body: '{"Results":null,"Errors":[{"OpIndex":0,"What":"no"}]}' },
  ]);
  const outcome = await consul.txn([{ KV: { Verb: 'set', Key: 'k', Value: Uint8Array.of(1), Flags: 2n ** 63n } }]);
  expect(outcome).toEqual({ ok: false, errors: [{ OpIndex: 0, What: 'no' }] });
  expect(new TextDecoder().decode(requests[0]!.body as Uint8Array)).toBe(
    '[{"KV":{"Verb":"set","Key":"k","Flags":9223372036854775808,"Value":"AQ=="}}]',
  );
});

test('service health statuses are answers', async () => {
  const { consul } = clientWith([
    { status: 503, body: '{"AggregatedStatus":"critical","Service":null,"Checks":null}' },
    { status: 404, body: 'x' },
  ]);
  expect((await consul.agent.serviceHealth('web'))?.AggregatedStatus).toBe('critical');
  expect(await consul.agent.serviceHealth('nope')).toBeUndefined();
});

test('identifiers with slashes stay one segment', async () => {
  const { consul, requests } = clientWith([]);
  await consul.agent.deregisterService('team/web 1');
  expect(lines(requests)).toEqual(['PUT /v1/agent/service/deregister/team%2Fweb%201']);
});

test('an aborted call rejects with the reason of the signal', async () => {
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  const { consul } = clientWith([new Error('aborted')]);
  await expect(consul.kv.get('a', { signal: stop.signal })).rejects.toThrow('enough');
});
