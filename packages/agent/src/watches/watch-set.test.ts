import { ManualClock, settle } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { keptLog } from '../testing/kept-log.ts';
import type { ReadAgent } from './plan.ts';
import { WatchSet } from './watch-set.ts';

function make() {
  const lines: string[] = [];
  const begun: string[] = [];
  const ended: string[] = [];
  const read: ReadAgent = (plan, _token, signal) => {
    begun.push(plan.path);
    return new Promise((_done, fail) => {
      signal.addEventListener('abort', () => {
        ended.push(plan.path);
        fail(new Error('aborted'));
      });
    });
  };
  const dependencies = { read, clock: new ManualClock(), log: keptLog(lines), handle: async () => {} };
  return { set: new WatchSet(dependencies), dependencies, lines, begun, ended };
}

const key = (name: string) => ({ type: 'key', key: name, args: ['x'] });

test('a change of the configuration touches only the watches that differ', async () => {
  const { set, begun, ended, lines } = make();
  set.set([key('a'), key('b'), key('b')]);
  set.set([key('c'), key('b'), key('b')]);
  await settle();
  expect(begun).toEqual(['/v1/kv/a', '/v1/kv/b', '/v1/kv/b', '/v1/kv/c']);
  expect(ended).toEqual(['/v1/kv/a']);
  set.set([key('b')]);
  expect([set.size, ended]).toEqual([1, ['/v1/kv/a', '/v1/kv/c', '/v1/kv/b']]);
  set.stop();
  await settle();
  expect([set.size, ended.length, lines]).toEqual([0, 4, []]);
});

test('when one definition is wrong nothing changes', () => {
  const { set, ended } = make();
  set.set([key('a')]);
  expect(() => set.set([key('b'), { type: 'key', args: ['x'] }])).toThrow('Must specify a single key to watch');
  expect([set.size, ended]).toEqual([1, []]);
  set.stop();
});

test('watches need a listener; none need none', () => {
  const { dependencies } = make();
  const set = new WatchSet({ ...dependencies, read: undefined });
  set.set([]);
  expect(() => set.set([key('a')])).toThrow('watch plans require an HTTP or HTTPS endpoint');
});

test('the old way to name a handler is warned of', () => {
  const { set, lines } = make();
  set.set([{ type: 'key', key: 'a', handler: 'x' }]);
  expect(lines).toEqual([expect.stringMatching(/^WARN The 'handler' field in watches has been deprecated/)]);
  set.stop();
});
