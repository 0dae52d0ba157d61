import { describe, expect, test } from 'vitest';
import { parseWatch } from './definition.ts';

const parsed = 'Failed to parse watch (map[string]interface {}{';
type Definition = Readonly<Record<string, unknown>>;

/** Recorded from a reference agent with one watch in its configuration. */
const REFUSED: readonly [Definition, string][] = [
  [{ type: 'key', args: ['x'] }, `${parsed}"args":"x"}): Must specify a single key to watch`],
  [
    { type: 'key', key: '', args: ['echo', 'x'] },
    `${parsed}"args":[]interface {}{"echo", "x"}}): Must specify a single key to watch`,
  ],
  [{ type: 'keyprefix', args: ['a'] }, `${parsed}"args":"a"}): Must specify a single prefix to watch`],
  [{ type: 'service', args: ['a'] }, `${parsed}"args":"a"}): Must specify a single service to watch`],
  [{ type: 'key', key: 'a' }, 'Must define a watch handler'],
  [{ type: 'key', key: 'a', args: ['x'], handler: 'y' }, 'Only one watch handler allowed'],
  [{ type: 'key', key: 'a', args: ['x'], handler: '' }, 'Only one watch handler allowed'],
  [{ type: 'bogus', args: ['y'] }, `${parsed}"args":"y"}): Unsupported watch type: bogus`],
  [
    { type: 5, args: ['a', 'b'], key: 'a' },
    `${parsed}"args":[]interface {}{"a", "b"}, "key":"a"}): Unsupported watch type: 5`,
  ],
  [
    { key: 'a', args: ['y'] },
    `${parsed}"args":"y", "handler_type":"script", "key":"a"}): Watch type must be specified`,
  ],
  [{}, `${parsed}"handler_type":"script"}): Watch type must be specified`],
  [
    { type: 'key', key: 'a', handler_type: 'http' },
    `${parsed}"key":"a"}): Handler type 'http' requires 'http_handler_config' to be set`,
  ],
  [{ type: 'key', key: 'a', handler_type: 'zork', args: ['a'] }, "Handler type 'zork' not recognized"],
  [{ type: 'key', key: 'a', handler_type: 'zork', http_handler_config: {} }, "Handler type 'zork' not recognized"],
  [{ type: 'key', key: 'a', handler_type: 5, args: ['a'] }, "Handler type '%!s(int=5)' not recognized"],
  [
    { type: 'key', key: 'a', handler_type: 'http', http_handler_config: {} },
    `${parsed}"http_handler_config":map[string]interface {}{}, "key":"a"}): Failed to parse 'http_handler_config': Requires 'path' to be set`,
  ],
  [
    { type: 'key', key: 'a', handler_type: 'http', http_handler_config: { path: 'x', timeout: 'zz' } },
    `${parsed}"http_handler_config":map[string]interface {}{"path":"x", "timeout":"zz"}, "key":"a"}): Failed to parse 'http_handler_config': Failed to parse timeout: time: invalid duration "zz"`,
  ],
  [
    { type: 'key', key: 'a', handler_type: 'http', http_handler_config: 'x' },
    `${parsed}"http_handler_config":"x", "key":"a"}): Failed to parse 'http_handler_config': '' expected a map, got 'string'`,
  ],
  [
    {
      type: 'key',
      key: 'a',
      handler_type: 'http',
      http_handler_config: { path: 'x', header: { A: 'b' }, method: 5, tls_skip_verify: 'zz' },
    },
    `${parsed}"http_handler_config":map[string]interface {}{"header":map[string]interface {}{"A":"b"}, "method":5, "path":"x", "tls_skip_verify":"zz"}, "key":"a"}): Failed to parse 'http_handler_config': 3 error(s) decoding:\n\n` +
      "* 'header[A]': source data must be an array or slice, got string\n" +
      "* 'method' expected type 'string', got unconvertible type 'int', value: '5'\n" +
      "* 'tls_skip_verify' expected type 'bool', got unconvertible type 'string', value: 'zz'",
  ],
  [{ type: 'key', key: 'a', zzz: '1', args: ['a'] }, `${parsed}"zzz":"1"}): Invalid parameters: [zzz]`],
  [
    { type: 'event', yy: { a: 1.5, b: true, c: [1] }, zz: [], args: ['a'] },
    `${parsed}"yy":map[string]interface {}{"a":1.5, "b":true, "c":1}, "zz":[]interface {}{}}): Invalid parameters: [yy zz]`,
  ],
  [
    { type: 'key', key: 'a', http_handler_config: { path: 'x' }, args: ['a'] },
    `${parsed}"http_handler_config":map[string]interface {}{"path":"x"}}): Invalid parameters: [http_handler_config]`,
  ],
  [{ type: 'key', key: 5, args: ['a'] }, `${parsed}"args":"a", "key":5}): Expecting key to be a string`],
  [
    { type: 'key', key: 'a', stale: 'x', args: ['a'] },
    `${parsed}"args":"a", "key":"a", "stale":"x"}): Expecting stale to be a boolean`,
  ],
  [
    { type: 'key', key: 'a', datacenter: 5, args: ['a'] },
    `${parsed}"args":"a", "datacenter":5, "handler_type":"script", "key":"a", "type":"key"}): Expecting datacenter to be a string`,
  ],
  [
    { type: 'service', service: 'a', passingonly: 'xx', args: ['a'] },
    `${parsed}"args":"a", "passingonly":"xx"}): Expecting passingonly to be a boolean`,
  ],
  [
    { type: 'service', service: 'a', tag: 5, args: ['a'] },
    `${parsed}"args":"a", "tag":5}): Expecting tag to be a string or []string`,
  ],
  [
    { type: 'service', service: 'a', tag: ['x', 1], args: ['a'] },
    `${parsed}"args":"a", "tag":[]interface {}{"x", 1}}): Index 1 of tag expected to be string`,
  ],
  [
    { type: 'checks', service: 'a', state: 'b', args: ['a'] },
    `${parsed}"args":"a"}): Cannot specify service and state`,
  ],
  [{ type: 'nodes', filter: 5, args: ['a'] }, `${parsed}"args":"a", "filter":5}): Expecting filter to be a string`],
  [{ type: 'key', key: 'a', args: [1] }, 'Watch args must be a list of strings'],
  [{ type: 'key', key: 'a', args: {} }, 'Watch args must be a list of strings'],
  [{ type: 'key', key: 'a', handler: 5 }, 'Watch handler must be a string'],
  [{ type: 'connect_roots', args: ['a'] }, 'Watch type connect_roots is not allowed in agent config'],
  [{ type: 'connect_leaf', service: 'a', args: ['a'] }, 'Watch type connect_leaf is not allowed in agent config'],
];

describe('what the reference agent refuses is refused with its words', () => {
  test.for(REFUSED)('%j', ([definition, text]) => {
    let message = 'accepted';
    try {
      parseWatch(definition);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toBe(text);
  });
});

const run = { args: ['x'] };
const ACCEPTED: readonly [Definition, string, Definition][] = [
  [{ type: 'key', key: '/a b/c?' }, '/v1/kv/a%20b/c%3F', { stale: false, dc: '' }],
  [
    { type: 'keyprefix', prefix: 'w/', stale: true, datacenter: 'dc2' },
    '/v1/kv/w/',
    { stale: true, recurse: true, dc: 'dc2' },
  ],
  [{ type: 'services', filter: 'f' }, '/v1/catalog/services', { stale: false, filter: 'f', dc: '' }],
  [{ type: 'nodes' }, '/v1/catalog/nodes', { stale: false, filter: '', dc: '' }],
  [
    { type: 'service', service: 'web', tag: 'a', passingonly: true },
    '/v1/health/service/web',
    { stale: false, tag: ['a'], passing: '1', filter: '', dc: '' },
  ],
  [{ type: 'checks' }, '/v1/health/state/any', { stale: false, filter: '', dc: '' }],
  [{ type: 'checks', service: 'web' }, '/v1/health/checks/web', { stale: false, filter: '', dc: '' }],
  [{ type: 'event', name: ['e'] }, '/v1/event/list', { name: 'e', dc: '' }],
  [{ type: 'agent_service', service_id: 'web-1' }, '/v1/agent/service/web-1', { dc: '' }],
];
test.for(ACCEPTED)('%j reads %s', ([definition, path, params]) => {
  const plan = parseWatch({ ...definition, ...run });
  expect([plan.path, plan.params, plan.handler]).toEqual([path, params, { kind: 'args', args: ['x'] }]);
});

test('handlers: a shell command, a single argument, or HTTP with its defaults', () => {
  const key = { type: 'key', key: 'a', token: 't' };
  expect(parseWatch({ ...key, handler: 'echo a' })).toMatchObject({
    token: 't',
    handler: { kind: 'shell', command: 'echo a' },
  });
  expect(parseWatch({ ...key, args: 'single' }).handler).toEqual({ kind: 'args', args: ['single'] });
  const http = { handler_type: 'http', http_handler_config: { path: 'http://x/' } };
  expect(parseWatch({ ...key, ...http }).handler).toEqual({
    kind: 'http',
    url: 'http://x/',
    method: 'POST',
    timeoutMs: 10_000,
    headers: {},
    tlsSkipVerify: false,
  });
  const full = { path: 'http://x/', method: 'PUT', timeout: '1.5s', header: { A: ['1', '2'] }, tls_skip_verify: true };
  expect(parseWatch({ ...key, handler_type: 'http', http_handler_config: full }).handler).toEqual({
    kind: 'http',
    url: 'http://x/',
    method: 'PUT',
    timeoutMs: 1500,
    headers: { A: ['1', '2'] },
    tlsSkipVerify: true,
  });
});
