import { parseDuration } from '@proconsul/base';
import { expect, test } from 'vitest';
import { checkKind, checkType, sameDefinition } from './definition.ts';
import recorded from './testdata/validation.json' with { type: 'json' };
import { validateCheck } from './validate.ts';

type Body = Readonly<Record<string, unknown>>;

/** The recorded bodies, as a decoder hands them over. */
function decode(body: Body) {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(body)) {
    const duration = /^(TTL|Interval|Timeout|DeregisterCriticalServiceAfter)$/.test(key);
    fields[key === 'Args' ? 'ScriptArgs' : key] = duration ? parseDuration(value as string) : value;
  }
  return checkType(fields);
}

/** OSService was refused by the recording machine after validation. */
const accepted = (status: number, text: string) => status === 200 || text === 'not implemented';

test.for(recorded.facts.map((f) => ({ ...f, body: JSON.stringify(f.definition) })))(
  'validation agrees with the reference agent: $body',
  ({ definition, status, text, type }) => {
    const check = decode(definition);
    const found = validateCheck(check);
    expect(found === undefined ? '' : `Invalid check: ${found}`).toBe(accepted(status, text) ? '' : text);
    if (type !== null) expect(checkKind(check)).toBe(type);
  },
);

test('a script with a container runs in docker, and one next to an H2 ping wins', () => {
  expect(checkKind(checkType({ ScriptArgs: ['a'], DockerContainerID: 'c', Interval: 1 }))).toBe('docker');
  expect(checkKind(checkType({ ScriptArgs: ['a'], H2PING: 'a:1' }))).toBe('script');
  expect(checkKind(checkType({ H2PING: 'a:1', UDP: 'a:1' }))).toBe('udp');
  expect(checkKind(checkType({ H2PING: 'a:1' }))).toBe('h2ping');
  expect(checkKind(checkType({ OSService: 'x', ScriptArgs: ['a'] }))).toBe('os_service');
});

test('definitions are compared by value', () => {
  const a = checkType({ HTTP: 'http://x', Header: { A: ['1', '2'] }, ScriptArgs: ['x'] });
  expect(sameDefinition(a, checkType({ HTTP: 'http://x', Header: { A: ['1', '2'] }, ScriptArgs: ['x'] }))).toBe(true);
  expect(sameDefinition(a, { ...a, Header: { A: ['1'] } })).toBe(false);
  expect(sameDefinition(a, { ...a, ScriptArgs: ['y'] })).toBe(false);
  expect(sameDefinition(a, { ...a, Interval: 1 })).toBe(false);
});

test('null counts as left out', () => {
  const check = checkType({ Name: 'x', ScriptArgs: null, Header: { A: null, B: ['1'] }, TTL: null });
  expect(check).toMatchObject({ ScriptArgs: [], Header: { A: [], B: ['1'] }, TTL: 0, H2PingUseTLS: true });
  expect(checkType({ Header: null }).Header).toEqual({});
});
