import { type Disk, fromUtf8, seededRng, utf8 } from '@proconsul/base';
import { diskSuite } from '@proconsul/base/disk-suite';
import { expect, test } from 'vitest';
import { EventQueue } from '../event-queue.ts';
import { SimFiles } from './sim-files.ts';

/** Time passes by itself, so that tests may simply wait. */
function running(): { files: SimFiles; stop: () => void } {
  const events = new EventQueue();
  const files = new SimFiles(events, seededRng('files'));
  let isOver = false;
  const turn = (): void => {
    while (events.step());
    if (!isOver) setImmediate(turn);
  };
  turn();
  return {
    files,
    stop: () => {
      isOver = true;
    },
  };
}

diskSuite('SimFiles', async () => {
  const { files, stop } = running();
  return { disk: files.mount(), cleanUp: async () => stop() };
});

async function write(disk: Disk, path: string, text: string, isSynced: boolean): Promise<void> {
  const file = await disk.openAppend(path);
  file.append([utf8(text)]);
  if (isSynced) await file.sync();
}

test('a kill keeps what was written, a power cut only what was synced', async () => {
  const { files, stop } = running();
  await write(files.mount(), 'a', 'synced', true);
  await files.mount().syncDir('');
  files.kill();
  await write(files.mount(), 'a', ' and not', false);
  files.kill();
  expect(fromUtf8(await files.mount().read('a'))).toBe('synced and not');
  const lengths = new Set<number>();
  files.cutPower();
  const bytes = await files.mount().read('a');
  expect(fromUtf8(bytes.subarray(0, 6))).toBe('synced');
  lengths.add(bytes.length);
  files.cutPower();
  expect(await files.mount().read('a')).toEqual(bytes);
  stop();
});

test('a file whose directory was not synced may be gone after a power cut', async () => {
  const outcomes = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { files, stop } = running();
    const disk = files.mount();
    for (let n = 0; n < i; n++) await disk.mkdir(`d${n}`);
    await write(disk, 'a', 'content', true);
    files.cutPower();
    outcomes.add((await files.mount().list('')).includes('a') ? 'kept' : 'gone');
    stop();
  }
  expect([...outcomes].sort()).toEqual(['gone', 'kept']);
});

test('what a failed sync should have written never becomes durable, though it can be read', async () => {
  const { files, stop } = running();
  const disk = files.mount();
  const file = await disk.openAppend('a');
  await disk.syncDir('');
  file.append([utf8('lost')]);
  files.failNextSync = true;
  await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
  await file.sync();
  file.append([utf8('kept')]);
  await file.sync();
  files.kill();
  expect(fromUtf8(await files.mount().read('a'))).toBe('lostkept');
  files.cutPower();
  expect(fromUtf8(await files.mount().read('a'))).toBe('\0\0\0\0kept');
  stop();
});

test('a process that was killed neither writes nor hears of anything', async () => {
  const { files, stop } = running();
  const file = await files.mount().openAppend('a');
  files.kill();
  file.append([utf8('ghost')]);
  let isHeard = false;
  file.sync().then(() => {
    isHeard = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isHeard).toBe(false);
  expect((await files.mount().read('a')).length).toBe(0);
  stop();
});

test('a flipped bit and a stray write change the medium, and name the file', async () => {
  const { files, stop } = running();
  const text = 'some content '.repeat(100);
  await write(files.mount(), 'a', text, true);
  expect(files.flipBit()).toBe('a');
  const flipped = await files.mount().read('a');
  expect(flipped.filter((byte, i) => byte !== text.charCodeAt(i))).toHaveLength(1);
  expect(files.misdirect(() => true)).toBeUndefined();
  expect(files.misdirect(() => false)).toBe('a');
  expect(fromUtf8(await files.mount().read('a'))).not.toBe(fromUtf8(flipped));
  stop();
});
