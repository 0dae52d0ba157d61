import { fromUtf8, MemoryDisk, silentLog, utf8 } from '@proconsul/base';
import { EventQueue, SimClock } from '@proconsul/sim';
import { expect, test } from 'vitest';
import { DamageError } from '../errors.ts';
import { SNAPSHOTS_KEPT, SnapshotStore } from './snapshot-store.ts';

const configuration = { servers: [{ id: 'a', address: 'a:1', suffrage: 'voter' as const }] };
const source = (index: number, term = 1) => ({ index, term, configuration, configurationIndex: 1 });

function setUp(disk = new MemoryDisk()) {
  const clock = new SimClock(new EventQueue());
  const open = () => SnapshotStore.open('snapshots', { disk, clock, log: silentLog });
  return { clock, disk, open };
}

test('a snapshot comes back with its state and what it says about itself', async () => {
  const { open } = setUp();
  const store = await open();
  expect(store.latest).toBeUndefined();
  const meta = await store.write(source(7, 3), [utf8('one '), utf8(''), utf8('two')]);
  expect(meta).toMatchObject({ index: 7, term: 3, configuration, configurationIndex: 1, sizeBytes: 7 });
  const again = await open();
  expect(again.latest).toEqual(meta);
  expect(fromUtf8(await again.read(meta))).toBe('one two');
});

test('only the newest are kept, by term and then by index', async () => {
  const { disk, open } = setUp();
  const store = await open();
  for (const [index, term] of [
    [5, 1],
    [9, 1],
    [30, 2],
    [100, 2],
  ] as const)
    await store.write(source(index, term), [utf8(`${index}`)]);
  expect(store.list().map((m) => m.index)).toEqual([30, 100]);
  expect(await disk.list('snapshots')).toHaveLength(SNAPSHOTS_KEPT);
  expect((await open()).latest?.index).toBe(100);
});

test('what was never finished is removed at the next start', async () => {
  const { disk, open } = setUp();
  await (await open()).write(source(5), [utf8('x')]);
  await disk.mkdir('snapshots/1-9-1.tmp');
  await disk.writeAtomic('snapshots/1-9-1.tmp/state.bin', utf8('half'));
  const store = await open();
  expect(store.latest?.index).toBe(5);
  expect(await disk.list('snapshots')).toHaveLength(1);
});

test('a state that fails while it is written leaves nothing, and the one before stays', async () => {
  const { disk, open } = setUp();
  const store = await open();
  await store.write(source(5), [utf8('x')]);
  async function* broken(): AsyncIterable<Uint8Array> {
    yield utf8('begins');
    throw new Error('the leader went away');
  }
  await expect(store.write(source(9), broken())).rejects.toThrow('the leader went away');
  expect(store.latest?.index).toBe(5);
  expect(await disk.list('snapshots')).toHaveLength(1);
});

test('a full disk leaves nothing of a snapshot', async () => {
  const { disk, open } = setUp(new MemoryDisk({ maxBytes: 2000 }));
  const store = await open();
  await store.write(source(5), [utf8('x')]);
  await expect(store.write(source(9), [new Uint8Array(3000)])).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(store.latest?.index).toBe(5);
  expect(await disk.list('snapshots')).toHaveLength(1);
  await store.write(source(10), [utf8('there is room again')]);
  expect((await open()).latest?.index).toBe(10);
});

test('two written at the same time are both whole', async () => {
  const { open } = setUp();
  const store = await open();
  const [a, b] = await Promise.all([store.write(source(5), [utf8('five')]), store.write(source(5), [utf8('five')])]);
  expect(a.id).toBe(b.id);
  expect(fromUtf8(await store.read(a))).toBe('five');
  expect((await open()).list()).toHaveLength(1);
});

test('a wall clock that stands still or is set back changes nothing but the names', async () => {
  const { clock, open } = setUp();
  const store = await open();
  clock.stopWall();
  const first = await store.write(source(5), [utf8('five')]);
  expect(await store.write(source(5), [utf8('five')])).toEqual(first);
  // Another configuration at the same place, as after a recovery.
  const other = await store.write({ ...source(5), configurationIndex: 5 }, [utf8('five')]);
  expect(other.id).not.toBe(first.id);
  clock.setWall(-3_600_000);
  const later = await store.write(source(6), [utf8('six')]);
  expect(store.latest).toEqual(later);
  expect((await open()).latest).toEqual(later);
});

test('every flipped bit of state and description is found, and the error names the file', async () => {
  const { disk, open } = setUp();
  const store = await open();
  const meta = await store.write(source(5), [utf8('state')]);
  const flipEach = async (path: string, check: () => Promise<unknown>): Promise<void> => {
    const good = await disk.read(path);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = good.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      await disk.writeAtomic(path, bad);
      const error = await check().catch((e: unknown) => e);
      expect(error, `bit ${bit} of ${path}`).toBeInstanceOf(DamageError);
      expect(error).toMatchObject({ path });
    }
    await disk.writeAtomic(path, good);
  };
  await flipEach(`snapshots/${meta.id}/state.bin`, () => store.read(meta));
  await flipEach(`snapshots/${meta.id}/meta.json`, open);
  await disk.writeAtomic(`snapshots/${meta.id}/state.bin`, utf8('sta'));
  await expect(store.read(meta)).rejects.toThrow('3 bytes instead of 5');
});

test('damage to an older snapshot does not keep the newest from being used', async () => {
  const { disk, open } = setUp();
  const store = await open();
  const old = await store.write(source(5), [utf8('five')]);
  await store.write(source(9), [utf8('nine')]);
  await disk.writeAtomic(`snapshots/${old.id}/meta.json`, utf8('{}'));
  expect((await open()).list().map((m) => m.index)).toEqual([9]);
  await disk.remove(`snapshots/${old.id}/meta.json`);
  expect((await open()).latest?.index).toBe(9);
});
