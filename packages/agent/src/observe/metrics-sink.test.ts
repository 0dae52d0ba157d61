import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { INTERVAL_MS, type MetricsOptions, MetricsSink } from './metrics-sink.ts';

function make(options: Partial<MetricsOptions> = {}) {
  const clock = new ManualClock();
  const all = {
    prefix: 'consul',
    hostname: '',
    filterDefault: true,
    allowed: [],
    blocked: [],
    prometheusRetentionMs: 0,
    ...options,
  };
  const sink = new MetricsSink(all, clock);
  sink.start();
  return { clock, sink };
}

test('a snapshot shows the last whole interval, with the sums that were recorded', async () => {
  const { clock, sink } = make();
  sink.count('rpc.request');
  sink.count('rpc.request', 3);
  sink.sample('raft.commitTime', 2);
  sink.sample('raft.commitTime', 4, { network: 'lan' });
  await clock.advance(INTERVAL_MS);
  sink.count('rpc.request', 100);
  const snapshot = sink.snapshot();
  expect(snapshot.Timestamp).toBe('2026-11-21 02:00:00 +0000 UTC');
  expect(snapshot.Counters).toEqual([
    {
      Name: 'consul.rpc.request',
      Count: 2,
      Rate: 0.4,
      Sum: 4,
      Min: 1,
      Max: 3,
      Mean: 2,
      Stddev: Math.SQRT2,
      Labels: {},
    },
  ]);
  expect(snapshot.Samples.map((s) => [s.Name, s.Labels, s.Sum])).toEqual([
    ['consul.raft.commitTime', {}, 2],
    ['consul.raft.commitTime', { network: 'lan' }, 4],
  ]);
  expect(snapshot.Points).toEqual([]);
});

test('the name of the host is put into gauges only', async () => {
  const { clock, sink } = make({ hostname: 'h1' });
  sink.gauge('autopilot.healthy', 1);
  sink.count('rpc.request');
  await clock.advance(INTERVAL_MS);
  const { Gauges, Counters } = sink.snapshot();
  expect([Gauges[0]!.Name, Counters[0]!.Name]).toEqual(['consul.h1.autopilot.healthy', 'consul.rpc.request']);
});

test('gauges keep their value from interval to interval, and observers hear of each once in an interval', async () => {
  const { clock, sink } = make();
  const heard: unknown[] = [];
  sink.gauge('server.isLeader', 1);
  sink.collectWith(() => sink.gauge('runtime.alloc_bytes', 7));
  const leave = sink.observe((kind, name, value) => heard.push([kind, name, value]));
  await clock.advance(INTERVAL_MS);
  expect(heard).toEqual([
    ['gauge', 'consul.runtime.alloc_bytes', 7],
    ['gauge', 'consul.server.isLeader', 1],
  ]);
  await clock.advance(INTERVAL_MS);
  expect(heard).toHaveLength(4);
  leave();
  await clock.advance(INTERVAL_MS);
  expect(heard).toHaveLength(4);
  expect(sink.snapshot().Gauges.map((g) => g.Name)).toEqual(['consul.runtime.alloc_bytes', 'consul.server.isLeader']);
});

test('a gauge that is not a number is left out of the snapshot, which is JSON', () => {
  const { sink } = make();
  sink.gauge('autopilot.healthy', Number.NaN);
  expect(sink.snapshot().Gauges).toEqual([]);
});

test('the longest rule decides, and rules can be changed while running', () => {
  const { sink } = make({ allowed: ['consul.raft.apply'], blocked: ['consul.raft'] });
  const names = () => sink.snapshot().Counters.map((c) => c.Name);
  for (const name of ['raft.apply', 'raft.barrier', 'rpc.query']) sink.count(name);
  expect(names()).toEqual(['consul.raft.apply', 'consul.rpc.query']);
  sink.setFilter({ allowed: [], blocked: [], filterDefault: false });
  sink.count('serf.events');
  expect(names()).not.toContain('consul.serf.events');
});

test('a stream gets a snapshot at the end of each interval until it leaves', async () => {
  const { clock, sink } = make();
  const sums: unknown[] = [];
  const leave = sink.stream((snapshot) => sums.push(snapshot.Counters[0]?.Sum));
  sink.count('a');
  await clock.advance(INTERVAL_MS);
  sink.count('a', 5);
  await clock.advance(INTERVAL_MS);
  leave();
  await clock.advance(INTERVAL_MS);
  expect(sums).toEqual([1, 5]);
  sink.stop();
  expect(clock.waiting).toBe(0);
});
