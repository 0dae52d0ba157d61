import { settle } from '@proconsul/base/testing';
import { describe, expect, test } from 'vitest';
import { LockGate } from './lock-gate.ts';

/** A leader whose log is applied when the test says so. */
function world() {
  const holders = new Map<string, string>();
  const closed = new Set<string>();
  const log: { key: string; session: string; apply: () => void; fail: (error: Error) => void }[] = [];
  let isLeader = true;
  const gate = new LockGate({
    leads: () => isLeader,
    isClosed: (key) => closed.has(key),
    holder: (key) => holders.get(key) ?? '',
  });
  const propose = (key: string, session: string) => () =>
    new Promise<boolean>((resolve, reject) => {
      const apply = () => {
        const isFree = !holders.get(key) || holders.get(key) === session;
        if (isFree) holders.set(key, session);
        resolve(isFree);
      };
      log.push({ key, session, apply, fail: reject });
    });
  const ask = (key: string, session: string, mayFree = false) =>
    gate.pass(new Map([[key, session]]), propose(key, session), mayFree);
  const depose = () => {
    isLeader = false;
  };
  return { holders, closed, log, ask, depose };
}
describe('a request for a lock', () => {
  test('for a free key is proposed', async () => {
    const w = world();
    const asked = w.ask('k', 'a');
    w.log[0]?.apply();
    expect(await asked).toEqual({ done: true });
  });

  test('for a key that another session has is refused, and not in the log: the end of that session may be there already', async () => {
    const w = world();
    w.holders.set('k', 'a');
    expect(await w.ask('k', 'b')).toEqual({ refused: new Map([['k', 'held']]) });
    expect(w.log).toEqual([]);
  });

  test('for a key that the same session has is proposed', async () => {
    const w = world();
    w.holders.set('k', 'a');
    const asked = w.ask('k', 'a');
    w.log[0]?.apply();
    expect(await asked).toEqual({ done: true });
  });

  test('waits for another one that is under way, and is then refused, or proposed when that came to nothing', async () => {
    const w = world();
    const [first, second] = [w.ask('k', 'a'), w.ask('k', 'b')];
    await settle();
    expect(w.log).toHaveLength(1);
    w.log[0]?.apply();
    expect(await first).toEqual({ done: true });
    expect(await second).toEqual({ refused: new Map([['k', 'held']]) });

    const third = w.ask('other', 'a').catch((error) => error.message);
    const fourth = w.ask('other', 'b');
    w.log[1]?.fail(new Error('leadership lost'));
    expect(await third).toBe('leadership lost');
    await settle();
    w.log[2]?.apply();
    expect(await fourth).toEqual({ done: true });
  });

  test('does not wait for requests for other keys', async () => {
    const w = world();
    void w.ask('k', 'a');
    void w.ask('j', 'b');
    await settle();
    expect(w.log.map((l) => l.key)).toEqual(['k', 'j']);
  });

  test('while a lock delay runs is refused', async () => {
    const w = world();
    w.closed.add('k');
    expect(await w.ask('k', 'a')).toEqual({ refused: new Map([['k', 'closed']]) });
  });

  test('that waited is not answered by a server that no longer leads', async () => {
    const w = world();
    void w.ask('k', 'a');
    const second = w.ask('k', 'b');
    w.depose();
    w.log[0]?.apply();
    await expect(second).rejects.toThrow('No cluster leader');
  });

  test('that frees the key itself first is proposed although another session has it', async () => {
    const w = world();
    w.holders.set('k', 'a');
    void w.ask('k', 'b', true);
    await settle();
    expect(w.log).toHaveLength(1);
  });
});
