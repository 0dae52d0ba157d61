import { type Disk, DiskError, MemoryDisk, silentLog } from '@proconsul/base';
import { settle } from '@proconsul/base/testing';
import { EventQueue, SimClock } from '@proconsul/sim';
import { expect, test } from 'vitest';
import { readVoteState } from '../disk/state-file.ts';
import { NodeStatus } from './node-status.ts';
import { VoteWriter } from './vote-writer.ts';

const VOTE = { term: 7, votedFor: 'a' };

function writer() {
  const inner = new MemoryDisk();
  const events = new EventQueue();
  const status = new NodeStatus();
  const told: string[] = [];
  const faults: (string | undefined)[] = [];
  const disk: Disk = Object.assign(Object.create(inner), {
    writeAtomic: (path: string, bytes: Uint8Array) => {
      const code = faults.shift();
      return code === undefined ? inner.writeAtomic(path, bytes) : Promise.reject(new DiskError(code, path));
    },
  });
  const votes = new VoteWriter({
    disk,
    clock: new SimClock(events),
    log: silentLog,
    status,
    path: 'vote',
    retryMs: 250,
    onFull: () => told.push('full'),
    onFailed: (error) => told.push(`failed ${(error as DiskError).code}`),
  });
  const write = () => votes.write(VOTE, () => told.push('written'));
  return { inner, events, status, told, faults, votes, write };
}

test('goes on once the vote is on the disk, not before', async () => {
  const { inner, told, write } = writer();
  write();
  expect(told).toEqual([]);
  await settle();
  expect(told).toEqual(['written']);
  expect(await readVoteState(inner, 'vote')).toEqual(VOTE);
});

test('on a full disk it tries again and again, and goes on when there is room', async () => {
  const { events, status, told, faults, write } = writer();
  faults.push('ENOSPC', 'EDQUOT');
  write();
  await settle();
  expect([told, status.refusal()]).toEqual([['full'], 'DISK_FULL']);
  events.step();
  await settle();
  expect(told).toEqual(['full', 'full']);
  events.step();
  await settle();
  expect([told, status.refusal()]).toEqual([['full', 'full', 'written'], undefined]);
  expect(events.now).toBe(500);
});

test('any other fault of the disk is the end', async () => {
  const { told, faults, events, write } = writer();
  faults.push('EIO');
  write();
  await settle();
  expect([told, events.step()]).toEqual([['failed EIO'], false]);
});

test('a node that was stopped meanwhile does not go on', async () => {
  const { status, told, write } = writer();
  write();
  status.isStopped = true;
  await settle();
  expect(told).toEqual([]);
});

test('a stop ends the wait for space', async () => {
  const { events, status, told, faults, votes, write } = writer();
  faults.push('ENOSPC');
  write();
  await settle();
  status.isStopped = true;
  votes.stop();
  expect([told, events.step()]).toEqual([['full'], false]);
});
