import { MemoryDisk } from '@proconsul/base';
import { expect, test } from 'vitest';
import { DamageError } from '../errors.ts';
import { readVoteState, writeVoteState } from './state-file.ts';

test('term and vote come back as they were written', async () => {
  const disk = new MemoryDisk();
  expect(await readVoteState(disk, 'vote')).toBeUndefined();
  for (const state of [
    { term: 1, votedFor: undefined },
    { term: 2 ** 40 + 7, votedFor: 'b' },
    { term: 3, votedFor: '8f9c1d6e-0000-4000-8000-00000000abcd' },
  ]) {
    await writeVoteState(disk, 'vote', state);
    expect(await readVoteState(disk, 'vote')).toEqual(state);
  }
});

test('a file with one flipped bit, cut short or with more bytes is damage, never another vote', async () => {
  const disk = new MemoryDisk();
  await writeVoteState(disk, 'vote', { term: 5, votedFor: 'server-1' });
  const good = await disk.read('vote');
  const attempt = async (bytes: Uint8Array): Promise<unknown> => {
    await disk.writeAtomic('vote', bytes);
    return readVoteState(disk, 'vote').catch((error: unknown) => error);
  };
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = good.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    expect(await attempt(bad), `bit ${bit}`).toBeInstanceOf(DamageError);
  }
  for (let size = 0; size < good.length; size++) {
    expect(await attempt(good.slice(0, size)), `${size} bytes`).toBeInstanceOf(DamageError);
  }
  expect(await attempt(Uint8Array.of(...good, 0))).toMatchObject({ name: 'DamageError', path: 'vote' });
});

test('a write that a full disk refuses leaves the vote before it', async () => {
  const disk = new MemoryDisk({ maxBytes: 30 });
  await writeVoteState(disk, 'vote', { term: 1, votedFor: 'a' });
  await expect(writeVoteState(disk, 'vote', { term: 2, votedFor: 'a-longer-name' })).rejects.toMatchObject({
    code: 'ENOSPC',
  });
  expect(await readVoteState(disk, 'vote')).toEqual({ term: 1, votedFor: 'a' });
});
