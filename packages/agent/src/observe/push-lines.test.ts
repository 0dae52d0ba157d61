import { expect, test } from 'vitest';
import { DATAGRAM_BYTES_MAX, dogstatsdLine, LinePacker, statsdLine } from './push-lines.ts';

test('statsd lines are those that were recorded', () => {
  expect(statsdLine('gauge', 'consul.h.raft.last_index', 1, {})).toBe('consul.h.raft.last_index:1.000000|g');
  expect(statsdLine('counter', 'consul.rpc.request', 1, {})).toBe('consul.rpc.request:1.000000|c');
  expect(statsdLine('sample', 'consul.memberlist.gossip', 0.008993, { network: 'lan' })).toBe(
    'consul.memberlist.gossip.lan:0.008993|ms',
  );
  expect(statsdLine('counter', 'consul.serf.events.consul:new-leader', 1, { network: 'lan' })).toBe(
    'consul.serf.events.consul_new-leader.lan:1.000000|c',
  );
});

test('DogStatsD lines are those that were recorded', () => {
  const tags = ['a:b', 'c'];
  expect(dogstatsdLine('gauge', 'foo.host.cpu.iowait', 0.08129575103521347, { cpu: 'cpu0' }, tags)).toBe(
    'foo.host.cpu.iowait:0.08129575103521347|g|#a:b,c,cpu:cpu0',
  );
  expect(dogstatsdLine('gauge', 'foo.host.disk.available', 80305700864, { path: '/tmp/data' }, tags)).toBe(
    'foo.host.disk.available:80305700864|g|#a:b,c,path:/tmp/data',
  );
  expect(dogstatsdLine('counter', 'foo.client.rpc', 1, {}, tags)).toBe('foo.client.rpc:1|c|#a:b,c');
  expect(dogstatsdLine('sample', 'foo.x', 1e-7, {}, [])).toBe('foo.x:0.0000001|ms');
});

test('lines are put together up to the size of a datagram, and none is lost or split', () => {
  const packets: string[] = [];
  const packer = new LinePacker((packet) => packets.push(packet));
  const lines = Array.from({ length: 200 }, (_, n) => `consul.metric.${n}:1.000000|c`);
  lines.push('x'.repeat(2 * DATAGRAM_BYTES_MAX));
  for (const line of lines) packer.add(line);
  packer.flush();
  packer.flush();
  expect(packets.join('')).toBe(`${lines.join('\n')}\n`);
  expect(packets.slice(0, -1).every((p) => Buffer.byteLength(p) <= DATAGRAM_BYTES_MAX)).toBe(true);
  expect(packets.length).toBeLessThan(10);
});
