import { type Disk, type DiskError, seededRng, utf8 } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import type { Entry } from '../entry.ts';
import { DamageError } from '../errors.ts';
import { copyOf, FaultyDisk } from '../testing/faulty-disk.ts';
import { DurableLog, LOG_DEFAULTS, type LogEvents } from './durable-log.ts';
import { QUICK_FLUSH_MS, REST, STALL_MS, STALL_REST_MS, WAITED_RECORDS_MAX } from './flush-pace.ts';

interface Told {
  readonly durable: number[];
  readonly rejected: [number, string][];
  readonly failed: string[];
}

async function openLog(disk: Disk, options: { segmentBytes?: number; index?: number; term?: number } = {}) {
  const told: Told = { durable: [], rejected: [], failed: [] };
  const clock = new ManualClock();
  const events: LogEvents = {
    durable: (index) => told.durable.push(index),
    rejected: (last, error: DiskError) => told.rejected.push([last, error.code]),
    failed: (error) => told.failed.push(error.message),
  };
  const snapshot = { index: options.index ?? 0, term: options.term ?? 0 };
  const segmentBytes = options.segmentBytes ?? LOG_DEFAULTS.segmentBytes;
  const log = await DurableLog.open(
    { directory: 'log', ...LOG_DEFAULTS, segmentBytes, snapshot },
    { disk, clock, rng: seededRng('log') },
    events,
  );
  return { log, told, clock };
}

const entry = (index: number, term = 1, text = `entry ${index}`): Entry => ({
  index,
  term,
  type: 0,
  data: utf8(text),
  appendedAtMs: 5,
});
const entries = (from: number, to: number, term = 1): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));

async function contents(log: DurableLog): Promise<string[]> {
  const all =
    log.lastIndex < log.firstIndex ? [] : await log.read(log.firstIndex, log.lastIndex, Number.MAX_SAFE_INTEGER);
  return all!.map((e) => `${e.index}/${e.term}`);
}

const numbered = (from: number, to: number, term = 1): string[] =>
  entries(from, to, term).map((e) => `${e.index}/${e.term}`);

async function reopen(disk: Disk, options: { index?: number; term?: number } = {}): Promise<string[]> {
  const { log } = await openLog(await copyOf(disk), options);
  return contents(log);
}

test('entries appended while a sync is under way share the next one', async () => {
  const disk = new FaultyDisk();
  const { log, told } = await openLog(disk);
  const before = { appends: disk.appends, syncs: disk.syncs };
  disk.holdSyncs = true;
  log.append([entry(1)]);
  for (let index = 2; index <= 64; index++) log.append([entry(index)]);
  expect(told.durable).toEqual([]);
  disk.release();
  await settle();
  expect(told.durable).toEqual([1, 64]);
  expect({ appends: disk.appends - before.appends, syncs: disk.syncs - before.syncs }).toEqual({
    appends: 2,
    syncs: 2,
  });
});

test('a single entry costs one append and one sync', async () => {
  const disk = new FaultyDisk();
  const { log, told } = await openLog(disk);
  const before = { appends: disk.appends, syncs: disk.syncs };
  log.append([entry(1)]);
  await settle();
  expect(told.durable).toEqual([1]);
  expect({ appends: disk.appends - before.appends, syncs: disk.syncs - before.syncs }).toEqual({
    appends: 1,
    syncs: 1,
  });
});

test('nothing is reported durable before its sync, nor after a truncation that voids it', async () => {
  const disk = new FaultyDisk();
  const { log, told } = await openLog(disk);
  disk.holdSyncs = true;
  log.append(entries(1, 5));
  await settle();
  expect(log.durableIndex).toBe(0);
  log.truncateFrom(3);
  disk.release();
  await settle();
  expect(told.durable).toEqual([2]);
  log.append(entries(3, 4, 2));
  await settle();
  expect(told.durable).toEqual([2, 4]);
  expect(await reopen(disk)).toEqual(['1/1', '2/1', '3/2', '4/2']);
});

test('a log comes back over many segments, and a truncation may reach into earlier ones', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 300 });
  for (let index = 1; index <= 40; index++) {
    log.append([entry(index)]);
    await settle();
  }
  expect((await disk.list('log')).length).toBeGreaterThan(5);
  log.truncateFrom(12);
  log.append(entries(12, 13, 2));
  await settle();
  expect(await reopen(disk)).toEqual([...numbered(1, 11), '12/2', '13/2']);
  expect(await contents(log)).toEqual([...numbered(1, 11), '12/2', '13/2']);
});

test('compaction removes whole segments and keeps the rest readable', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 300 });
  for (let index = 1; index <= 40; index++) {
    log.append([entry(index)]);
    await settle();
  }
  const before = (await disk.list('log')).length;
  log.compactTo(25);
  await log.settled();
  expect((await disk.list('log')).length).toBeLessThan(before);
  expect(log.firstIndex).toBe(26);
  expect(await contents(log)).toEqual(numbered(26, 40));
  const { log: again } = await openLog(await copyOf(disk), { index: 30, term: 1 });
  expect(again.lastIndex).toBe(40);
  expect(again.runs().term(30)).toBe(1);
  expect(again.cached(31)?.data).toEqual(utf8('entry 31'));
});

test('entries that memory has let go are read from the segments', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 400 });
  for (let index = 1; index <= 20; index++) {
    log.append([entry(index)]);
    await settle();
  }
  log.trimCache(20, 0);
  expect(log.readCached(1, 3, 1000)).toBeUndefined();
  expect(await contents(log)).toEqual(numbered(1, 20));
  expect((await log.read(1, 20, 1))?.length).toBe(1);
  expect(await log.read(18, 25, 10_000)).toBeUndefined();
});

test('a reset empties the log, and it goes on after the snapshot', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk);
  log.append(entries(1, 5));
  await settle();
  log.reset({ index: 100, term: 7 });
  log.append(entries(101, 102, 7));
  await settle();
  expect(await reopen(disk, { index: 100, term: 7 })).toEqual(['101/7', '102/7']);
});

test('a snapshot beyond the log, or of another history, replaces it', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk);
  log.append(entries(1, 5));
  await log.close();
  for (const [index, term] of [
    [9, 3],
    [4, 2],
  ] as const) {
    const { log: again } = await openLog(await copyOf(disk), { index, term });
    expect(again.lastIndex).toBe(index);
    expect(again.lastTerm).toBe(term);
  }
});

test('files that an interrupted removal left behind do no harm, though their entries are older than the snapshot', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 60 });
  for (let index = 1; index <= 4; index++) {
    log.append([entry(index, index < 4 ? 1 : 2)]);
    await settle();
  }
  log.reset({ index: 3, term: 3 });
  log.append([entry(4, 3, 'new')]);
  await settle();
  const names = await disk.list('log');
  // The last two hold what is in force.
  for (let removed = 0; removed <= names.length - 2; removed++) {
    const copy = await copyOf(disk);
    for (const name of names.slice(0, removed)) await copy.remove(`log/${name}`);
    const { log: again } = await openLog(copy, { index: 3, term: 3 });
    expect(await contents(again), `without ${removed} files`).toEqual(['4/3']);
  }
});

test('a log that begins after the newest snapshot is refused: entries are missing', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 200 });
  for (let index = 1; index <= 20; index++) {
    log.append([entry(index)]);
    await settle();
  }
  log.compactTo(15);
  await log.settled();
  await expect(openLog(await copyOf(disk), { index: 3, term: 1 })).rejects.toThrow(/the log begins after entry/);
});

test('a full disk rejects what is not durable, keeps what is, and works again once there is space', async () => {
  const disk = new FaultyDisk();
  const { log, told } = await openLog(disk);
  log.append(entries(1, 3));
  await settle();
  disk.failAppend = 'ENOSPC';
  disk.partialBytes = 20;
  log.append(entries(4, 5));
  await settle();
  expect(told.rejected).toEqual([[3, 'ENOSPC']]);
  expect(log.lastIndex).toBe(3);
  disk.failAppend = undefined;
  log.append(entries(4, 6, 2));
  await settle();
  expect(await reopen(disk)).toEqual(['1/1', '2/1', '3/1', '4/2', '5/2', '6/2']);
});

test('a truncation that a full disk swallowed is said again before anything else', async () => {
  const disk = new FaultyDisk();
  const { log, told } = await openLog(disk);
  log.append(entries(1, 5));
  await settle();
  disk.failAppend = 'ENOSPC';
  log.truncateFrom(3);
  log.append(entries(3, 3, 2));
  await settle();
  expect(told.rejected.at(-1)).toEqual([2, 'ENOSPC']);
  disk.failAppend = undefined;
  log.append(entries(3, 4, 3));
  await settle();
  expect(await reopen(disk)).toEqual(['1/1', '2/1', '3/3', '4/3']);
});

test('after a failed sync nothing more is taken, and nothing of it is ever called durable', async () => {
  const disk = new FaultyDisk();
  const { log, told } = await openLog(disk);
  log.append([entry(1)]);
  await settle();
  disk.failSync = 'EIO';
  log.append([entry(2)]);
  await settle();
  disk.failSync = undefined;
  log.append([entry(3)]);
  await settle();
  expect(told.durable).toEqual([1]);
  expect(told.failed).toEqual(['EIO: log/00000000000000000001.log']);
  await log.close();
});

test('opening writes the last segment anew, so that nothing rests on what only the page cache held', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk);
  log.append([entry(1)]);
  await settle();
  const copy = new FaultyDisk(await copyOf(disk));
  const written: string[] = [];
  const write = copy.inner.writeAtomic.bind(copy.inner);
  copy.inner.writeAtomic = (path, bytes) => {
    written.push(path);
    return write(path, bytes);
  };
  await openLog(copy);
  expect(written).toEqual(['log/00000000000000000001.log']);
});

/** Three batches, the last of which nobody was told about: its sync never finished. */
async function smallLog(): Promise<{ files: Disk; acknowledged: string[]; unmarkedFrom: number }> {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk);
  log.append(entries(1, 2));
  await settle();
  log.append([entry(3)]);
  await settle();
  const path = 'log/00000000000000000001.log';
  const unmarkedFrom = (await disk.read(path)).length;
  disk.holdSyncs = true;
  log.append([entry(4)]);
  return { files: await copyOf(disk), acknowledged: numbered(1, 3), unmarkedFrom };
}

const PATH = 'log/00000000000000000001.log';

test('every cut of the file keeps all that was acknowledged, or is named', async () => {
  const { files, acknowledged, unmarkedFrom } = await smallLog();
  const bytes = await files.read(PATH);
  for (let size = unmarkedFrom; size <= bytes.length; size++) {
    await files.writeAtomic(PATH, bytes.slice(0, size));
    expect(await reopen(files)).toEqual(size === bytes.length ? numbered(1, 4) : acknowledged);
  }
});

test('every single flipped bit is found: the open fails and names the file', async () => {
  const { files } = await smallLog();
  const bytes = await files.read(PATH);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    await files.writeAtomic(PATH, flipped);
    const outcome = await openLog(files).catch((error) => error);
    expect(outcome, `bit ${bit}`).toBeInstanceOf(DamageError);
    expect(outcome.path).toBe(PATH);
  }
});

test('after an idle moment even a wiped last record is known to be damage', async () => {
  const disk = new FaultyDisk();
  const { log, clock } = await openLog(disk);
  log.append([entry(1)]);
  await settle();
  log.append([entry(2)]);
  await settle();
  const size = (await disk.read(PATH)).length;
  clock.jump(2 * LOG_DEFAULTS.markDelayMs);
  await settle();
  const bytes = await disk.read(PATH);
  expect(bytes.length).toBeGreaterThan(size);
  const copy = await copyOf(disk);
  await copy.writeAtomic(PATH, bytes.fill(0, size - 40, size));
  await expect(openLog(copy)).rejects.toThrow(/damaged at byte/);
});

test('idle marks do not go on for ever', async () => {
  const disk = new FaultyDisk();
  const { log, clock } = await openLog(disk);
  log.append([entry(1)]);
  await settle();
  for (let i = 0; i < 5; i++) {
    clock.jump(1000);
    await settle();
  }
  const { syncs } = disk;
  clock.jump(100_000);
  await settle();
  expect(disk.syncs).toBe(syncs);
});

test('a missing segment is named, wherever it was', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 200 });
  for (let index = 1; index <= 20; index++) {
    log.append([entry(index)]);
    await settle();
  }
  await log.close();
  const names = await disk.list('log');
  expect(names.length).toBeGreaterThan(4);
  for (const name of names.slice(1)) {
    const copy = await copyOf(disk);
    await copy.remove(`log/${name}`);
    const outcome = await openLog(copy).catch((error) => error);
    expect(outcome, name).toBeInstanceOf(DamageError);
    expect(outcome.path).toBe(`log/${name}`);
  }
});

test('damage in an older segment is named, and never cut off', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 200 });
  for (let index = 1; index <= 20; index++) {
    log.append([entry(index)]);
    await settle();
  }
  await log.close();
  const names = await disk.list('log');
  for (const name of names.slice(0, -1)) {
    const path = `log/${name}`;
    const bytes = await disk.read(path);
    for (let cut = 37; cut < bytes.length; cut += 7) {
      const copy = await copyOf(disk);
      await copy.writeAtomic(path, bytes.slice(0, cut));
      const outcome = await openLog(copy).catch((error) => error);
      expect(outcome, `${name} cut at ${cut}`).toBeInstanceOf(DamageError);
    }
  }
});

test('space that was reserved and not used is no content, whichever segment a crash left it in', async () => {
  const padded = async (disk: Disk): Promise<Disk> => {
    const copy = await copyOf(disk);
    for (const name of await copy.list('log')) {
      const file = await copy.openAppend(`log/${name}`);
      file.append([new Uint8Array(5000)]);
      await file.close();
    }
    return copy;
  };
  const disk = new FaultyDisk();
  const { log } = await openLog(disk, { segmentBytes: 400 });
  for (let from = 1; from <= 30; from += 3) {
    log.append(entries(from, from + 2));
    await settle();
    await log.settled();
    const left = await padded(disk);
    const again = await openLog(left, { segmentBytes: 400 });
    expect(again.log.tornBytes).toBe(0);
    expect(await contents(again.log)).toEqual(numbered(1, from + 2));
    again.log.append([entry(from + 3)]);
    await again.log.close();
    expect(await reopen(left)).toEqual(numbered(1, from + 3));
  }
});

test('a segment whose creation a crash interrupted is removed', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk);
  log.append(entries(1, 3));
  await log.close();
  await disk.inner.writeAtomic('log/00000000000000000002.log', utf8('PCRAFT'));
  expect(await reopen(disk)).toEqual(numbered(1, 3));
});

test('a hundred thousand entries are read back in seconds at most, on a busy machine too', async () => {
  const disk = new FaultyDisk();
  const { log } = await openLog(disk);
  const data = new Uint8Array(160).fill(9);
  for (let index = 1; index <= 100_000; index += 500) {
    log.append(Array.from({ length: 500 }, (_, i) => ({ index: index + i, term: 1, type: 0, data })));
    await settle(8);
  }
  await log.close();
  const copy = await copyOf(disk);
  const started = performance.now();
  const { log: again } = await openLog(copy);
  const tookMs = performance.now() - started;
  expect(again.lastIndex).toBe(100_000);
  expect(tookMs).toBeLessThan(10_000);
});

/** A log on a disk that can be waited for, each time for as long as `tookMs` says by then. */
async function openWaiting() {
  const disk = new FaultyDisk();
  const time = { tookMs: 0.1, clock: undefined as ManualClock | undefined };
  disk.onSyncNow = () => time.clock?.jump(time.tookMs);
  const opened = await openLog(disk);
  time.clock = opened.clock;
  return { ...opened, disk, time };
}

test('a few entries are waited for, after what the caller still does', async () => {
  const { log, told, disk } = await openWaiting();
  const before = disk.syncs;
  log.append([entry(1)]);
  log.append([entry(2)]);
  expect([told.durable, disk.syncsNow]).toEqual([[], 0]);
  await settle();
  expect([told.durable, disk.syncsNow, disk.syncs]).toEqual([[1, 2], 2, before]);
  log.append(entries(3, 3 + WAITED_RECORDS_MAX));
  await settle();
  expect([told.durable.at(-1), disk.syncsNow, disk.syncs]).toEqual([3 + WAITED_RECORDS_MAX, 2, before + 1]);
});

test('after a flush that took long the disk is left alone for a while, and for much longer after a stall', async () => {
  const { log, disk, time, clock } = await openWaiting();
  let index = 0;
  /** Whether the flush of one more batch was waited for. */
  const waits = async () => {
    const before = disk.syncsNow;
    log.append([entry(++index)]);
    await settle();
    return disk.syncsNow > before;
  };
  for (const [tookMs, restMs] of [
    [QUICK_FLUSH_MS + 1, (QUICK_FLUSH_MS + 1) * REST],
    [STALL_MS + 1, STALL_REST_MS],
  ] as const) {
    time.tookMs = tookMs;
    expect(await waits()).toBe(true);
    clock.jump(restMs - 1);
    expect(await waits()).toBe(false);
    clock.jump(1);
    time.tookMs = QUICK_FLUSH_MS;
    expect([await waits(), await waits()]).toEqual([true, true]);
  }
});

test('a sync that fails while it is waited for ends the log', async () => {
  const { log, told, disk } = await openWaiting();
  disk.failSync = 'EIO';
  log.append([entry(1)]);
  await settle();
  expect([told.durable, told.failed]).toEqual([[], ['EIO: log/00000000000000000001.log']]);
});
