import { ManualClock } from '@proconsul/base/testing';
import type { View } from '@proconsul/endpoints';
import { describe, expect, test } from 'vitest';
import { type Answer, VIEWS_MAX, Views } from './views.ts';

/** A state of named cells, each with the index of its last change. */
class Cells {
  readonly #cells = new Map<string, { index: number; value: string }>();
  readonly #watchers = new Map<string, Set<() => void>>();
  asked = 0;

  watch(deps: readonly string[], fn: () => void): () => void {
    const forget = () => {
      for (const d of deps) this.#watchers.get(d)?.delete(once);
    };
    const once = () => {
      forget();
      fn();
    };
    for (const d of deps) {
      if (!this.#watchers.has(d)) this.#watchers.set(d, new Set());
      this.#watchers.get(d)?.add(once);
    }
    return forget;
  }

  set(name: string, index: number, value: string): void {
    this.#cells.set(name, { index, value });
    for (const fn of [...(this.#watchers.get(name) ?? [])]) fn();
  }

  ask = (name: string) => (): Answer<string, string> => {
    this.asked++;
    const cell = this.#cells.get(name) ?? { index: 0, value: '' };
    if (cell.value === 'broken') throw new Error('cannot be answered');
    return { ...cell, deps: [name] };
  };
}

function world() {
  const cells = new Cells();
  const clock = new ManualClock();
  const views = new Views<string>(cells, clock);
  const told: [string, number][] = [];
  const wait = (name: string, minIndex: number, waitMs = 1000) =>
    views.wait<string>(name, cells.ask(name), minIndex, waitMs, (error, view) => {
      told.push(error === null && view !== null ? [view.value, view.index] : [(error as Error).message, -1]);
    });
  const get = (name: string): View<string> => views.get(name, cells.ask(name));
  return { cells, clock, views, told, wait, get };
}

describe('a view', () => {
  test('is the same object for everybody until what it was made from changes', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    const first = w.get('a');
    expect(w.get('a')).toBe(first);
    expect(w.cells.asked).toBe(1);
    w.cells.set('b', 6, 'unrelated');
    expect(first.valid).toBe(true);
    w.cells.set('a', 7, 'two');
    expect(first.valid).toBe(false);
    expect([first.value, first.index]).toEqual(['one', 5]);
    expect([w.get('a').value, w.get('a').index]).toEqual(['two', 7]);
  });

  test('never tells an index below 1', () => {
    expect(world().get('never written').index).toBe(1);
  });

  test('tells the live index where an answer has one', () => {
    const w = world();
    let live = 4;
    const view = w.views.get('missing', () => ({ index: 2, value: null, deps: [], liveIndex: () => live }));
    expect(view.index).toBe(4);
    live = 9;
    expect(view.index).toBe(9);
  });
});

describe('a waiter', () => {
  test('is answered at once when the index has passed', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    w.wait('a', 4);
    expect(w.told).toEqual([['one', 5]]);
    expect(w.clock.waiting).toBe(0);
  });

  test('is answered by the change that passes its index, and by no other', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    w.wait('a', 5);
    w.cells.set('b', 6, 'unrelated');
    w.cells.set('a', 5, 'rewritten with the same index');
    expect(w.told).toEqual([]);
    w.cells.set('a', 8, 'two');
    expect(w.told).toEqual([['two', 8]]);
    expect([w.views.waiting, w.clock.waiting]).toEqual([0, 0]);
  });

  test('with an index that is still to come waits until it is passed', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    w.wait('a', 7, 10_000);
    w.cells.set('a', 7, 'two');
    expect(w.told).toEqual([]);
    w.cells.set('a', 8, 'three');
    expect(w.told).toEqual([['three', 8]]);
  });

  test('gets the unchanged answer after its wait', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    w.wait('a', 5, 1000);
    w.clock.jump(999);
    expect(w.told).toEqual([]);
    w.clock.jump(1);
    expect(w.told).toEqual([['one', 5]]);
    w.cells.set('a', 6, 'two');
    expect(w.told).toHaveLength(1);
  });

  test('that knows a later index of the same answer from another server is not told an earlier one', () => {
    const w = world();
    let index = 5;
    const told: number[] = [];
    const ask = () => ({ index, value: 'names', deps: ['names'] });
    const wait = (minIndex: number) =>
      w.views.wait('services', ask, minIndex, 1000, (_, view) => told.push((view as View<string>).index));
    wait(5);
    // The table moves on, the answer does not: nobody is woken, and the answer that is kept says 5.
    index = 9;
    wait(8);
    w.clock.jump(999);
    expect(told).toEqual([]);
    w.clock.jump(1);
    expect(told).toEqual([5, 9]);
    wait(9);
    index = 12;
    w.cells.set('names', 12, 'other');
    expect(told).toEqual([5, 9, 12]);
  });

  test('that was cancelled hears nothing', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    const cancel = w.wait('a', 5);
    cancel();
    cancel();
    w.cells.set('a', 6, 'two');
    w.clock.jump(10_000);
    expect(w.told).toEqual([]);
    expect(w.views.waiting).toBe(0);
  });

  test('shares one answer with all others', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    for (let i = 0; i < 1000; i++) w.wait('a', 5);
    expect(w.views.waiting).toBe(1000);
    const before = w.cells.asked;
    w.cells.set('a', 6, 'two');
    expect(w.told).toHaveLength(1000);
    expect(w.cells.asked - before).toBe(1);
  });

  test('is told of an error that a change brings', () => {
    const w = world();
    w.cells.set('a', 5, 'one');
    w.wait('a', 5);
    w.cells.set('a', 6, 'broken');
    expect(w.told).toEqual([['cannot be answered', -1]]);
    expect(w.views.waiting).toBe(0);
  });

  test('is held to the index of waiters where an answer tells a lower one', () => {
    const w = world();
    let index = 5;
    let wake = () => {};
    const ask = () => ({ index: 3, waitIndex: index, value: index, deps: ['x'] });
    const views = new Views<string>(
      {
        watch: (_deps, fn) => {
          wake = fn;
          return () => {};
        },
      },
      w.clock,
    );
    expect(views.get('q', ask).index).toBe(3);
    const got: number[] = [];
    views.wait('q', ask, 5, 1000, (_e, view) => got.push((view as View<number>).index));
    expect(got).toEqual([]);
    index = 6;
    wake();
    expect(got).toEqual([6]);
  });

  test('is answered after a restore although its index went back', () => {
    const w = world();
    w.cells.set('a', 50, 'one');
    w.wait('a', 50);
    const before = w.get('a');
    w.views.refresh();
    expect(w.told).toEqual([['one', 50]]);
    expect(before.valid).toBe(false);
  });
});

test('questions that nobody waits on give way, those with waiters stay', () => {
  const w = world();
  w.cells.set('kept', 5, 'one');
  w.wait('kept', 5);
  for (let i = 0; i < VIEWS_MAX + 10; i++) w.get(`q${i}`);
  expect(w.views.size).toBeLessThanOrEqual(VIEWS_MAX);
  w.cells.set('kept', 6, 'two');
  expect(w.told).toEqual([['two', 6]]);
});
