import { seededRng, silentLog } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import type { RawResult } from '@proconsul/checks';
import type { Caller, ReadDone, ReadOptions } from '@proconsul/endpoints';
import { HealthCheck, NodeInfo, NodeService } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { FarAliases } from './far-aliases.ts';

interface Asked {
  readonly node: string;
  readonly options: ReadOptions;
  readonly done: ReadDone<readonly NodeInfo[]>;
}

function world() {
  const clock = new ManualClock();
  const asked: Asked[] = [];
  const results: [string, RawResult][] = [];
  let cancelled = 0;
  const caller = {
    read: (_: unknown, args: { Node: string }, options: ReadOptions, done: Asked['done']) => {
      asked.push({ node: args.Node, options, done });
      return () => void cancelled++;
    },
  } as unknown as Caller;
  const aliases = new FarAliases({
    ...{ caller, clock, rng: seededRng('aliases'), log: silentLog, token: () => '' },
    result: (id, result) => void results.push([id, result]),
  });
  const answer = (index: number, value: readonly NodeInfo[]) =>
    asked.at(-1)?.done(null, { index, value, valid: true, memo: new Map() }, { knownLeader: true, lastContactMs: 0 });
  return { clock, asked, results, aliases, answer, cancelled: () => cancelled };
}

const node = (checks: Partial<HealthCheck>[], services: string[] = []) => [
  NodeInfo.make({
    Node: 'other',
    Services: services.map((ID) => NodeService.make({ ID, Service: ID })),
    Checks: checks.map((check) => HealthCheck.make(check)),
  }),
];

// The outputs are those of the reference.
test('follows the checks of the service and of its node, change by change', async () => {
  const w = world();
  w.aliases.follow('a', { node: 'other', service: 'db' });
  expect(w.asked[0]).toMatchObject({ node: 'other', options: { consistency: 'stale', minIndex: 0 } });
  w.answer(7, node([{ Name: 'up', Status: 'warning', ServiceID: 'db', Output: 'hm' }], ['db']));
  expect(w.results).toEqual([['a', { status: 'warning', output: 'Aliased check "up" failing: hm' }]]);
  await w.clock.advance(1_000);
  expect(w.asked[1]?.options.minIndex).toBe(7);
  w.answer(8, node([{ Name: 'node', Status: 'critical', Output: 'x' }], ['db']));
  expect(w.results[1]).toEqual(['a', { status: 'critical', output: 'Aliased check "node" failing: x' }]);
  await w.clock.advance(1_000);
  w.answer(9, node([], []));
  expect(w.results[2]).toEqual(['a', { status: 'critical', output: 'Service db could not be found on node other' }]);
  await w.clock.advance(1_000);
  w.answer(10, []);
  expect(w.results[3]).toEqual(['a', { status: 'passing', output: 'No checks found.' }]);
});

test('asks again after an error, and from the start after the index went back', async () => {
  const w = world();
  w.aliases.follow('a', { node: 'other', service: '' });
  w.answer(7, node([]));
  await w.clock.advance(1_000);
  w.asked.at(-1)?.done(new Error('No cluster leader'), null, { knownLeader: false, lastContactMs: 0 });
  expect(w.results).toHaveLength(1);
  await w.clock.advance(10_000);
  expect(w.asked).toHaveLength(3);
  w.answer(9, node([]));
  await w.clock.advance(1_000);
  w.answer(3, node([]));
  await w.clock.advance(1_000);
  expect(w.asked.at(-1)?.options.minIndex).toBe(0);
});

test('an alias that goes, or follows something else, asks no more', async () => {
  const w = world();
  w.aliases.follow('a', { node: 'other', service: '' });
  w.aliases.follow('a', { node: 'other', service: '' });
  expect(w.asked).toHaveLength(1);
  w.aliases.follow('a', { node: 'third', service: '' });
  expect([w.asked.length, w.cancelled()]).toEqual([2, 1]);
  w.aliases.forget('a');
  await w.clock.advance(100_000);
  expect([w.asked.length, w.cancelled()]).toEqual([2, 2]);
});
