import { expect, test } from 'vitest';
import { InTurn } from './in-turn.ts';

test('who comes waits until all who came before have left', async () => {
  const inTurn = new InTurn();
  const entered: number[] = [];
  const leaves: (() => void)[] = [];
  const settled = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  for (const who of [1, 2, 3]) {
    inTurn.enter().then((leave) => {
      entered.push(who);
      leaves.push(leave);
    });
  }
  for (const who of [1, 2, 3]) {
    await settled();
    expect(entered.at(-1)).toBe(who);
    expect(entered).toHaveLength(who);
    leaves.at(-1)?.();
  }
});
