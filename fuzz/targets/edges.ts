import { type Disk, fromUtf8, ProtocolError, utf8 } from '@proconsul/base';
import { ConfigError } from '@proconsul/config';
import { decodeMessage } from '@proconsul/dns-wire';
import { EndpointError } from '@proconsul/endpoints';
import { GoJsonError, parseJson, parseJsonDocument, TooManyValuesError } from '@proconsul/gojson';
import { HclError } from '@proconsul/hcl';
import * as schema from '@proconsul/schema';
import { DecodeError, type Struct } from '@proconsul/schema';
import { readKeyring } from '../../packages/agent/src/cluster/keyring-file.ts';
import { expandTemplate } from '../../packages/config/src/sockaddr.ts';
import { TemplateError } from '../../packages/config/src/template.ts';
import { load, RECORDED_INTERFACES } from '../../packages/config/src/testing/world.ts';
import { CLIENT, world } from '../../packages/dns/src/handler.fixture.ts';
import type { AgentApi } from '../../packages/http-api/src/agent-api.ts';
import { BODY_BYTES_MAX, JSON_VALUES_MAX } from '../../packages/http-api/src/api-exchange.ts';
import { fakeApi } from '../../packages/http-api/src/testing/fake-front.ts';
import { InterpolationError, interpolate } from '../../packages/server/src/queries/interpolation.ts';
import { renderTemplate, templateError } from '../../packages/server/src/queries/template.ts';
import { recordedTexts, texts } from '../seeds.ts';
import { check, must, refusesWith, START_MS_MAX, type Target, tasksMsMax } from '../target.ts';
import { dnsMessages } from './codecs.ts';

/** Every structure that has a JSON form. */
const structs: readonly Struct<unknown>[] = Object.values(schema as Record<string, unknown>).filter(
  (s): s is Struct<unknown> => typeof s === 'object' && s !== null && 'decode' in s && 'structName' in s,
);

const jsonBody: Target = {
  name: 'json-bodies',
  reads: 'JSON bodies as the structures of requests, from HTTP clients',
  seeds: () => [
    ...structs.flatMap((s, i) => [s.toJson(s.make()), '{}'].map((json) => new Uint8Array([i, ...utf8(json)]))),
    ...bodiesOfConfig(),
  ],
  wordsOf: ['schema'],
  words: [
    'null',
    '""',
    '{}',
    '[]',
    '"10s"',
    '"1h1ns"',
    '-1',
    '1.5',
    '1e30',
    '"2006-01-02T15:04:05Z"',
    '"aGk="',
    '{"',
    '":',
    ',"',
  ],
  inputBytesMax: 1500,
  taskBytesMax: BODY_BYTES_MAX,
  taskMsMax: tasksMsMax(3),
  runs: 250_000,
  isRefusal: refusesWith(GoJsonError, TooManyValuesError, DecodeError, ProtocolError),
  task(bytes) {
    structs[(bytes[0] ?? 0) % structs.length]!.decode(parseJson(bytes.subarray(1), { maxValues: JSON_VALUES_MAX }));
  },
  run(bytes) {
    const struct = structs[(bytes[0] ?? 0) % structs.length]!;
    const value = struct.decode(parseJson(bytes.subarray(1)));
    const name = struct.structName;
    const text = must(`${name}: what was read can be written`, () => struct.toJson(value));
    // Some fields are read in another form than they are printed; what can be read again must be the same.
    const again = tryRead(() => struct.decode(parseJsonDocument(text)));
    if (again !== undefined) must(`${name}: again`, () => struct.toJson(again));
    const wire = must(`${name}: on the wire`, () => struct.encodeWire(value));
    const back = must(`${name}: from the wire`, () => struct.decodeWire(wire));
    const twice = must(`${name}: on the wire again`, () => struct.encodeWire(back));
    check(Buffer.compare(twice, wire) === 0, `${name}: round trip on the wire`);
  },
};

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError || error instanceof GoJsonError || error instanceof ProtocolError)
      return undefined;
    throw error;
  }
}

const bodiesOfConfig = (): Uint8Array[] =>
  recordedTexts(
    'server/src/config-entries/testdata/recorded.json',
    (t) => t.startsWith('{') && t.length < 1400,
  ).flatMap((t, i) => [i % structs.length, (i * 7) % structs.length].map((s) => new Uint8Array([s, ...t])));

// The API

const TARGETS = [
  ['GET', '/v1/kv/a?recurse&keys&separator=/&index=3&wait=5s'],
  ['PUT', '/v1/kv/a?cas=3&flags=7&acquire=x'],
  ['DELETE', '/v1/kv/a?recurse'],
  ['PUT', '/v1/txn\n[{"KV":{"Verb":"set","Key":"a","Value":"aGk="}}]'],
  ['PUT', '/v1/session/create\n{"TTL":"10s","LockDelay":"1s"}'],
  ['PUT', '/v1/catalog/register\n{"Node":"n","Address":"1.2.3.4","Service":{"Service":"s"}}'],
  ['PUT', '/v1/catalog/deregister\n{"Node":"n"}'],
  ['GET', '/v1/catalog/service/web?filter=ServiceID%20%3D%3D%20a&near=_agent&tag=v1&node-meta=a:b'],
  ['GET', '/v1/health/service/web?passing&cached&stale&dc=dc1'],
  ['PUT', '/v1/agent/service/register?replace-existing-checks\n{"Name":"web","Port":80,"Check":{"TTL":"10s"}}'],
  ['PUT', '/v1/agent/check/register\n{"Name":"c","HTTP":"http://x","Interval":"10s"}'],
  ['PUT', '/v1/agent/check/update/c\n{"Status":"passing","Output":"x"}'],
  ['PUT', '/v1/event/fire/deploy?node=a&service=b&tag=c\npayload'],
  ['POST', '/v1/query\n{"Name":"q","Service":{"Service":"web","Failover":{"NearestN":3}}}'],
  ['GET', '/v1/query/q/execute?near=_agent&limit=3'],
  ['PUT', '/v1/config\n{"Kind":"service-defaults","Name":"web","Protocol":"http"}'],
  ['PUT', '/v1/connect/intentions/exact?source=a&destination=b\n{"Action":"allow"}'],
  ['POST', '/v1/operator/keyring\n{"Key":"YSBrZXkgb2YgMTYgYnl0ZQ=="}'],
  ['PUT', '/v1/operator/autopilot/configuration?cas=1\n{"CleanupDeadServers":true}'],
  ['GET', '/v1/coordinate/nodes'],
  ['PUT', '/v1/coordinate/update\n{"Node":"n","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":1,"Adjustment":0,"Height":0}}'],
  ['PUT', '/v1/snapshot\nnot an archive'],
  ['OPTIONS', '/v1/kv/a'],
  ['GET', '/v1/agent/members?wan&segment=_all'],
  ['PUT', '/v1/agent/maintenance?enable=true&reason=x%20y'],
  ['PUT', '/v1/agent/join/10.0.0.1?wan=1'],
] as const;

/** An agent that refuses everything that it is asked. */
const refuse = (): never => {
  throw new EndpointError('AGENT', 'no such thing');
};
const ASKED: readonly (keyof AgentApi)[] = [
  ...(['services', 'checks', 'blockOnService', 'registerService', 'deregisterService', 'registerCheck'] as const),
  ...(['deregisterCheck', 'updateTtl', 'serviceMaintenance', 'nodeMaintenance', 'members', 'join', 'leave'] as const),
  ...([
    'forceLeave',
    'reload',
    'setToken',
    'self',
    'version',
    'host',
    'metrics',
    'prometheus',
    'metricsStream',
  ] as const),
  ...([
    'profile',
    'monitor',
    'fireEvent',
    'events',
    'blockOnEvents',
    'snapshotSave',
    'snapshotRestore',
    'keyring',
  ] as const),
];
const agent = Object.fromEntries(ASKED.map((name) => [name, refuse])) as Partial<AgentApi>;
const api = fakeApi({}, agent);

const httpApi: Target = {
  name: 'http-api',
  reads: 'whole requests: paths, parameters and bodies of every route, from HTTP clients',
  // The last ones once took time by the square of their length.
  seeds: () =>
    [...TARGETS, ['GET', '/1'.repeat(16_000)], ['GET', `/v1/kv${'/1'.repeat(16_000)}`]].map(([method, rest]) =>
      utf8(`${method} ${rest}`),
    ),
  wordsOf: ['http-api', 'schema'],
  words: [
    '/v1/',
    '?index=',
    '&wait=',
    '%2F',
    '&filter=',
    '\n{',
    '"',
    '&',
    'GET ',
    'PUT ',
    'DELETE ',
    'POST ',
    '&consistent',
    '&stale',
    '..',
    '//',
  ],
  taskBytesMax: 32 * 1024,
  runs: 150_000,
  async run(bytes) {
    const [line = '', ...rest] = Buffer.from(bytes).toString('latin1').split('\n');
    const [method = '', target = ''] = line.split(' ');
    const exchange = api.start(method, target.replaceAll(/[^\x21-\x7e]/g, '_'), { body: rest.join('\n') });
    for (let i = 0; i < 40 && exchange.answers.length === 0; i++) await undefined;
    check(exchange.answers.length <= 1, 'one answer');
    api.caller.asked.length = 0;
    api.caller.waiting.length = 0;
    exchange.abort();
    const answer = exchange.answers[0];
    if (answer === undefined) return;
    check(answer.body.length <= 64 * bytes.length + 65_536, 'bounded answer');
    check(
      !/TypeError|RangeError|SyntaxError|not a function|undefined \(reading|InvariantError/.test(answer.body),
      () => `${answer.status}: ${answer.body}`,
    );
    if (answer.status >= 400) throw new EndpointError('REFUSED', 'refused');
  },
  isRefusal: refusesWith(EndpointError),
};

// DNS

const dnsWorld = world({ recursors: [] });
dnsWorld.catalog.register({ Node: 'n1', Address: '10.0.0.1', Service: { Service: 'web', Port: 80, Tags: ['v1'] } });
dnsWorld.catalog.register({
  Node: 'n2',
  Address: '2001:db8::2',
  NodeMeta: { a: 'b' },
  Service: { Service: 'web', ID: 'w2', Port: 81, Address: 'web.example.com' },
});

const dnsServer: Target = {
  name: 'dns-server',
  reads: 'DNS questions, answered from a catalog, from DNS clients',
  seeds: dnsMessages,
  words: [
    Uint8Array.of(0xc0, 12),
    Uint8Array.of(0, 0, 41, 16, 0),
    '\x03web',
    '\x07service',
    '\x06consul\0',
    '\x04node',
    '\x05query',
    '\x04addr',
    '\x03dc1',
    '\x02dc',
    '\x04_tcp',
    '\x07in-addr\x04arpa\0',
    '\x03ip6\x04arpa\0',
    '\x09connect',
    '\x07virtual',
    '\x07ingress',
  ],
  taskBytesMax: 65_535,
  runs: 300_000,
  async run(bytes) {
    for (const transport of ['udp', 'tcp'] as const) {
      const reply = dnsWorld.handler.handle(bytes, CLIENT, transport);
      const answer = reply instanceof Promise ? await reply : reply;
      if (answer === undefined) continue;
      check(answer.length <= (transport === 'udp' ? 65_467 : 65_535), 'a reply fits');
      check(answer[0] === bytes[0] && answer[1] === bytes[1], 'a reply has the number of its question');
      must('a reply can be read', () => decodeMessage(answer));
    }
    dnsWorld.clock.ms += 1;
    decodeMessage(bytes);
  },
};

// Configuration

const config: Target = {
  name: 'config',
  taskMsMax: START_MS_MAX,
  reads: 'configuration files of an agent, from operators',
  seeds: () => recordedTexts('config/src/testdata/validate.json', (t) => t.includes('=') || t.startsWith('{')),
  wordsOf: ['config'],
  words: [
    ' = ',
    '{\n',
    '}\n',
    '[',
    ']',
    '"',
    'true',
    '"10s"',
    '-1',
    '{{ GetPrivateIP }}',
    'service {',
    'check {',
    'data_dir="d" ',
  ],
  taskBytesMax: 16 * 1024,
  runs: 12_000,
  isRefusal: refusesWith(ConfigError, HclError),
  run(bytes) {
    const text = fromUtf8(bytes);
    const name = text.startsWith('{') ? 't.json' : 't.hcl';
    load(['-config-file', name], { [name]: text });
  },
};

const sockaddr: Target = {
  name: 'sockaddr-template',
  taskMsMax: START_MS_MAX,
  reads: 'address templates in the configuration, from operators',
  seeds: () =>
    texts(
      '{{ GetPrivateIP }}',
      '{{ GetAllInterfaces | include "type" "IPv4" | sort "-address,size" | attr "address" }}',
      '{{ GetInterfaceIP "eth0" }} and {{ GetPublicIPs }}',
      '{{ GetPrivateInterfaces | exclude "network" "10.0.0.0/8" | limit 1 | offset 0 | join "address" " " }}',
      '{{ GetAllInterfaces | include "name" "^e" | math "network" "+2" | unique "address" | attr "string" }}',
    ),
  wordsOf: ['config'],
  words: [
    '{{ ',
    ' }}',
    ' | ',
    'include ',
    'exclude ',
    '"flags" "up|loopback"',
    '"rfc" "1918"',
    '"size" ',
    'math "address" "-1"',
    'mask',
  ],
  taskBytesMax: 16 * 1024,
  runs: 300_000,
  isRefusal: refusesWith(TemplateError),
  run(bytes) {
    const out = expandTemplate(fromUtf8(bytes), RECORDED_INTERFACES);
    check(out.length <= 4096 * (bytes.length + 1), 'bounded output');
  },
};

const keyring: Target = {
  name: 'keyring-file',
  taskMsMax: START_MS_MAX,
  reads: 'the keys of a gossip pool, from the disk',
  seeds: () =>
    texts(
      '["YSBrZXkgb2YgMTYgYnl0ZQ=="]',
      '[\n  "YSBrZXkgb2YgMTYgYnl0ZQ==",\n  "YW4gb2xkZXIga2V5IG9mIDMyIGJ5dGVzLCB1bnVzZWQ="\n]',
      '[]',
      'null',
    ),
  words: ['"', '=', '==', ',', 'null', '['],
  taskBytesMax: 64 * 1024,
  runs: 400_000,
  isRefusal: (e) => e instanceof Error && /^(Failed to (read|decode)|No keys present)/.test(e.message),
  async run(bytes) {
    const disk = { read: async () => bytes } as unknown as Disk;
    const keys = await readKeyring(disk, 'k');
    check(keys !== undefined && keys.length > 0 && keys.length <= 1024, 'bounded keys');
  },
};

/* biome-ignore-start lint/suspicious/noTemplateCurlyInString: these are the templates of queries */
const queryTemplate: Target = {
  name: 'query-template',
  reads: 'templates of prepared queries, and the names that they are asked for, from HTTP and DNS clients',
  seeds: () =>
    texts(
      '${name.full}-${name.suffix}\nx',
      '${match(1)}${match(2*1+0)}\n^geo-(.*?)-(.*)$',
      '$${a} ${"b ${agent.segment}"}\n',
      '${1 + 2 * (3)}\n(a|b)+',
    ),
  words: ['${', '}', 'name.prefix', 'name.full', 'match(', 'agent.segment', '"', '\\"', ' + ', ' * ', '$${', '(', ')'],
  taskBytesMax: 16 * 1024,
  runs: 500_000,
  isRefusal: (e) => e instanceof InterpolationError || e instanceof ProtocolError,
  run(bytes) {
    const [text = '', pattern = ''] = fromUtf8(bytes).split('\n');
    const query = schema.PreparedQuery.make({
      Name: 'geo-',
      Service: schema.ServiceQuery.make({ Service: text, Tags: [text, ''] }),
      Template: schema.QueryTemplateOptions.make({
        Type: 'name_prefix_match',
        Regexp: pattern.slice(0, 200),
        RemoveEmptyTags: true,
      }),
    });
    if (must('a template is judged', () => templateError(query)) !== null) {
      interpolate(text, { variables: {}, functions: {} });
      throw new ProtocolError('TEMPLATE', 'refused');
    }
    let rendered: typeof query;
    try {
      rendered = renderTemplate(query, 'geo-a-b', '');
    } catch (error) {
      check(error instanceof Error && error.name === 'TextError', () => String(error));
      return;
    }
    check(rendered.Service.Service.length <= 64 * (bytes.length + 1), 'bounded output');
  },
};
/* biome-ignore-end lint/suspicious/noTemplateCurlyInString: to here */

export const edgeTargets: readonly Target[] = [jsonBody, httpApi, dnsServer, config, sockaddr, keyring, queryTemplate];
