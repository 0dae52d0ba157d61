import { expect, test } from 'vitest';
import { BatchTimes, MEASURED_BATCHES_MAX } from './batch-times.ts';

function watched() {
  const told: string[] = [];
  const note = (name: string, value: number) => void told.push(`${name} ${value}`);
  return { told, times: new BatchTimes({ count: () => {}, gauge: note, sample: note }) };
}

test('a batch is measured until it is durable, and until it is committed', () => {
  const { told, times } = watched();
  times.committed(4, 0);
  times.dispatched(6, 10);
  times.dispatched(7, 12);
  times.durable(6, 15);
  times.durable(6, 16);
  times.committed(5, 17);
  times.committed(7, 20);
  times.durable(7, 30);
  expect(told).toEqual([
    'raft.leader.dispatchLog 5',
    'raft.commitTime 10',
    'raft.commitTime 8',
    'raft.commitNumLogs 2',
  ]);
});

test('nothing is told of batches of a leader that is none any more', () => {
  const { told, times } = watched();
  times.dispatched(1, 0);
  times.clear();
  times.committed(1, 5);
  expect(told).toEqual([]);
});

test('more batches than are measured are passed over', () => {
  const { told, times } = watched();
  for (let i = 1; i <= MEASURED_BATCHES_MAX + 10; i++) times.dispatched(i, 0);
  times.committed(MEASURED_BATCHES_MAX + 10, 1);
  expect(told.filter((line) => line.startsWith('raft.commitTime'))).toHaveLength(MEASURED_BATCHES_MAX);
});
