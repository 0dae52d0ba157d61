import { hex } from '@proconsul/base';
import { parseJson } from '@proconsul/gojson';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HealthCheckDefinition, NodeService, ServiceNode, Upstream } from './catalog.ts';
import { durationNs, durationText, int, list, map, pointer, str } from './kind.ts';
import { DirEntry } from './kv.ts';
import { CheckDefinition, ServiceDefinition } from './service-definition.ts';
import { struct } from './struct.ts';

const Inner = struct('Inner', { Port: int });
const Thing = struct('Thing', {
  Name: str,
  Tags: list(str),
  Meta: map(str),
  Inner,
  Link: pointer(Inner),
  Every: durationText,
  Note: { kind: str, alias: ['note_text'], omitEmpty: true },
  Secret: { kind: str, json: null },
  Old: { kind: str, inputOnly: true, wire: null },
});

const decode = (text: string, options = {}) => Thing.decode(parseJson(text), options);

describe('JSON', () => {
  test('has the order of the table, null for what is absent, and nothing that is not for it', () => {
    expect(Thing.toJson(Thing.make({ Name: 'a<b', Secret: 's', Old: 'o' }))).toBe(
      '{"Name":"a\\u003cb","Tags":null,"Meta":null,"Inner":{"Port":0},"Link":null,"Every":"0s"}',
    );
  });

  test('prints what is set of what may be left out', () => {
    const full = Thing.make({ Tags: [], Meta: { k: 'v' }, Link: { Port: 1 }, Every: 90e9, Note: 'n' });
    expect(Thing.toJson(full)).toBe(
      '{"Name":"","Tags":[],"Meta":{"k":"v"},"Inner":{"Port":0},"Link":{"Port":1},"Every":"1m30s","Note":"n"}',
    );
  });

  test('takes names in any case, and aliases; null leaves the zero value', () => {
    expect(decode('{"nAmE":"x","note_TEXT":"n","Old":"o","tags":null,"inner":null,"other":1}')).toEqual(
      Thing.make({ Name: 'x', Note: 'n', Old: 'o' }),
    );
    expect(Thing.decode(null)).toEqual(Thing.zero());
  });

  test('has a place for every field, whichever of them are zero', () => {
    const given = {
      ...{ Name: 'n', Tags: ['a'], Meta: { k: 'v' }, Inner: { Port: 2 }, Link: { Port: 0 } },
      ...{ Every: 1e9, Note: 'x', Secret: 's', Old: 'o' },
    };
    fc.assert(
      fc.property(fc.subarray(Object.keys(given)), (names) => {
        const some = Object.fromEntries(names.map((name) => [name, given[name as keyof typeof given]]));
        const thing = Thing.make(some);
        expect(JSON.parse(Thing.toJson(thing))).toEqual({
          ...{ Name: '', Tags: null, Meta: null, Inner: { Port: 0 }, Link: null, Every: '0s' },
          ...{ ...some, ...('Every' in some ? { Every: '1s' } : {}), Secret: undefined, Old: undefined },
        });
        expect(Thing.decodeWire(Thing.encodeWire(thing))).toEqual({ ...thing, Old: '' });
      }),
    );
  });

  test('of a zero record can be had again and again: nobody can change it', () => {
    expect(Thing.zero()).toBe(Thing.zero());
    expect(Object.isFrozen(Thing.zero()) && Object.isFrozen(Thing.zero().Inner)).toBe(true);
    expect(Thing.toJson(Thing.zero())).toBe(Thing.toJson(Thing.make()));
  });

  test('takes durations as text and as nanoseconds', () => {
    expect([decode('{"Every":"10s"}').Every, decode('{"Every":5}').Every]).toEqual([10e9, 5]);
  });

  test('does not take what is for the wire alone', () => {
    expect(decode('{"Secret":"s"}').Secret).toBe('');
    expect(() => decode('{"Secret":"s"}', { unknown: 'reject' })).toThrow('json: unknown field "Secret"');
  });

  test.for([
    ['{"Name":1}', 'json: cannot unmarshal number into Go struct field Thing.Name of type string'],
    ['{"Tags":"a"}', 'json: cannot unmarshal string into Go struct field Thing.Tags of type []string'],
    ['{"Inner":{"Port":"x"}}', 'json: cannot unmarshal string into Go struct field Inner.Inner.Port of type int'],
    ['{"Inner":{"Port":1.5}}', 'json: cannot unmarshal number 1.5 into Go struct field Inner.Inner.Port of type int'],
    ['[]', 'json: cannot unmarshal array into Go value of type structs.Thing'],
  ] as const)('%s is refused in the words that clients know', ([text, error]) => {
    expect(() => decode(text)).toThrow(error);
  });

  test.for([
    ['{"Weights":{"Passing":"x"}}', 'string into Go struct field Weights.Alias.Weights.Passing of type int'],
    [
      '{"TaggedAddresses":{"lan":1}}',
      'number into Go struct field .Alias.TaggedAddresses of type structs.ServiceAddress',
    ],
    ['{"Kind":1}', 'number into Go struct field .Alias.Kind of type structs.ServiceKind'],
    ['{"Proxy":{"Mode":[]}}', 'array into Go struct field .Alias.Proxy.Alias.Mode of type structs.ProxyMode'],
    [
      '{"Proxy":{"Upstreams":[{"MeshGateway":{"Mode":1}}]}}',
      'number into Go struct field .Alias.Proxy.Alias.Upstreams.Alias.MeshGateway.Mode of type structs.MeshGatewayMode',
    ],
  ] as const)('%s in a registration is refused with the recorded words', ([text, error]) => {
    const options = { unknown: 'reject', root: '', path: 'Alias' } as const;
    expect(() => ServiceDefinition.decode(parseJson(text), options)).toThrow(`json: cannot unmarshal ${error}`);
  });

  // Recorded from the reference, body by body.
  test.for([
    ['{"Name":1,"Bogus":1,"Port":"x"}', 'number into Go struct field .Alias.Name of type string'],
    ['{"Name":"a","Bogus":1,"ID":[]}', 'json: unknown field "Bogus"'],
    ['{"ID":[],"Check":{"TCP":"x","Timeout":"5"}}', 'time: missing unit in duration "5"'],
    [
      '{"Bogus":1,"Check":{"TCP":[],"Timeout":"5"}}',
      'array into Go struct field .Alias.Check.Alias.TCP of type string',
    ],
    ['{"Tags":[1,[]],"Checks":[{"TTL":1},{"TTL":"x"}]}', 'time: invalid duration "x"'],
    ['{"Check":{"DeregisterCriticalServiceAfter":"w","TTL":"y","Timeout":"z"}}', 'time: invalid duration "z"'],
    ['{"Check":{"TTL":"y","Nope":1}}', 'json: unknown field "Nope"'],
    ['{"tagged_addresses":1}', 'number into Go struct field .tagged_addresses of type'],
    ['{"Check":{"Args":[1]}}', 'number into Go struct field .Alias.Check.args of type string'],
    ['{"Check":{"os_service":"x"}}', 'json: unknown field "os_service"'],
    ['{"Proxy":{"mutual_tls_mode":"x"}}', 'json: unknown field "mutual_tls_mode"'],
    ['{"Proxy":{"Upstreams":[{"mesh_gateway":{"Mode":1}}]}}', '.Alias.Proxy.Alias.Upstreams.mesh_gateway.Mode of type'],
    ['{"Meta":{"a":1},"Tags":[2]}', 'number into Go struct field .Alias.Meta of type string'],
    [
      '{"ID":[],"Connect":{"SidecarService":5}}',
      'number into Go struct field .Alias.Connect.Alias.SidecarService of type struct { EnableTagOverrideSnake bool "json:\\"enable_tag_override\\""; TaggedAddressesSnake map[string]structs.ServiceAddress "json:\\"tagged_addresses\\""; *structs.Alias }',
    ],
  ] as const)('of the faults in %s the same one is told', ([text, error]) => {
    const options = { unknown: 'reject', root: '', path: 'Alias' } as const;
    expect(() => ServiceDefinition.decode(parseJson(text), options)).toThrow(error);
  });

  test('a duration outside structures that decode themselves ends it all', () => {
    expect(() => decode('{"Name":1,"Every":"x"}')).toThrow('time: invalid duration "x"');
    expect(() => decode('{"Name":1,"Tags":[2]}')).toThrow('Thing.Name');
  });

  test('names that a connection does not have are passed over in it, though not inside its sidecar', () => {
    const decode = (text: string) => ServiceDefinition.decode(parseJson(text), { unknown: 'reject' });
    expect(decode('{"Connect":{"Nope":1,"Native":true}}').Connect?.Native).toBe(true);
    expect(() => decode('{"Connect":{"SidecarService":{"Nope":1}}}')).toThrow('json: unknown field "Nope"');
  });

  test('durations take texts and numbers; what is neither is passed over or, where that is recorded, refused', () => {
    const check = (ttl: string) => CheckDefinition.decode(parseJson(`{"TTL":${ttl}}`)).TTL;
    expect([check('"1m"'), check('5'), check('true'), check('[]')]).toEqual([60e9, 5, 0, 0]);
    expect(() => check('""')).toThrow('time: invalid duration ""');
    expect(() => check('"🙂"')).toThrow('time: invalid duration "\\xf0\\x9f\\x99\\x82"');
    const stored = (interval: string) => HealthCheckDefinition.decode(parseJson(`{"Interval":${interval},"Nope":1}`));
    expect(stored('"10s"').Interval).toBe(10e9);
    expect(() => stored('{"x":1}')).toThrow('strconv.ParseFloat: parsing "{\\"x\\":1}": invalid syntax');
  });

  test('keys are text, numbers of flags may need all 64 bits', () => {
    const entry = DirEntry.decode(parseJson('{"Key":"k","Flags":18446744073709551615,"Value":"aGk="}'));
    expect(entry.Flags).toBe(18446744073709551615n);
    expect(DirEntry.toJson(entry)).toContain('"Flags":18446744073709551615,"Value":"aGk="');
  });

  test('definitions take both spellings, and refuse what they do not have', () => {
    const body = '{"name":"web","enable_tag_override":true,"Check":{"ttl":"10s","Args":["a"]}}';
    expect(ServiceDefinition.decode(parseJson(body), { unknown: 'reject' })).toMatchObject({
      ...{ Name: 'web', EnableTagOverride: true, Check: { TTL: 10e9, ScriptArgs: ['a'] } },
    });
    expect(() => ServiceDefinition.decode(parseJson('{"Check":{"ID":"x"}}'), { unknown: 'reject' })).toThrow(
      'json: unknown field "ID"',
    );
    expect(CheckDefinition.decode(parseJson('{"ID":"x"}'), { unknown: 'reject' }).ID).toBe('x');
  });

  test('lists that are never null print as empty ones, settings of nothing not at all', () => {
    expect(ServiceNode.toJson(ServiceNode.zero())).toContain('"ServiceTags":[]');
    expect(HealthCheckDefinition.toJson(HealthCheckDefinition.zero())).toBe('{}');
    expect(NodeService.toJson(NodeService.zero())).not.toContain('TransparentProxy');
    expect(Upstream.toJson(Upstream.make({ CentrallyConfigured: true }))).not.toContain('CentrallyConfigured');
  });
});

describe('MessagePack', () => {
  const things = fc.record({
    Name: fc.string(),
    Tags: fc.option(fc.array(fc.string(), { maxLength: 4 })),
    Meta: fc.option(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string(), { maxKeys: 4 })),
    Inner: fc.record({ Port: fc.integer() }),
    Link: fc.option(fc.record({ Port: fc.integer() })),
    Every: fc.integer(),
    Note: fc.string(),
    Secret: fc.string(),
  });

  test('brings back whatever was written', () => {
    fc.assert(
      fc.property(things, (given) => {
        const thing = Thing.make(given);
        expect(Thing.toJson(Thing.decodeWire(Thing.encodeWire(thing)))).toBe(Thing.toJson(thing));
        expect(Thing.decodeWire(Thing.encodeWire(thing)).Secret).toBe(given.Secret);
      }),
    );
  });

  test('is refused after any cut', () => {
    const wire = Thing.encodeWire(Thing.make({ Name: 'a', Tags: ['b'], Link: { Port: 300 } }));
    for (let end = 0; end < wire.length; end++) {
      expect(() => Thing.decodeWire(wire.subarray(0, end))).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
    }
  });

  test('skips fields that a newer server has, and leaves out what is not for it', () => {
    const Newer = struct('Thing', { Name: str, Extra: map(list(int)), Old: str });
    const wire = Newer.encodeWire(Newer.make({ Name: 'a', Extra: { x: [1, 2] }, Old: 'not read' }));
    expect(Thing.decodeWire(wire)).toEqual(Thing.make({ Name: 'a' }));
  });
});

test('a duration of more nanoseconds than a double tells apart is read and written to the nearest one', () => {
  const Patience = struct('Patience', { Wait: durationNs });
  const tenYears = 315_360_000_000_000_000;
  const written = Patience.encodeWire({ Wait: tenYears });
  expect(hex(written)).toBe('81a457616974cf0460623fc85e0000');
  expect(Patience.decodeWire(written).Wait).toBe(tenYears);
  for (const Wait of [1e300, -1e300, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => Patience.decodeWire(Patience.encodeWire({ Wait }))).not.toThrow();
  }
});
