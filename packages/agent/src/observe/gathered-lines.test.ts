import type { Clock } from '@proconsul/base';
import { expect, test } from 'vitest';
import { GATHERED_MAX, GatheredLines } from './gathered-lines.ts';

/** What reaches the sink; `turn` ends a turn of the event loop. */
function gathered() {
  const written: string[] = [];
  let due: (() => void)[] = [];
  const clock = { soon: (fn: () => void) => void due.push(fn) } as unknown as Clock;
  const lines = new GatheredLines((text) => void written.push(text), clock);
  const turn = () => {
    const now = due;
    due = [];
    for (const fn of now) fn();
    return now.length;
  };
  return { written, lines, turn };
}

test('lines of one turn are written together', () => {
  const { written, lines, turn } = gathered();
  lines.sink('a', 'INFO');
  lines.sink('b', 'DEBUG');
  expect(written).toEqual([]);
  expect(turn()).toBe(1);
  expect(written).toEqual(['a\nb']);
  lines.sink('c', 'INFO');
  turn();
  expect(turn()).toBe(0);
  expect(written).toEqual(['a\nb', 'c']);
});

test('a warning is written at once, after what came before it, and nothing twice', () => {
  const { written, lines, turn } = gathered();
  lines.sink('a', 'INFO');
  lines.sink('w', 'WARN');
  lines.sink('e', 'ERROR');
  expect(written).toEqual(['a\nw', 'e']);
  turn();
  expect(written).toEqual(['a\nw', 'e']);
});

test('what is held is bounded, and an end of the process asks for the rest', () => {
  const { written, lines } = gathered();
  lines.sink('x'.repeat(GATHERED_MAX), 'INFO');
  expect(written.length).toBe(1);
  lines.sink('last', 'INFO');
  lines.flush();
  expect(written.at(-1)).toBe('last');
});
