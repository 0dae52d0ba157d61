import { seededRng } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { describe, expect, test } from 'vitest';
import { tagsOf } from '../testing/cluster.ts';
import { floodTargets } from './flood.ts';
import type { PoolMember } from './member.ts';
import { DIRECTORY_SERVERS_MAX, ServerDirectory } from './server-directory.ts';
import { parseServerTags, type ServerInfo } from './server-tags.ts';
import { FAILED_MARK_MS, type WanCoordinate, WanRouter } from './wan-router.ts';

const member = (name: string, given: Partial<PoolMember> = {}, tags: Record<string, string> = {}): PoolMember => ({
  ...{ name, address: '10.0.0.1', port: 8301, status: 'alive' },
  tags: tagsOf(`id-${name}`, tags),
  ...given,
});

describe('tags', () => {
  test('of a server tell where and what it is', () => {
    const tags = { bootstrap: '1', expect: '3', use_tls: '1', grpc_port: '8502', build: '1.21.0:4e96098f' };
    expect(parseServerTags(member('n1.dc1', { address: 'fd00::1' }, tags))).toMatchObject({
      ...{ name: 'n1.dc1', shortName: 'n1', id: 'id-n1.dc1', datacenter: 'dc1', address: '[fd00::1]:8300' },
      ...{ bootstrap: true, expect: 3, useTls: true, build: '1.21.0', raftVersion: 3, wanJoinPort: 8302 },
      ...{ grpcPort: 8502, grpcTlsPort: 0, readReplica: false },
    });
  });

  test.for([
    ['another role', { role: 'node' }],
    ['a port that is no number', { port: 'x' }],
    ['a port of the wrong size', { port: '65536' }],
    ['no version of the protocol', { vsn: '' }],
    ['a build without three numbers', { build: '1.21' }],
    ['a bad expect', { expect: 'three' }],
    ['a bad WAN port', { wan_join_port: '-' }],
    ['a bad version of Raft', { raft_vsn: '3x' }],
    ['a bad feature flag', { ft_fs: 'yes' }],
    ['a bad port of gRPC', { grpc_port: 'x', grpc_tls_port: '8503' }],
    ['no positive port of gRPC', { grpc_port: '0' }],
  ] as const)('with %s are those of no server', ([, tags]) => {
    expect(parseServerTags(member('n1', {}, tags))).toBeUndefined();
  });
});

describe('the directory', () => {
  test('finds servers by id, name and address, and forgets those that left', () => {
    const d = new ServerDirectory('dc1');
    d.update(member('a'));
    d.update(member('b', { address: '10.0.0.2', status: 'failed' }));
    d.update(member('c', { address: '10.0.0.3' }, { dc: 'dc2' }));
    d.update(member('d', { address: '10.0.0.4' }, { role: 'node' }));
    expect([d.byId('id-a')?.name, d.byName('b')?.name, d.byAddress('10.0.0.2:8300')?.name]).toEqual(['a', 'b', 'b']);
    expect([d.all().length, d.alive().map((s) => s.name)]).toEqual([2, ['a']]);
    d.update(member('a', { status: 'left' }));
    expect([d.byId('id-a'), d.byAddress('10.0.0.1:8300'), d.size]).toEqual([undefined, undefined, 1]);
  });

  test('a server with a new address is dialled there', () => {
    const d = new ServerDirectory('dc1');
    d.update(member('a'));
    d.update(member('a', { address: '10.0.0.9' }));
    expect(d.addressOf('id-a', '10.0.0.1:8300')).toBe('10.0.0.9:8300');
    expect(d.addressOf('id-x', '10.0.0.5:8300')).toBe('10.0.0.5:8300');
    expect(d.byAddress('10.0.0.1:8300')).toBeUndefined();
  });

  test('holds no more servers than it may', () => {
    const d = new ServerDirectory('dc1');
    d.replace(Array.from({ length: DIRECTORY_SERVERS_MAX + 5 }, (_, i) => member(`n${i}`)));
    expect(d.size).toBe(DIRECTORY_SERVERS_MAX);
    d.replace([member('a')]);
    expect(d.all().map((s) => s.name)).toEqual(['a']);
  });
});

describe('the WAN router', () => {
  const at = (x: number): WanCoordinate => ({ Vec: [x, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 0 });
  function router(places: Record<string, number> = {}) {
    const clock = new ManualClock();
    const r = new WanRouter('dc1', {
      ...{ clock, rng: seededRng(1), coordinate: () => at(0) },
      coordinateOf: (name) => (places[name] === undefined ? undefined : at(places[name])),
    });
    return { clock, r };
  }
  const wan = (name: string, status: PoolMember['status'] = 'alive') =>
    member(name, { status }, { dc: name.slice(name.indexOf('.') + 1) });

  test('picks a living server of a datacenter; all failed is not the same as unknown', () => {
    const { r } = router();
    r.replace([wan('a.dc2', 'failed'), wan('b.dc2'), wan('c.dc3', 'failed')]);
    expect((r.pick('dc2') as ServerInfo).name).toBe('b.dc2');
    expect(r.pick('dc3')).toBe('unreachable');
    expect(r.pick('dc9')).toBeUndefined();
  });

  test('spreads calls, and tries servers that failed a call last for a while', () => {
    const { clock, r } = router();
    r.replace([wan('a.dc2'), wan('b.dc2')]);
    const picked = () => new Set(Array.from({ length: 64 }, () => (r.pick('dc2') as ServerInfo).name));
    expect(picked().size).toBe(2);
    r.failed('a.dc2');
    expect([...picked()]).toEqual(['b.dc2']);
    r.failed('b.dc2');
    expect(picked().size).toBe(2);
    clock.jump(FAILED_MARK_MS);
    expect(picked().size).toBe(2);
  });

  test('a server that comes back from failure has no mark any more', () => {
    const { r } = router();
    r.replace([wan('a.dc2'), wan('b.dc2')]);
    r.failed('a.dc2');
    r.update(wan('a.dc2', 'failed'));
    r.update(wan('a.dc2'));
    r.failed('b.dc2');
    expect((r.pick('dc2') as ServerInfo).name).toBe('a.dc2');
  });

  test('lists datacenters by the median of their distances, ours first, unknown ones last', () => {
    const { r } = router({ 'a.near': 0.9, 'b.near': 0.01, 'c.near': 0.02, 'a.far': 0.5 });
    r.replace([wan('a.far'), wan('a.near'), wan('b.near'), wan('c.near'), wan('x.dim'), wan('x.bright')]);
    expect(r.datacenters()).toEqual(['dc1', 'near', 'far', 'bright', 'dim']);
    r.remove('a.far');
    expect(r.datacenters()).toEqual(['dc1', 'near', 'bright', 'dim']);
  });

  test('tells the places of servers by datacenter, without the datacenter in their names', () => {
    const { r } = router({ 'a.dc1': 1, 'b.dc2': 2 });
    r.replace([wan('b.dc2'), wan('a.dc1'), wan('c.dc2')]);
    expect(r.coordinates().map((d) => [d.Datacenter, d.AreaID, d.Coordinates.map((c) => c.Node)])).toEqual([
      ['dc1', 'wan', ['a']],
      ['dc2', 'wan', ['b']],
    ]);
  });
});

test('servers of the LAN pool that the WAN pool lacks are joined at the port that they tell', () => {
  const lan = [
    member('a', { address: '10.0.0.1' }),
    member('b', { address: 'fd00::2' }),
    member('c', { address: '10.0.0.3', status: 'failed' }),
    member('d', { address: '10.0.0.4' }, { wan_join_port: '0' }),
    member('e', { address: '10.0.0.5' }),
  ].map((m) => parseServerTags(m) as ServerInfo);
  const wan = [member('a.dc1'), member('e.dc1', { status: 'failed' })];
  expect(floodTargets(lan, wan).map((t) => t.address)).toEqual(['b.dc1/[fd00::2]:8302', 'e.dc1/10.0.0.5:8302']);
});
