import { ManualClock, settle } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { Consul } from './consul.ts';
import { LOCK_FLAGS } from './lock.ts';
import { SEMAPHORE_FLAGS } from './semaphore.ts';
import { MemoryAgent } from './testing/memory-agent.ts';

function world() {
  const agent = new MemoryAgent();
  const clock = new ManualClock();
  return { agent, clock, consul: new Consul({}, { transport: agent.transport, clock }) };
}

test('a lock is taken with a marked key, and released and cleaned up', async () => {
  const { agent, consul } = world();
  const lock = consul.lock('job/.lock');
  const held = await lock.acquire();
  expect(held).toMatchObject({ key: 'job/.lock', session: 'session-1' });
  expect(agent.keys.get('job/.lock')).toMatchObject({ session: 'session-1', flags: String(LOCK_FLAGS) });
  expect(await lock.destroy()).toBe(false);
  await held!.release();
  expect(agent.keys.get('job/.lock')?.session).toBeUndefined();
  expect(agent.sessions.size).toBe(0);
  expect(await lock.destroy()).toBe(true);
  expect(agent.keys.size).toBe(0);
});

test('the second waits until the first releases, and its fencing index is greater', async () => {
  const { consul } = world();
  const first = await consul.lock('l').acquire();
  let second: Awaited<ReturnType<ReturnType<typeof consul.lock>['acquire']>>;
  const waiting = consul
    .lock('l')
    .acquire()
    .then((held) => {
      second = held;
    });
  await settle();
  expect(second).toBeUndefined();
  await first!.release();
  await waiting;
  expect(Number(second!.fencingIndex)).toBeGreaterThan(Number(first!.fencingIndex));
  await second!.release();
});

test('fencing indexes grow also when the key is deleted between holders', async () => {
  const { consul } = world();
  const lock = consul.lock('l');
  const first = await lock.acquire();
  await first!.release();
  await lock.destroy();
  const second = await lock.acquire();
  expect(Number(second!.fencingIndex)).toBeGreaterThan(Number(first!.fencingIndex));
  await second!.release();
});

test('waiting ends with undefined at the timeout and at an abort, and leaves no session', async () => {
  const { agent, clock, consul } = world();
  const held = await consul.lock('l').acquire();
  const stop = new AbortController();
  const aborted = consul.lock('l').acquire({ signal: stop.signal });
  await settle();
  stop.abort();
  expect(await aborted).toBeUndefined();
  const late = consul.lock('l').acquire({ timeoutMs: 100 });
  await settle();
  await clock.advance(100);
  // The memory agent blocks until something changes, where a real one would end the wait.
  await consul.kv.put('other', 'x');
  expect(await late).toBeUndefined();
  expect(agent.sessions.size).toBe(1);
  await held!.release();
});

test('the holder learns that the lock is lost when its session ends', async () => {
  const { agent, consul } = world();
  const held = await consul.lock('l').acquire();
  expect(held!.lost.aborted).toBe(false);
  agent.endSession('session-1');
  await settle();
  expect(held!.lost.aborted).toBe(true);
});

test('a session that cannot be renewed means that the lock is lost', async () => {
  const { agent, clock, consul } = world();
  const held = await consul.lock('l').acquire();
  agent.sessions.clear();
  await clock.advance(7_500);
  expect(held!.lost.aborted).toBe(true);
});

test('monitoring repeats reads that failed in the server, as often as it may', async () => {
  const { agent, clock, consul } = world();
  const held = await consul.lock('l', { monitorRetries: 1 }).acquire();
  await settle();
  agent.failures.push(500);
  await consul.kv.put('other', 'x').catch(() => {});
  await settle();
  agent.failures.push(500);
  await consul.kv.put('other', 'y').catch(() => {});
  await clock.advance(2_000);
  expect(held!.lost.aborted).toBe(false);
  await held!.release();
});

test('a key that is no lock is a conflict', async () => {
  const { consul } = world();
  await consul.kv.put('l', 'data');
  await expect(consul.lock('l').acquire()).rejects.toMatchObject({ code: 'LOCK_CONFLICT' });
});

test('a semaphore lets in as many as its limit, and the next after one leaves', async () => {
  const { agent, consul } = world();
  const sem = consul.semaphore('sem', 2);
  const a = await sem.acquire();
  const b = await sem.acquire();
  const lock = agent.keys.get('sem/.lock')!;
  expect(lock.flags).toBe(String(SEMAPHORE_FLAGS));
  expect(JSON.parse(new TextDecoder().decode(lock.value))).toEqual({
    Limit: 2,
    Holders: { 'session-1': true, 'session-2': true },
  });
  let third: unknown;
  const waiting = sem.acquire().then((held) => {
    third = held;
    return held;
  });
  await settle();
  expect(third).toBeUndefined();
  await a!.release();
  const c = await waiting;
  expect(await sem.destroy()).toBe(false);
  await b!.release();
  await c!.release();
  expect(await sem.destroy()).toBe(true);
  expect(agent.keys.size).toBe(0);
});

test('the place of a holder whose session ended is free', async () => {
  const { agent, consul } = world();
  const sem = consul.semaphore('sem', 1);
  const held = await sem.acquire();
  agent.endSession(held!.session);
  agent.keys.delete(`sem/${held!.session}`);
  expect(await sem.acquire()).toBeDefined();
});

test('another limit for the same semaphore is refused', async () => {
  const { consul } = world();
  await consul.semaphore('sem', 2).acquire();
  await expect(consul.semaphore('sem', 3).acquire()).rejects.toThrow('semaphore limit conflict (lock: 2, local: 3)');
});
