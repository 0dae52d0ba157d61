import { settle } from '@proconsul/base/testing';
import { EndpointError } from '@proconsul/endpoints';
import { DirEntry, HealthCheck, Node, NodeService, type Session } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { AgentError } from './agent-api.ts';
import { BODY_AT_ONCE_BYTES } from './api-exchange.ts';
import { serviceContentHash } from './content-hash.ts';
import { type FakeCaller, type FakeExchange, fakeApi } from './testing/fake-front.ts';

const entry = DirEntry.make({
  Key: 'a<b',
  Value: new Uint8Array([104, 105]),
  Flags: 7,
  CreateIndex: 3,
  ModifyIndex: 9,
});
const ENTRY = '[{"LockIndex":0,"Key":"a\\u003cb","Flags":7,"Value":"aGk=","CreateIndex":3,"ModifyIndex":9}]';
const TEXT = 'text/plain; charset=utf-8';

function kvApi(...settings: Parameters<typeof fakeApi>) {
  const w = fakeApi(...settings);
  w.caller.values.set('KVS.Get', { value: entry, index: 9 });
  w.caller.values.set('KVS.List', { value: [entry], index: 9 });
  w.caller.values.set('KVS.ListKeys', { value: ['a', 'b'], index: 9 });
  w.caller.values.set('Catalog.ListNodes', { value: [Node.make({ Node: 'n1' })], index: 4 });
  w.caller.values.set('Health.ServiceNodes', { value: [], index: 5 });
  w.caller.values.set('Catalog.ListServices', { value: { consul: [] }, index: 6 });
  return w;
}
const lastOptions = (caller: FakeCaller) => caller.asked.at(-1)?.options;

describe('paths', () => {
  test.for([
    ['/v1/nothing', 404, 'Invalid URL path: not a recognized HTTP API endpoint\n'],
    ['/nothing', 404, "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n"],
    ['/v1/agent/self/', 404, 'Invalid URL path: not a recognized HTTP API endpoint\n'],
    ['/v1/kv', 307, '<a href="/v1/kv/">Temporary Redirect</a>.\n\n'],
    ['/v1//kv/a', 307, '<a href="/v1/kv/a">Temporary Redirect</a>.\n\n'],
    ['/v1/kv/x/../a?raw', 307, '<a href="/v1/kv/a?raw">Temporary Redirect</a>.\n\n'],
    ['/v1/kv/a%00b', 400, ''],
  ] as const)('%s answers %d', async ([target, status, body]) => {
    const answer = await kvApi().ask('GET', target);
    expect([answer.status, answer.body]).toEqual([status, body]);
    expect(answer.headers).not.toHaveProperty('x-consul-default-acl-policy');
  });

  test('are decoded before they are looked up: an escaped slash is one, a plus stays one', async () => {
    const w = kvApi();
    await w.ask('GET', '/v1/kv/a%2Fb+c%20d');
    expect(w.caller.asked[0]?.args).toMatchObject({ Key: 'a/b+c d' });
  });

  test.for(['/v1/kv/a?%zz', '/v1/kv/a?x;y'])('a malformed query (%s) is a 500 without words', async (target) => {
    const answer = await kvApi().ask('GET', target);
    expect([answer.status, answer.body, answer.headers['content-type']]).toEqual([500, '', TEXT]);
  });
});

describe('methods', () => {
  test.for([
    ['POST', '/v1/kv/a', 'method POST not allowed', 'OPTIONS,GET,PUT,DELETE'],
    ['HEAD', '/v1/kv/a', '', 'OPTIONS,GET,PUT,DELETE'],
    ['GET', '/v1/session/create', 'method GET not allowed', 'OPTIONS,PUT'],
    ['PUT', '/v1/catalog/nodes', 'method PUT not allowed', 'OPTIONS,GET'],
  ] as const)('%s %s is refused', async ([method, target, body, allow]) => {
    const answer = await kvApi().ask(method, target);
    expect([answer.status, answer.body, answer.headers['allow']]).toEqual([405, body, allow]);
    expect(answer.headers['content-type']).toBe(TEXT);
  });

  test('OPTIONS lists them', async () => {
    const answer = await kvApi().ask('OPTIONS', '/v1/session/create');
    expect([answer.status, answer.body, answer.headers['allow']]).toEqual([200, '', 'OPTIONS,PUT']);
  });
});

describe('a read', () => {
  test('answers compact JSON without a newline, with the headers of queries', async () => {
    const answer = await kvApi().ask('GET', '/v1/kv/a');
    expect([answer.status, answer.body]).toEqual([200, ENTRY]);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      vary: 'Accept-Encoding',
      'x-consul-default-acl-policy': 'allow',
      'x-consul-index': '9',
      'x-consul-knownleader': 'true',
      'x-consul-lastcontact': '0',
      'x-consul-query-backend': 'blocking-query',
    });
    expect(answer.headers).not.toHaveProperty('x-consul-effective-consistency');
  });

  test('is laid out with four spaces and a newline for ?pretty, and without the newline in development', async () => {
    const body = (await kvApi().ask('GET', '/v1/catalog/nodes?pretty')).body;
    expect(body).toMatch(/^\[\n {4}\{\n {8}"ID": "",/);
    expect(body.endsWith('\n]\n')).toBe(true);
    const indented = (await kvApi({ indent: true }).ask('GET', '/v1/catalog/nodes')).body;
    expect(indented.endsWith('\n]')).toBe(true);
  });

  test('of a value alone is the bytes, safe for a browser', async () => {
    const answer = await kvApi().ask('GET', '/v1/kv/a?raw');
    expect(answer.body).toBe('hi');
    expect(answer.headers).toMatchObject({
      ...{ 'content-type': 'text/plain', 'x-content-type-options': 'nosniff', 'content-security-policy': 'sandbox' },
    });
  });

  test('of what is not there is a 404 without content or type, but with its index', async () => {
    const w = kvApi();
    w.caller.values.set('KVS.Get', { value: null, index: 12 });
    const answer = await w.ask('GET', '/v1/kv/missing');
    expect([answer.status, answer.body, answer.headers['x-consul-index']]).toEqual([404, '', '12']);
    expect(answer.headers).not.toHaveProperty('content-type');
  });

  test('tells how it was come by where services are discovered', async () => {
    const w = kvApi();
    const consistency = async (query: string) =>
      (await w.ask('GET', `/v1/catalog/nodes${query}`)).headers['x-consul-effective-consistency'];
    expect([await consistency(''), await consistency('?stale'), await consistency('?consistent')]).toEqual([
      ...['leader', 'stale', 'consistent'],
    ]);
  });

  test('of a follower tells how long ago it heard of the leader, in whole milliseconds', async () => {
    const w = kvApi();
    w.caller.meta = { knownLeader: false, lastContactMs: 250.7 };
    const { headers } = await w.ask('GET', '/v1/kv/a?stale');
    expect([headers['x-consul-knownleader'], headers['x-consul-lastcontact']]).toEqual(['false', '250']);
  });

  test('has the configured headers, on errors too', async () => {
    const w = kvApi({ responseHeaders: [['X-Site', 'lab']], translateWanAddrs: true, defaultAclPolicy: 'deny' });
    for (const target of ['/v1/kv/a', '/v1/kv/', '/v1/catalog/nodes?wait=x']) {
      expect((await w.ask('GET', target)).headers).toMatchObject({
        ...{ 'x-site': 'lab', 'x-consul-translate-addresses': 'true', 'x-consul-default-acl-policy': 'deny' },
      });
    }
  });

  test('that fails in the server layer is a 500 with the bare text and the headers that were reserved', async () => {
    const w = kvApi();
    const text = 'Failed to create boolean expression evaluator: 1:1: no match found';
    w.caller.values.set('Catalog.ListNodes', new EndpointError('INVALID', text));
    const answer = await w.ask('GET', '/v1/catalog/nodes?filter=x');
    expect([answer.status, answer.body, answer.headers['content-type']]).toEqual([500, text, TEXT]);
    expect(answer.headers).toMatchObject({
      ...{ 'x-consul-index': '1', 'x-consul-knownleader': 'false', 'x-consul-lastcontact': '0' },
    });
    expect(w.caller.asked[0]?.args).toMatchObject({ Filter: 'x' });
    w.caller.values.set('Health.ServiceNodes', new EndpointError('INVALID', text));
    expect((await w.ask('GET', '/v1/health/service/web')).headers).not.toHaveProperty('x-consul-index');
  });
});

describe('parameters of reads', () => {
  test.for([
    ['index=x', 400, 'Invalid index'],
    ['index=-1', 400, 'Invalid index'],
    ['index=18446744073709551616', 400, 'Invalid index'],
    ['wait=5', 400, 'Invalid wait time'],
    ['wait=soon', 400, 'Invalid wait time'],
    ['stale&consistent', 400, 'Cannot specify ?stale with ?consistent, conflicting semantics.'],
    ['cached&consistent', 400, 'Cannot specify ?cached with ?consistent, conflicting semantics.'],
    ['max_stale=x', 400, 'Invalid max_stale value "x"'],
    ['ns=default', 400, 'Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature'],
    ['partition=p', 400, 'Invalid query parameter: "partition" - Partitions are a Consul Enterprise feature'],
  ] as const)('?%s is refused', async ([query, status, body]) => {
    const answer = await kvApi().ask('GET', `/v1/kv/a?${query}`);
    expect([answer.status, answer.body]).toEqual([status, body]);
  });

  // Recorded from the reference: which of two faults is told differs from route to route.
  test.for([
    ['GET', '/v1/kv/a?index=x&stale&consistent', /^Cannot specify \?stale/],
    ['GET', '/v1/kv/a?index=x&max_stale=x', /^Invalid max_stale/],
    ['GET', '/v1/kv/a?index=x&ns=team', /^Invalid index$/],
    ['PUT', '/v1/kv/a?index=x&ns=team', /^Invalid index$/],
    ['DELETE', '/v1/kv/?wait=5', /^Invalid wait time$/],
    ['PUT', '/v1/session/renew/?index=x', /^Invalid index$/],
    ['PUT', '/v1/session/destroy/?index=x', /^Missing session$/],
    ['GET', '/v1/catalog/node/a?index=x&ns=team', /"ns"/],
    ['GET', '/v1/agent/service/x?wait=5&ns=team', /^Invalid wait time$/],
    ['PUT', '/v1/agent/service/register?ns=team', /"ns"/],
    ['PUT', '/v1/agent/check/pass/c?partition=p', /"partition"/],
    ['PUT', '/v1/agent/service/maintenance/x?ns=team', /^Missing value for enable$/],
    ['PUT', '/v1/agent/service/maintenance/x?ns=team&enable=true', /"ns"/],
    ['PUT', '/v1/agent/force-leave/a?partition=p', /"partition"/],
    ['PUT', '/v1/coordinate/update?ns=team', /"ns"/],
    ['PUT', '/v1/config?ns=team', /^Request decoding failed: /],
    ['DELETE', '/v1/config/odd/x?ns=team', /^invalid config entry kind: odd$/],
    ['DELETE', '/v1/config/service-defaults/x?ns=team', /"ns"/],
  ] as const)('of the faults of %s %s the first one is told', async ([method, target, text]) => {
    const answer = await kvApi().ask(method, target, method === 'PUT' ? { body: '{}' } : {});
    expect([answer.status, answer.body]).toEqual([400, expect.stringMatching(text)]);
  });

  test('what is wrong with a filter is told without more words where answers are streamed', async () => {
    const w = kvApi();
    const text = 'Failed to create boolean expression evaluator: Selector "Nope" is not valid';
    w.caller.values.set('Health.ServiceNodes', new EndpointError('INVALID', text));
    const told = async (query: string) => (await w.ask('GET', `/v1/health/service/web?filter=x${query}`)).body;
    expect([await told(''), await told('&cached&near=a'), await told('&cached')]).toEqual([
      ...[text, text, 'Selector "Nope" is not valid'],
    ]);
  });

  test('a field of the header is refused before the parameter of that name', async () => {
    const headers = { 'x-consul-namespace': 'team', 'x-consul-partition': 'p' };
    const refused = async (target: string) => (await kvApi().ask('GET', target, { headers })).body;
    expect(await refused('/v1/catalog/services?ns=team')).toMatch(/^Invalid header: "X-Consul-Namespace"/);
    expect(await refused('/v1/catalog/nodes?partition=p')).toMatch(/^Invalid header: "X-Consul-Partition"/);
  });

  test('the datacenter of a coordinate stands in its body, unless the query names one', async () => {
    const w = kvApi();
    for (const [query, dc] of [
      ['', 'dc2'],
      ['?dc=dc1', 'dc2'],
      ['', 'dc1'],
      ['?dc=dc3', ''],
    ] as const) {
      await w.ask('PUT', `/v1/coordinate/update${query}`, { body: `{"Node":"n","Datacenter":"${dc}","Token":"t"}` });
    }
    expect(w.caller.asked.map(({ args }) => args)).toMatchObject([
      ...['dc2', '', '', 'dc3'].map((Datacenter) => ({ Datacenter, Token: '', Node: 'n' })),
    ]);
  });

  test('the datacenter of a registration stands in its body alone', async () => {
    const w = kvApi();
    await w.ask('PUT', '/v1/catalog/register?dc=dc2', { body: '{"Node":"a","Address":"1.1.1.1"}' });
    await w.ask('PUT', '/v1/catalog/deregister', { body: '{"Node":"a","Datacenter":"dc3"}' });
    expect(w.caller.asked.map(({ args }) => (args as { Datacenter: string }).Datacenter)).toEqual(['', 'dc3']);
  });

  test.for([
    ['', { consistency: 'default', minIndex: 0, waitMs: 0 }],
    ['stale', { consistency: 'stale' }],
    ['consistent', { consistency: 'consistent' }],
    ['max_stale=5s', { consistency: 'stale' }],
    ['max_stale=0s', { consistency: 'default' }],
    ['wait=1m30s', { waitMs: 90_000, minIndex: 0 }],
    ['index=0', { minIndex: 0 }],
  ] as const)('?%s asks for it', async ([query, options]) => {
    const w = kvApi();
    await w.ask('GET', `/v1/kv/a?${query}`);
    expect(lastOptions(w.caller)).toMatchObject(options);
  });

  test('only discovery is stale by configuration, and not with ?leader', async () => {
    const w = kvApi({ discoveryMaxStaleMs: 60_000 });
    const asked = async (target: string) => {
      await w.ask('GET', target);
      return lastOptions(w.caller)?.consistency;
    };
    expect(await asked('/v1/catalog/nodes?pretty')).toBe('stale');
    expect(await asked('/v1/catalog/nodes?leader')).toBe('default');
    expect(await asked('/v1/kv/a?pretty')).toBe('default');
  });

  test.for([
    ['/v1/kv/a?max_stale=5s', 4_999, ['stale']],
    ['/v1/kv/a?max_stale=5s', 5_001, ['stale', 'default']],
    ['/v1/kv/a?stale&max_stale=5s', 5_001, ['stale', 'default']],
    ['/v1/kv/a?stale', 5_001, ['stale']],
    ['/v1/kv/a?pretty', 61_000, ['default']],
    ['/v1/catalog/nodes', 59_000, ['stale']],
    ['/v1/catalog/nodes', 61_000, ['stale', 'default']],
    ['/v1/catalog/nodes?max_stale=90s', 61_000, ['stale']],
  ] as const)('%s with an answer %d ms old asks %j', async ([target, lastContactMs, asked]) => {
    const w = kvApi({ discoveryMaxStaleMs: 60_000 });
    w.caller.meta = { knownLeader: true, lastContactMs };
    await w.ask('GET', target);
    expect(w.caller.asked.map((a) => a.options?.consistency)).toEqual(asked);
  });

  test('a repeated read says that the leader was asked', async () => {
    const w = kvApi({ discoveryMaxStaleMs: 60_000 });
    const consistencyAt = async (lastContactMs: number) => {
      w.caller.meta = { knownLeader: true, lastContactMs };
      return (await w.ask('GET', '/v1/catalog/nodes')).headers['x-consul-effective-consistency'];
    };
    expect(await consistencyAt(59_000)).toBe('stale');
    expect(await consistencyAt(61_000)).toBe('leader');
  });

  test('?datacenter wins over ?dc, and ours is nobody else’s', async () => {
    const w = kvApi();
    await w.ask('GET', '/v1/kv/a?dc=dc2&datacenter=dc3');
    await w.ask('GET', '/v1/kv/a?dc=dc1');
    expect(w.caller.asked.map((a) => (a.args as { Datacenter: string }).Datacenter)).toEqual(['dc3', '']);
  });

  test.for([
    ['?token=q', { 'x-consul-token': 'h', authorization: 'Bearer b' }, 'q'],
    ['', { 'x-consul-token': 'h', authorization: 'Bearer b' }, 'h'],
    ['', { authorization: 'bEaReR b' }, 'b'],
    ['', { authorization: 'Basic b' }, ''],
  ] as const)('the token of %j %j is %s', async ([query, headers, token]) => {
    const w = kvApi();
    await w.ask('GET', `/v1/kv/a${query}`, { headers });
    expect(w.caller.asked[0]?.args).toMatchObject({ Token: token });
  });

  test('?cached tells a miss, then a hit with its age; Cache-Control must be a number', async () => {
    const w = kvApi();
    const headers = (await w.ask('GET', '/v1/catalog/services?cached')).headers;
    expect([headers['x-cache'], headers['age']]).toEqual(['MISS', undefined]);
    expect((await w.ask('GET', '/v1/catalog/services?cached')).headers).toMatchObject({ 'x-cache': 'HIT', age: '0' });
    const bad = await w.ask('GET', '/v1/catalog/services?cached', { headers: { 'cache-control': 'max-age=x' } });
    expect([bad.status, bad.body]).toEqual([400, 'Invalid Cache-Control header.']);
    const fresh = await w.ask('GET', '/v1/catalog/services?cached', { headers: { 'cache-control': 'max-age=0' } });
    expect(fresh.headers['x-cache']).toBe('MISS');
  });

  test('a query that is not there is a 404, and a 500 where it was looked for in the cache', async () => {
    const w = kvApi();
    w.caller.values.set('PreparedQuery.Execute', new EndpointError('NOT_FOUND', 'Query not found', 404));
    for (const [query, status] of [
      ['', 404],
      ['?cached', 500],
    ] as const) {
      const answer = await w.ask('GET', `/v1/query/nope/execute${query}`);
      expect([answer.status, answer.body]).toEqual([status, 'Query not found']);
    }
  });

  test('where answers are kept, ?cached and streamed waits share one, which is given when servers are gone', async () => {
    const w = kvApi({}, {}, undefined, { keepsAnswers: true });
    await w.ask('GET', '/v1/health/service/web?cached');
    expect(w.caller.asked.map(({ options }) => options?.minIndex)).toEqual([0, 5]);
    w.caller.values.set('Health.ServiceNodes', new EndpointError('NO_SERVERS', 'No known Consul servers'));
    w.caller.waiting[0]?.();
    const cached = await w.ask('GET', '/v1/health/service/web?cached');
    expect(cached).toMatchObject({
      status: 200,
      headers: { 'x-cache': 'HIT', age: '0', 'x-consul-knownleader': 'false' },
    });
    const waited = await w.ask('GET', '/v1/health/service/web?index=1&wait=10ms');
    expect(waited).toMatchObject({ status: 200, headers: { 'x-consul-query-backend': 'streaming' } });
    expect(waited.headers).not.toHaveProperty('x-cache');
    expect((await w.ask('GET', '/v1/health/service/web')).status).toBe(500);
  });

  test('a node without coordinates is a bare 404', async () => {
    const w = kvApi();
    w.caller.values.set('Coordinate.Node', { value: [], index: 7 });
    const { status, headers } = await w.ask('GET', '/v1/coordinate/node/nope');
    expect([status, headers['x-consul-index']]).toEqual([404, undefined]);
  });

  test('the count over all nodes has no name', async () => {
    const w = kvApi();
    const counts = { Total: 2, Passing: 1, Warning: 1, Critical: 0 };
    const [nodes, services] = [[{ Name: '', ...counts }], [{ Name: 'web', ...counts }]];
    w.caller.values.set('Internal.CatalogOverview', {
      value: { Nodes: nodes, Services: services, Checks: null },
      index: 1,
    });
    const { body } = await w.ask('GET', '/v1/internal/ui/catalog-overview');
    expect(body).toBe(
      '{"Nodes":[{"Total":2,"Passing":1,"Warning":1,"Critical":0}],"Services":[{"Name":"web","Total":2,"Passing":1,"Warning":1,"Critical":0}],"Checks":null}',
    );
  });
});

describe('a blocking read', () => {
  test('answers when its index has passed', async () => {
    const w = kvApi();
    const exchange = w.start('GET', '/v1/kv/a?index=9&wait=10s');
    expect(exchange.answers).toEqual([]);
    expect(lastOptions(w.caller)).toMatchObject({ minIndex: 9, waitMs: 10_000 });
    w.caller.values.set('KVS.Get', { value: entry, index: 10 });
    w.caller.waiting[0]?.();
    expect(exchange.answers).toMatchObject([{ status: 200, headers: { 'x-consul-index': '10' } }]);
  });

  test('is given up when the client goes away', () => {
    const w = kvApi();
    w.start('GET', '/v1/kv/a?index=9').abort();
    expect(w.caller.cancelled).toBe(1);
  });

  test('of health says that it came from the streaming back end, unless it is sorted', () => {
    const w = kvApi();
    const [streamed, sorted] = [
      w.start('GET', '/v1/health/service/web?index=2'),
      w.start('GET', '/v1/health/service/web?index=2&near=n1'),
    ];
    for (const go of w.caller.waiting) go();
    expect(streamed.answers[0]?.headers).toMatchObject({
      ...{ 'x-consul-query-backend': 'streaming', 'x-consul-knownleader': 'false' },
    });
    expect(sorted.answers[0]?.headers).toMatchObject({ 'x-consul-query-backend': 'blocking-query' });
  });
});

describe('a finished answer', () => {
  test('serves the same target again without asking, until the state moves on', async () => {
    const w = kvApi();
    const first = await w.ask('GET', '/v1/catalog/nodes');
    expect((await w.ask('GET', '/v1/catalog/nodes')).shared).toBe(first.shared);
    expect(w.caller.asked).toHaveLength(1);
    w.caller.values.set('Catalog.ListNodes', { value: [], index: 8 });
    w.caller.invalidate();
    expect(await w.ask('GET', '/v1/catalog/nodes')).toMatchObject({ body: '[]', headers: { 'x-consul-index': '8' } });
    expect(w.caller.asked).toHaveLength(2);
  });

  test('does not serve a request with a token, nor one that says how fresh it must be', async () => {
    const w = kvApi();
    await w.ask('GET', '/v1/catalog/nodes');
    await w.ask('GET', '/v1/catalog/nodes', { headers: { 'x-consul-token': 't' } });
    await w.ask('GET', '/v1/catalog/nodes?consistent');
    await w.ask('GET', '/v1/catalog/nodes?consistent');
    expect(w.caller.asked).toHaveLength(4);
  });

  test('is one for each layout', async () => {
    const w = kvApi();
    const bodies = new Set<string>();
    for (const query of ['', '?pretty', '?raw', '?keys', '?recurse']) {
      bodies.add((await w.ask('GET', `/v1/kv/a${query}`)).body);
    }
    expect(bodies.size).toBe(4);
  });
});

describe('what is missing or wrong is said', () => {
  test.for([
    ['GET', '/v1/kv/', '', 400, 'Missing key name'],
    ['PUT', '/v1/kv/', '', 400, 'Missing key name'],
    ['DELETE', '/v1/kv/', '', 400, 'Missing key name'],
    ['PUT', '/v1/kv/a?cas=1&acquire=x', '', 400, 'Conflicting flags: acquire=x&cas=1\n'],
    ['PUT', '/v1/kv/a?cas=x', '', 500, 'strconv.ParseUint: parsing "x": invalid syntax'],
    ['GET', '/v1/catalog/service/', '', 400, 'Missing service name'],
    ['GET', '/v1/catalog/node/', '', 400, 'Missing node name'],
    ['GET', '/v1/health/node/', '', 400, 'Missing node name'],
    ['GET', '/v1/health/state/', '', 400, 'Missing check state'],
    ['GET', '/v1/health/service/web?passing=maybe', '', 400, 'Invalid value for ?passing'],
    ['GET', '/v1/health/service/web?peer=a&sg=b', '', 400, 'peer-name and sameness-group are mutually exclusive'],
    ['PUT', '/v1/session/destroy/', '', 400, 'Missing session'],
    ['PUT', '/v1/session/renew/', '', 400, 'Missing session'],
    ['PUT', '/v1/session/create', '{"TTL":5}', 400, 'Request decode failed: json: cannot unmarshal number into'],
    ['PUT', '/v1/session/create', '{', 400, 'Request decode failed: unexpected EOF'],
    ['PUT', '/v1/catalog/register', 'nonsense', 400, 'Request decode failed: invalid character'],
    ['PUT', '/v1/catalog/register', '{"Nod":1}', 400, 'Request decode failed: json: unknown field "Nod"'],
    ['PUT', '/v1/catalog/register', '{"Namespace":"x"}', 400, 'Namespaces are a Consul Enterprise feature'],
    ['PUT', '/v1/agent/service/register', '{"Port":"x"}', 400, 'Request decode failed: json: cannot unmarshal string'],
    ['PUT', '/v1/agent/service/maintenance/web', '', 400, 'Missing value for enable'],
    ['PUT', '/v1/agent/service/maintenance/web?enable=x', '', 400, 'Invalid value for enable: "x"'],
    ['GET', '/v1/agent/health/service/id/', '', 500, 'Missing serviceID'],
    ['PUT', '/v1/event/fire/', '', 400, 'Missing name'],
    ['PUT', '/v1/txn', '{', 400, 'Failed to parse body: '],
  ] as const)('%s %s %s', async ([method, target, body, status, text]) => {
    const answer = await kvApi().ask(method, target, { body });
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(text);
    expect(answer.headers['content-type']).toBe(TEXT);
  });

  test('a value or a transaction that is too large is a 413 with its size', async () => {
    const w = kvApi({ kvMaxValueSizeBytes: 4, txnMaxBytes: 60 });
    expect(await w.ask('PUT', '/v1/kv/a', { body: '12345' })).toMatchObject({
      status: 413,
      body: expect.stringContaining('Request body(5 bytes) too large, max size: 4 bytes. See '),
    });
    expect((await w.ask('PUT', '/v1/txn', { body: ' '.repeat(61) })).body).toContain(
      'Request body(61 bytes) too large',
    );
    const body = '[{"KV":{"Verb":"set","Key":"k","Value":"MTIzNDU="}}]';
    expect(await w.ask('PUT', '/v1/txn', { body })).toMatchObject({
      ...{ status: 413, body: 'Value for key "k" is too large (5 > 4 bytes)' },
    });
    expect(w.caller.asked).toEqual([]);
  });

  test('long bodies are read in steps, one after another, and are refused as short ones are', async () => {
    const later: (() => void)[] = [];
    const clock = {
      ...{ now: () => 0, wallMs: () => 0 },
      after: () => ({ cancel() {} }),
      soon: (fn: () => void) => later.push(fn),
    };
    const w = kvApi({}, {}, clock);
    const wrong = `{"Node":"n",${' '.repeat(BODY_AT_ONCE_BYTES)}"Address":}`;
    const [first, second] = [wrong, wrong.replace('}', '""}')].map((body) =>
      w.start('PUT', '/v1/catalog/register', { body }),
    ) as [FakeExchange, FakeExchange];
    const steps = async (exchange: FakeExchange): Promise<number> => {
      for (let turns = 0; ; turns++) {
        // Others are served meanwhile.
        expect((await w.ask('GET', '/v1/kv/a')).status).toBe(200);
        await settle();
        if (exchange.answers.length > 0) return turns;
        expect(later).toHaveLength(1);
        later.shift()?.();
      }
    };
    expect(await steps(first)).toBe(0); // The text ends wrong: found in the first step.
    expect(second.answers).toEqual([]);
    expect(await steps(second)).toBeGreaterThan(3);
    const short = await w.ask('PUT', '/v1/catalog/register', { body: '{"Node":"n","Address":}' });
    expect(short.body).toBe("Request decode failed: invalid character '}' looking for beginning of value");
    expect(first.answers).toMatchObject([{ status: 400, body: short.body }]);
    expect(second.answers).toMatchObject([{ status: 200, body: 'true' }]);
  });

  test('an error of the agent has its status', async () => {
    const w = fakeApi({}, { deregisterService: () => Promise.reject(new AgentError(404, 'Unknown service ID "x".')) });
    expect(await w.ask('PUT', '/v1/agent/service/deregister/x')).toMatchObject({
      ...{ status: 404, body: 'Unknown service ID "x".' },
    });
  });
});

describe('writes', () => {
  test.for([
    ['', 'set', {}],
    ['?flags=18446744073709551615', 'set', { Flags: 18446744073709551615n }],
    ['?cas=7', 'cas', { ModifyIndex: 7 }],
    ['?acquire=s', 'lock', { Session: 's' }],
    ['?release=s', 'unlock', { Session: 's' }],
  ] as const)('PUT of a key with %j', async ([query, Op, DirEnt]) => {
    const w = kvApi();
    w.caller.results.set('KVS.Apply', true);
    expect((await w.ask('PUT', `/v1/kv/a${query}`, { body: 'hi' })).body).toBe('true');
    expect(w.caller.asked[0]?.args).toMatchObject({ Op, DirEnt: { Key: 'a', ...DirEnt } });
    w.caller.results.set('KVS.Apply', false);
    expect(await w.ask('PUT', `/v1/kv/a${query}`)).toMatchObject({ status: 200, body: 'false' });
  });

  test('a session comes with the defaults, and the old list of checks replaces them', async () => {
    const w = kvApi();
    w.caller.results.set('Session.Apply', 'the-id');
    expect((await w.ask('PUT', '/v1/session/create')).body).toBe('{"ID":"the-id"}');
    await w.ask('PUT', '/v1/session/create', { body: '{"Checks":[],"LockDelay":"5s","ttl":"10s"}' });
    for (const delay of ['20', '-1', '"-1s"', '"1ms"', '1.5', '1e30', 'true', 'null']) {
      await w.ask('PUT', '/v1/session/create', { body: `{"LockDelay":${delay}}` });
    }
    const refused = await w.ask('PUT', '/v1/session/create', { body: '{"LockDelay":"15","Checks":[1],"Name":1}' });
    expect(refused.body).toContain('.Alias.Checks of type types.CheckID');
    const sessions = w.caller.asked.map((a) => (a.args as { Session: Session }).Session);
    expect(sessions).toMatchObject([
      { Node: 'n1', LockDelay: 15e9, Behavior: 'release', TTL: '', NodeChecks: ['serfHealth'] },
      { LockDelay: 5e9, TTL: '10s', NodeChecks: [], Checks: null },
      ...[20e9, -1e9, -1e18, 1e6, 1e9, 0, 0, 15e9].map((LockDelay) => ({ LockDelay })),
    ]);
  });

  test('a renewal of what is gone is a 404', async () => {
    const answer = await kvApi().ask('PUT', '/v1/session/renew/x');
    expect([answer.status, answer.body]).toEqual([404, "Session id 'x' not found"]);
  });

  // Recorded from the reference.
  test.for([
    ['{"KV":{"Verb":1}},{"Check":{"Check":{"Definition":{"TTL":"x","HTTP":2,"Interval":"y"}}}}', /duration "y"$/],
    ['{"Check":{"Check":{"Interval":"10s"}}}', /: json: unknown field "Interval"$/],
    ['{"Service":{"Service":{"Proxy":{"destination_service_name":"x"}}}}', /unknown field "destination_service_name"$/],
    ['{"Service":{"Service":{"Kind":1}}}', /AgentService.Service.Service.Kind of type api.ServiceKind$/],
    ['{"Service":{"Service":{"Proxy":{"Upstreams":[5]}}}}', /ConnectProxyConfig.Service.Service.Proxy.Upstreams of/],
    ['{"Check":{"Check":{"Definition":5}}}', /of type struct { IntervalDuration interface {}; .*; \*api.Alias }$/],
  ] as const)('a transaction with %s is refused in the words of the client library', async ([ops, text]) => {
    const answer = await kvApi().ask('PUT', '/v1/txn', { body: `[${ops}]` });
    expect([answer.status, answer.body]).toEqual([400, expect.stringMatching(text)]);
  });

  test('a transaction may carry what only other editions look at, and it goes no further', async () => {
    const w = kvApi();
    w.caller.results.set('Txn.Apply', { Results: [], Errors: [] });
    const more = { Namespace: 'x', Partition: 'y' };
    const ops = [
      { KV: { Verb: 'set', Key: 'k', ...more } },
      { Service: { Verb: 'set', Node: 'n', Service: { Service: 'w', ContentHash: 'h', ...more } } },
      { Check: { Verb: 'set', Check: { Node: 'n', Definition: { TTL: '5s', Interval: '1s' }, ...more } } },
    ];
    expect((await w.ask('PUT', '/v1/txn', { body: JSON.stringify(ops) })).status).toBe(200);
    expect(JSON.stringify(w.caller.asked[0]?.args)).not.toMatch(/Namespace|Partition|ContentHash/);
    expect(w.caller.asked[0]?.args).toMatchObject({
      Ops: [{}, {}, { Check: { Check: { Definition: { Interval: 1e9 } } } }],
    });
  });

  test('what a configuration of autopilot leaves out is as a cluster starts with it', async () => {
    const w = kvApi();
    w.caller.results.set('Operator.AutopilotSetConfiguration', true);
    await w.ask('PUT', '/v1/operator/autopilot/configuration', { body: '{"MaxTrailingLogs":0,"MinQuorum":3}' });
    expect(w.caller.asked[0]?.args).toMatchObject({
      Config: { CleanupDeadServers: true, LastContactThreshold: 200e6, MaxTrailingLogs: 0, MinQuorum: 3 },
    });
  });

  test('a transaction that was refused is a 409 with the errors alone', async () => {
    const w = kvApi();
    w.caller.results.set('Txn.Apply', { Results: [], Errors: [{ OpIndex: 1, What: 'no' }] });
    const body = '[{"KV":{"Verb":"set","Key":"k","Value":""}}]';
    expect(await w.ask('PUT', '/v1/txn', { body })).toMatchObject({
      ...{ status: 409, body: '{"Results":null,"Errors":[{"OpIndex":1,"What":"no"}]}' },
    });
  });

  test('come only from the networks that may, and not to what is blocked', async () => {
    const w = kvApi({
      allowWriteFrom: [{ contains: (host) => host === '10.0.0.1' }],
      blockEndpoints: ['/v1/catalog'],
    });
    w.caller.results.set('KVS.Apply', true);
    expect(await w.ask('PUT', '/v1/kv/a')).toMatchObject({ status: 403, body: 'Access is restricted' });
    expect((await w.ask('PUT', '/v1/kv/a', { host: '10.0.0.1' })).status).toBe(200);
    expect((await w.ask('GET', '/v1/kv/a')).status).toBe(200);
    expect(await w.ask('GET', '/v1/catalog/nodes')).toMatchObject({
      ...{ status: 403, body: 'Endpoint is blocked by agent configuration' },
    });
  });
});

describe('the agent’s own services', () => {
  const web = NodeService.make({ ID: 'web', Service: 'web', Port: 80, Weights: { Passing: 1, Warning: 1 } });
  const withStatus = (Status: string, CheckID = 'c') =>
    fakeApi(
      {},
      {
        services: () => ({ web: { service: web } }),
        checks: () => ({ c: HealthCheck.make({ CheckID, ServiceID: 'web', Status }) }),
        blockOnService: (_id, hash, _waitMs, done) => {
          if (hash !== serviceContentHash(web)) done();
          return () => {};
        },
      },
    );

  test.for([
    ['passing', 'c', 200, 'passing'],
    ['warning', 'c', 429, 'warning'],
    ['critical', 'c', 503, 'critical'],
    ['critical', '_service_maintenance:web', 503, 'maintenance'],
  ] as const)('with a check that is %s (%s) answer %d', async ([status, id, code, word]) => {
    const w = withStatus(status, id);
    const answer = await w.ask('GET', '/v1/agent/health/service/id/web?format=text');
    expect([answer.status, answer.body, answer.headers['x-consul-reason']]).toEqual([code, word, word]);
    const json = await w.ask('GET', '/v1/agent/health/service/name/web');
    expect([json.status, JSON.parse(json.body)[0].AggregatedStatus]).toEqual([code, word]);
  });

  test('that are not there are critical', async () => {
    const w = withStatus('passing');
    expect(await w.ask('GET', '/v1/agent/health/service/id/none')).toMatchObject({
      ...{ status: 404, body: '{"AggregatedStatus":"critical","Service":null,"Checks":null}' },
    });
    expect(await w.ask('GET', '/v1/agent/service/none')).toMatchObject({
      status: 404,
      body: 'unknown service ID: none',
    });
  });

  test('are told with a hash, which blocks while it is the same', async () => {
    const w = withStatus('passing');
    const answer = await w.ask('GET', '/v1/agent/service/web');
    const hash = answer.headers['x-consul-contenthash'];
    expect(JSON.parse(answer.body).ContentHash).toBe(hash);
    expect((await w.ask('GET', '/v1/agent/service/web?hash=other')).status).toBe(200);
    expect(w.start('GET', `/v1/agent/service/web?hash=${hash}`).answers).toEqual([]);
    expect((await w.ask('GET', `/v1/agent/service/web?hash=${hash}&wait=x`)).body).toBe('Invalid wait time');
  });

  test('are filtered; a bad filter is a 500', async () => {
    const w = withStatus('passing');
    expect(Object.keys(JSON.parse((await w.ask('GET', '/v1/agent/services?filter=Port==80')).body))).toEqual(['web']);
    expect((await w.ask('GET', '/v1/agent/services?filter=Port==81')).body).toBe('{}');
    const bad = await w.ask('GET', '/v1/agent/services?filter=Nothing==1');
    expect(bad.status).toBe(500);
    expect(bad.body).toContain('Failed to create boolean expression evaluator: ');
  });

  test('a filter of checks is tried on the first of them: what it means is told without a prefix', async () => {
    const ask = async (w: ReturnType<typeof withStatus>, filter: string) => {
      const answer = await w.ask('GET', `/v1/agent/checks?filter=${encodeURIComponent(filter)}`);
      return [answer.status, answer.body];
    };
    const none = fakeApi({}, { checks: () => ({}) });
    expect(await ask(withStatus('passing'), 'Nope == 1')).toEqual([500, 'Selector "Nope" is not valid']);
    expect(await ask(none, 'Nope == 1')).toEqual([200, '{}']);
    expect((await ask(none, 'Nope =='))[1]).toMatch(/^Failed to create boolean expression evaluator: /);
  });
});

test('a key may be of very many parts', async () => {
  const w = kvApi();
  const key = 'a/'.repeat(60_000);
  await w.ask('GET', `/v1/kv/${key}`);
  expect(w.caller.asked[0]?.args).toMatchObject({ Key: key });
});
