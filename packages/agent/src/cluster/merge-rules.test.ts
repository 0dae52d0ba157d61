import { describe, expect, test } from 'vitest';
import { type Candidate, lanRefusal, wanRefusal } from './merge-rules.ts';

const us = { nodeName: 'n1', nodeId: 'id-1', datacenter: 'dc1' };

const member = (name: string, tags: Record<string, string>, status = 'alive'): Candidate => ({
  name,
  status,
  tags: { role: 'node', dc: 'dc1', build: '1.21.0:', segment: '', ...tags },
});

describe('the LAN pool', () => {
  test('takes agents of its datacenter, and ourselves when we come back', () => {
    expect(lanRefusal([member('a', { id: 'id-2' }), member('n1', { id: 'id-1', role: 'consul' })], us)).toBeUndefined();
  });

  test.for([
    [member('a', { dc: 'dc9' }), "Member 'a' part of wrong datacenter 'dc9'"],
    [member('a', { dc: 'dc9', role: 'consul' }), "Member 'a' part of wrong datacenter 'dc9'"],
    [member('a', { id: 'id-1' }), "Member 'a' has conflicting node ID 'id-1' with this agent's ID"],
    [
      member('a', { segment: 'alpha' }),
      "Member 'a' part of segment 'alpha'; Network Segments are a Consul Enterprise feature",
    ],
    [member('a', { ap: 'p1' }), "Member 'a' part of partition 'p1'; Partitions are a Consul Enterprise feature"],
  ] as const)('%#: refuses, and tells why', ([candidate, text]) => {
    expect(lanRefusal([member('b', { id: 'id-5' }), candidate], us)).toBe(text);
  });

  test('refuses two members with one id', () => {
    const text = "Member 'b' has conflicting node ID 'id-5' with member 'a'";
    expect(lanRefusal([member('a', { id: 'id-5' }), member('b', { id: 'id-5' })], us)).toBe(text);
  });

  test.for([
    ['who left', member('b', { id: 'id-5' }, 'left')],
    ['of a release that does not know ids', member('b', { id: 'id-5', build: '0.8.4:' })],
    ['that is no agent', member('b', { id: 'id-5', role: 'web', dc: '' })],
  ] as const)('does not compare the id of one %s', ([, other]) => {
    expect(lanRefusal([member('a', { id: 'id-5' }), other], us)).toBeUndefined();
  });
});

test('the WAN pool is for servers', () => {
  const isServer = (c: Candidate) => c.tags['role'] === 'consul';
  const server = member('s.dc2', { role: 'consul', dc: 'dc2' });
  expect(wanRefusal([server], isServer)).toBeUndefined();
  expect(wanRefusal([server, member('c', {})], isServer)).toBe("Member 'c' is not a server");
});
