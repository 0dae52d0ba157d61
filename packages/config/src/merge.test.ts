import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, loadText } from './testing/world.ts';

const BASE = ['-data-dir', 'd', '-bind', '127.0.0.1'];

describe('precedence', () => {
  const files = {
    'a.hcl': `retry_join = [":11"] recursors = ["1.0.0.1"] node_meta { k = "a" a = "1" } log_level = "WARN"
      service { name = "sa" } check { name = "ca" ttl = "1s" } ports { http = 1001 dns = 1002 }`,
    'b.json': `{"retry_join":[":12"],"recursors":["1.0.0.2"],"node_meta":{"k":"b","b":"1"},
      "service":{"name":"sb"},"check":{"name":"cb","ttl":"1s"},"ports":{"http":2001}}`,
  };
  const args = [
    ...[...BASE, '-config-file', 'a.hcl', '-config-dir', 'b.json', '-retry-join', ':14', '-recursor', '1.0.0.4'],
    ...['-node-meta', 'k:flag', '-node-meta', 'f:1:2', '-node-meta', 'z', '-log-level', 'info', '-dns-port=3002'],
    ...['-hcl', 'retry_join = [":13"] recursors = ["1.0.0.3"] node_meta { k = "hcl" } log_level = "ERR"'],
    ...['-allow-write-http-from', '10.0.0.0/8', '-hcl', 'http_config { allow_write_http_from = ["11.0.0.0/8"] }'],
  ];
  const { runtime } = load(args, files);

  test('lists are appended: flags, files in order, then -hcl', () => {
    expect(runtime.retryJoinLan.addresses).toEqual([':14', ':11', ':12', ':13']);
    expect(runtime.dns.recursors).toEqual(['1.0.0.4', '1.0.0.1', '1.0.0.2', '1.0.0.3']);
  });

  test('maps are united and the later source wins for a key', () => {
    expect(runtime.nodeMeta).toEqual({ k: 'hcl', a: '1', b: '1', f: '1:2', z: '' });
  });

  test('-hcl wins over flags, flags over files, later files over earlier ones, field by field', () => {
    expect(runtime.logging.level).toBe('ERR');
    expect(runtime.ports).toMatchObject({ http: 2001, dns: 3002, serfLan: 8301 });
  });

  test('the single definition of every file counts', () => {
    expect(runtime.services.map(({ Name }) => Name)).toEqual(['sa', 'sb']);
    expect(runtime.checks.map(({ Name }) => Name)).toEqual(['ca', 'cb']);
  });

  test('a list inside a stanza that a flag sets comes after the files', () => {
    const file = { 'a.hcl': 'http_config { allow_write_http_from = ["1.0.0.0/8"] }' };
    const inFile = load([...BASE, '-allow-write-http-from', '2.0.0.0/8', '-config-file', 'a.hcl'], file);
    expect(inFile.runtime.http.allowWriteFrom).toEqual(['1.0.0.0/8', '2.0.0.0/8']);
    expect(runtime.http.allowWriteFrom).toEqual(['10.0.0.0/8', '11.0.0.0/8']);
  });

  test('development mode changes defaults only', () => {
    expect(load(['-dev']).runtime).toMatchObject({ server: true, dataDir: '', bindAddr: '127.0.0.1' });
    const changed = load(['-dev', '-hcl', 'ports { grpc = 5 } log_level = "WARN"', '-server=false']).runtime;
    expect(changed).toMatchObject({ server: false, ports: { grpc: 5 }, logging: { level: 'WARN' } });
  });

  test('constants win over files', () => {
    const { runtime: config } = loadText('ae_interval = "5m" sync_coordinate_rate_target = 1', BASE);
    expect([config.aeIntervalMs, config.syncCoordinateRateTarget]).toEqual([60_000, 64]);
  });
});

describe('properties', () => {
  const layer = fc.record(
    {
      retry_join: fc.array(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 3 }),
      node_meta: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.stringMatching(/^[a-z]{0,3}$/)),
      domain: fc.constantFrom('x.', 'y.', 'z.'),
      ports: fc.record(
        { http: fc.integer({ min: 1, max: 999 }), dns: fc.integer({ min: 1000, max: 1999 }) },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [], noNullPrototype: true },
  );

  test('many files give what one file with everything gives, and the same each time', () => {
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 4 }), (layers) => {
        const files = Object.fromEntries(layers.map((value, index) => [`c/${index}.json`, JSON.stringify(value)]));
        const merged = {
          retry_join: layers.flatMap((value) => value.retry_join ?? []),
          node_meta: Object.assign({}, ...layers.map((value) => value.node_meta ?? {})) as object,
          domain: layers.findLast((value) => value.domain !== undefined)?.domain ?? 'consul.',
          ports: Object.assign({}, ...layers.map((value) => value.ports ?? {})) as object,
        };
        const many = load([...BASE, '-config-dir', 'c'], { ...files, 'c/': '' });
        const one = load([...BASE, '-config-file', 'c.json'], { 'c.json': JSON.stringify(merged) });
        expect({ ...many.runtime, configFiles: [] }).toEqual({ ...one.runtime, configFiles: [] });
        expect(many.runtime).toEqual(load([...BASE, '-config-dir', 'c'], { ...files, 'c/': '' }).runtime);
      }),
      { numRuns: 60 },
    );
  });

  test('HCL and JSON of the same values load alike', () => {
    fc.assert(
      fc.property(layer, (value) => {
        const hcl = Object.entries(value)
          .map(([key, inner]) => `${key} = ${hclOf(inner)}`)
          .join('\n');
        const fromHcl = load([...BASE, '-config-file', 'x', '-config-format', 'hcl'], { x: hcl });
        const fromJson = load([...BASE, '-config-file', 'x', '-config-format', 'json'], { x: JSON.stringify(value) });
        expect(fromHcl.runtime).toEqual(fromJson.runtime);
      }),
      { numRuns: 60 },
    );
  });
});

function hclOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(hclOf).join(', ')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key} = ${hclOf(inner)}`)
    .join(', ')} }`;
}
