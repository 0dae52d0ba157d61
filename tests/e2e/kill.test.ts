import { describe, expect, test } from 'vitest';
import { programMissing, skipBecause } from './harness.ts';
import { KillModel } from './kill-model.ts';
import { runKill } from './kill-run.ts';

const rounds = Number(process.env['KILL_ROUNDS'] ?? 12);
const entry = (Key: string, value: string, ModifyIndex: number, CreateIndex = ModifyIndex) => ({
  Key,
  Value: btoa(value),
  CreateIndex,
  ModifyIndex,
});

describe('the model of a killed server', () => {
  test('takes the acknowledged state or the one on its way, nothing else', () => {
    const model = new KillModel();
    model.begin(['a'], '1');
    model.ack(['a']);
    model.begin(['a'], '2');
    expect(model.check([entry('a', '1', 5)], 5)).toEqual([]);
    model.begin(['a'], '3');
    expect(model.check([entry('a', '3', 6, 5)], 6)).toEqual([]);
    expect(model.check([], 7)).toEqual(['a is null; acknowledged was 3, on its way nothing']);
    expect(model.check([entry('a', '1', 6, 5)], 7)).toEqual(['a is 1; acknowledged was 3, on its way nothing']);
  });

  test('finds half a transaction, indexes that go back and keys from nowhere', () => {
    const model = new KillModel();
    model.group(['a', 'b']);
    model.begin(['a', 'b'], '1');
    expect(model.check([entry('a', '1', 5)], 5)).toEqual(['half a transaction: a=1, b=null']);
    expect(new KillModel().check([entry('z', '1', 5)], 5)).toEqual(['z was never written']);
    const later = new KillModel();
    later.begin(['a'], '1');
    later.ack(['a'], 9);
    expect(later.check([entry('a', '1', 8)], 9)).toEqual(['a: ModifyIndex went back from 9']);
    expect(later.check([entry('a', '1', 8)], 8)).toEqual(['the index went back from 9 to 8']);
  });
});

describe.skipIf(skipBecause(programMissing()))('a durable server under SIGKILL', () => {
  test(`keeps every acknowledged write and no half transaction, ${rounds} times`, {
    timeout: 60_000 + rounds * 15_000,
  }, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const result = await runKill({ rounds, seed });
    expect(result.wrong, `seed ${seed}`).toEqual([]);
    expect(result.rounds).toBe(rounds);
    expect(result.acked).toBeGreaterThan(rounds * 5);
  });
});
