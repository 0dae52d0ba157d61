import { seededRng } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { KVS, READ_NOW, type ReadOptions } from '@proconsul/endpoints';
import { DirEntry, KVSRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { HELD_CALLS_MAX, HoldRoom } from './hold.ts';
import { isRetryable } from './retryable.ts';
import { oneServer } from './testing/one-server.ts';

const who = { Datacenter: '', Token: '' };

function room(holdTimeoutMs = 7000) {
  const clock = new ManualClock();
  return { clock, room: new HoldRoom(clock, seededRng(1), holdTimeoutMs) };
}

describe('a call that is held', () => {
  test('tries again after growing pauses, at last when its time is over', () => {
    const w = room();
    const hold = w.room.hold();
    const tries: number[] = [];
    const again = () => {
      tries.push(w.clock.now());
      hold.pause(again);
    };
    expect(hold.pause(again)).toBeDefined();
    w.clock.jump(7001);
    expect(hold.pause(again)).toBeUndefined();
    const pauses = tries.map((at, i) => at - (tries[i - 1] ?? 0));
    expect(pauses[0]).toBeLessThan(30);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(7000 / 16);
    expect(tries.at(-1)).toBeLessThanOrEqual(7000);
    expect(tries.length).toBeLessThan(60);
  });

  test('is woken by a new leader', () => {
    const w = room();
    let woken = 0;
    for (let i = 0; i < 3; i++) w.room.hold().pause(() => woken++);
    const given = w.room.hold().pause(() => woken++);
    given?.();
    w.room.wake();
    expect([woken, w.room.waiting, w.clock.waiting]).toEqual([3, 0, 0]);
  });

  test('finds no room where too many wait', () => {
    const clock = { now: () => 0, wallMs: () => 0, after: () => ({ cancel() {} }) };
    const full = new HoldRoom(clock, seededRng(1), 7000);
    const again = () => {};
    for (let i = 0; i < HELD_CALLS_MAX; i++) full.hold().pause(again);
    expect(full.hold().pause(again)).toBeUndefined();
    full.wake();
    expect(full.hold().pause(again)).toBeDefined();
  });

  test('has all of its patience again after an attempt that went well for long', () => {
    const w = room();
    const hold = w.room.hold();
    hold.pause(() => {});
    w.clock.jump(60_000);
    expect(hold.pause(() => {})).toBeUndefined();
    hold.renewAfter(7000);
    expect(hold.pause(() => {})).toBeUndefined();
    hold.renewAfter(7001);
    expect(hold.pause(() => {})).toBeDefined();
  });
});

test.for([
  ['rpc error making call: No cluster leader', true, true],
  ['rpc error making call: node is not the leader', true, true],
  ['rpc error getting client: failed to get conn: dial tcp: connection refused', true, true],
  ['please resubmit call for rechunking', true, true],
  ['rpc error making call: EOF', true, false],
  ['rpc error making call: session shutdown', true, false],
  ['leadership lost while committing log', true, false],
  ['rpc error making call: i/o deadline reached', false, false],
  ['No path to datacenter', false, false],
  ['Permission denied', false, false],
] as const)('%j: a read may be made again: %j, a write: %j', ([text, read, write]) => {
  expect([isRetryable(new Error(text), 'read'), isRetryable(new Error(text), 'write')]).toEqual([read, write]);
});

describe('what a call is told that nobody can answer', () => {
  async function told(leader: string, consistency: ReadOptions['consistency']) {
    const w = oneServer();
    w.consensus.leading = false;
    w.consensus.elected = leader;
    const errors: string[] = [];
    w.server.read(KVS.Get, { ...who, Key: 'k' }, { ...READ_NOW, consistency }, (error) => {
      errors.push(error?.message ?? '');
    });
    await w.clock.advance(7100);
    return errors;
  }

  test.for([
    ['nobody leads', '', 'default', 'No cluster leader'],
    ['it leads but has not caught up', 'id-1', 'consistent', 'Not ready to serve consistent reads'],
    ['it leads without a lease', 'id-1', 'default', 'No cluster leader'],
    ['the leader is in no pool', 'id-9', 'default', 'Raft leader not found in server lookup mapping'],
  ] as const)('%s', async ([, leader, consistency, text]) => {
    expect(await told(leader, consistency)).toEqual([text]);
  });
});

test('a stale read of a server that never was complete waits for a leader', async () => {
  const w = oneServer();
  w.consensus.leading = false;
  w.consensus.ageMs = Number.POSITIVE_INFINITY;
  const told: string[] = [];
  w.server.read(KVS.Get, { ...who, Key: 'k' }, { ...READ_NOW, consistency: 'stale' }, (error) => {
    told.push(error?.message ?? 'answered');
  });
  await w.clock.advance(1000);
  expect(told).toEqual([]);
  w.consensus.ageMs = 20;
  w.server.leaderChanged();
  await settle();
  expect(told).toEqual(['answered']);
});

test('a write that met a leader on its way out is done by the next one', async () => {
  const w = oneServer();
  w.consensus.refusal = new Error('leadership transfer in progress');
  const write = w.server.write(KVS.Apply, KVSRequest.make({ Op: 'set', DirEnt: DirEntry.make({ Key: 'k' }) }));
  await w.clock.advance(50);
  w.consensus.refusal = null;
  await w.clock.advance(200);
  expect(await write).toBe(true);
});
