import { ManualClock } from '@proconsul/base/testing';
import type { Caller, CaRoots, ReadOptions } from '@proconsul/endpoints';
import { expect, test } from 'vitest';
import { keptLog } from '../testing/kept-log.ts';
import { RootsWatch } from './roots-watch.ts';

const rootsOf = (ActiveRootID: string): CaRoots => ({ ActiveRootID, TrustDomain: '', Roots: [] });

function world(changed: (roots: CaRoots) => void) {
  const clock = new ManualClock();
  const asked: number[] = [];
  const lines: string[] = [];
  let answer: (...a: unknown[]) => void = () => {};
  let cancelled = 0;
  const caller = {
    read: (_m: unknown, _a: unknown, options: ReadOptions, done: typeof answer) => {
      asked.push(options.minIndex);
      answer = done;
      return () => cancelled++;
    },
  } as unknown as Caller;
  const log = keptLog(lines) as never;
  const watch = new RootsWatch({ caller, clock, log, datacenter: 'dc1', token: () => '', changed });
  watch.start();
  const tell = async (index: number, id: string) => {
    answer(null, { index, value: rootsOf(id) }, {});
    await clock.advance(0);
  };
  return {
    clock,
    asked,
    lines,
    watch,
    tell,
    fail: () => answer(new Error('no'), null, {}),
    cancelled: () => cancelled,
  };
}

test('each change is told once, also when the state goes back', async () => {
  const seen: string[] = [];
  const w = world((roots) => seen.push(roots.ActiveRootID));
  await w.tell(9, 'a');
  await w.tell(9, 'a');
  await w.tell(12, 'b');
  await w.tell(3, 'c');
  expect([seen, w.asked]).toEqual([
    ['a', 'b', 'c'],
    [0, 9, 9, 12, 0],
  ]);
  w.watch.stop();
  expect(w.cancelled()).toBe(1);
});

test('after an error, or roots that cannot be used, it asks again a little later', async () => {
  let broken = true;
  const w = world(() => {
    if (broken) throw new Error('bad PEM');
  });
  w.fail();
  await w.clock.advance(2_000);
  await w.tell(9, 'a');
  expect(w.lines).toEqual(['ERROR roots of the mesh cannot be used {"error":"bad PEM"}']);
  broken = false;
  await w.clock.advance(2_000);
  await w.tell(9, 'a');
  expect(w.asked).toEqual([0, 0, 0, 9]);
  w.watch.stop();
});
