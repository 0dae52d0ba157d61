import { readFileSync } from 'node:fs';
import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { DECLARED, DECLARED_BY_SERVERS } from './declared-metrics.ts';
import { numberText, plainNumberText } from './number-text.ts';
import { PrometheusRegistry, promName } from './prometheus.ts';

const RETENTION_MS = 60_000;
function make(server = true) {
  const clock = new ManualClock();
  return { clock, registry: new PrometheusRegistry(RETENTION_MS, 'consul', clock, { server }) };
}
const rowsOf = (text: string, name: string) =>
  text
    .split('\n')
    .filter((line) => line.replace(/^# \w+ /, '').match(/^[\w:]+?(?=(_sum|_count)?[ {]|$)/)?.[0] === name);

test('declared families are shown from the start, with zeros and the help of the reference agent', () => {
  const { registry } = make();
  const text = registry.text();
  expect(rowsOf(text, 'consul_raft_apply')).toEqual([
    '# HELP consul_raft_apply This counts the number of Raft transactions occurring over the interval.',
    '# TYPE consul_raft_apply counter',
    'consul_raft_apply 0',
  ]);
  expect(rowsOf(text, 'consul_kvs_apply').slice(1)).toEqual([
    '# TYPE consul_kvs_apply summary',
    'consul_kvs_apply{quantile="0.5"} NaN',
    'consul_kvs_apply{quantile="0.9"} NaN',
    'consul_kvs_apply{quantile="0.99"} NaN',
    'consul_kvs_apply_sum 0',
    'consul_kvs_apply_count 0',
  ]);
  expect(text.match(/^# TYPE consul_/gm)).toHaveLength(DECLARED.length + DECLARED_BY_SERVERS.length);
});

test('clients declare fewer families', () => {
  expect(make(false).registry.text()).not.toContain('consul_autopilot_healthy');
});

test('declared names are distinct', () => {
  const names = [...DECLARED, ...DECLARED_BY_SERVERS].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('counters add up, gauges stay, labels are sorted and quoted', () => {
  const { registry } = make();
  registry.observe('counter', 'consul.raft.apply', 2, {});
  registry.observe('counter', 'consul.raft.apply', 3, {});
  registry.observe('gauge', 'consul.version', 1, { version: '1.21.0', pre_release: '' });
  registry.observe('counter', 'consul.serf.events.consul:new-leader', 1, { a: 'x"\\\n' });
  const text = registry.text();
  expect(text).toContain('\nconsul_raft_apply 5\n');
  expect(rowsOf(text, 'consul_version').slice(2)).toEqual([
    'consul_version 0',
    'consul_version{pre_release="",version="1.21.0"} 1',
  ]);
  expect(text).toContain('# HELP consul_serf_events_consul:new_leader consul_serf_events_consul:new_leader\n');
  expect(text).toContain('consul_serf_events_consul:new_leader{a="x\\"\\\\\\n"} 1\n');
});

test('a summary shows quantiles of the last seconds and sums since the start', async () => {
  const { clock, registry } = make();
  for (let n = 1; n <= 100; n++) registry.observe('sample', 'consul.memberlist.gossip', n, { network: 'lan' });
  expect(rowsOf(registry.text(), 'consul_memberlist_gossip').slice(2)).toEqual([
    'consul_memberlist_gossip{network="lan",quantile="0.5"} 50',
    'consul_memberlist_gossip{network="lan",quantile="0.9"} 90',
    'consul_memberlist_gossip{network="lan",quantile="0.99"} 99',
    'consul_memberlist_gossip_sum{network="lan"} 5050',
    'consul_memberlist_gossip_count{network="lan"} 100',
  ]);
  await clock.advance(30_000);
  expect(rowsOf(registry.text(), 'consul_memberlist_gossip')[2]).toContain('NaN');
});

test('a series that was not updated for the retention time goes; declared families stay', async () => {
  const { clock, registry } = make();
  registry.observe('counter', 'consul.seen.once', 1, {});
  registry.observe('counter', 'consul.raft.apply', 1, {});
  await clock.advance(RETENTION_MS + 1);
  const text = registry.text();
  expect(text).not.toContain('consul_seen_once');
  expect(text).toContain('\nconsul_raft_apply 0\n');
});

test('the process tells about itself', () => {
  const text = make().registry.text();
  const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(Math.abs(value('process_start_time_seconds') + process.uptime() - Date.now() / 1000)).toBeLessThan(10);
  expect(value('nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6);
});

test('every line of the text is a comment or a sample', () => {
  const { registry } = make();
  registry.observe('sample', 'consul.x y=z/a-b', 1e-9, { 'k-1': '' });
  for (const line of registry.text().trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) [a-zA-Z_:][\w:]* .*|[a-zA-Z_:][\w:]*(\{[^}]*\})? (NaN|[+-]Inf|[-+.e\d]+))$/);
  }
});

const NUMBERS: readonly [number, string][] = [
  [0, '0'],
  [86719, '86719'],
  [174694, '174694'],
  [3177042, '3.177042e+06'],
  [1e21, '1e+21'],
  [19455512, '1.9455512e+07'],
  [80373628928, '8.0373628928e+10'],
  [12.360689163208008, '12.360689163208008'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [-5e-7, '-5e-07'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf'],
];
test.for(NUMBERS)('%d is written as %s', ([value, text]) => {
  expect(numberText(value)).toBe(text);
  if (Number.isFinite(value)) expect(Number(plainNumberText(value))).toBe(value);
  expect(plainNumberText(value)).not.toContain('e');
});

test('names keep colons, and lose what the format does not allow', () => {
  expect(promName('consul.serf.events.consul:new-leader x=y/z')).toBe('consul_serf_events_consul:new_leader_x_y_z');
  expect(readFileSync(new URL('./declared-metrics.ts', import.meta.url), 'utf8')).not.toMatch(/'\w*[.-]\w*', "/);
});
