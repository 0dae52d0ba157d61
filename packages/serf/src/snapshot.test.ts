import { fromUtf8, MemoryDisk, noMetrics, utf8 } from '@proconsul/base';
import { EventQueue, SimClock } from '@proconsul/sim';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMPACT_BYTES, Snapshot } from './snapshot.ts';
import { replaySnapshot, snapshotText } from './snapshot-state.ts';
import { recordingLog, World } from './testing/world.ts';

const PATH = 'serf/local.snapshot';

async function newDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.mkdir('serf');
  return disk;
}

const text = async (disk: MemoryDisk) => fromUtf8(await disk.read(PATH));

/** A file as a real Serf agent wrote it. */
const RECORDED = `alive: a 127.0.0.1:20201
alive: c 127.0.0.1:20203
alive: b 127.0.0.1:20202
clock: 1
event-clock: 1
event-clock: 2
query-clock: 1
query-clock: 3
clock: 2
not-alive: b
not-alive: c
not-alive: c
clock: 3
clock: 5
alive: c 127.0.0.1:20203
`;

describe('lines', () => {
  test('a file of the reference', () => {
    expect(replaySnapshot(utf8(RECORDED), false)).toEqual({
      alive: new Map([
        ['a', '127.0.0.1:20201'],
        ['c', '127.0.0.1:20203'],
      ]),
      clocks: { clock: 5, 'event-clock': 2, 'query-clock': 3 },
    });
  });

  test('a leave takes everything back, unless members come back after it', () => {
    const bytes = utf8(`${RECORDED}leave\nclock: 6\n`);
    expect(replaySnapshot(bytes, false)).toEqual({
      alive: new Map(),
      clocks: { clock: 6, 'event-clock': 0, 'query-clock': 0 },
    });
    expect([...replaySnapshot(bytes, true).alive.keys()]).toEqual(['a', 'c']);
  });

  test('names with spaces, IPv6, comments and lines that mean nothing', () => {
    const bytes = utf8(
      'alive: two words 10.0.0.1:1\nalive: v6 [::1]:2\n# alive: x 1:1\ncoordinate: {}\nclock: x\nclock: 99999999999999999999\nalive: y\n\nboo\nalive: cut 10.0',
    );
    expect(replaySnapshot(bytes, false)).toEqual({
      alive: new Map([
        ['two words', '10.0.0.1:1'],
        ['v6', '[::1]:2'],
      ]),
      clocks: { clock: 0, 'event-clock': 0, 'query-clock': 0 },
    });
  });

  test('what is written anew says the same', () => {
    const lines = fc.array(
      fc.oneof(
        fc.tuple(fc.constantFrom('a', 'b c', 'd'), fc.nat(9)).map(([name, n]) => `alive: ${name} 10.0.0.${n}:1`),
        fc.constantFrom('a', 'b c', 'd').map((name) => `not-alive: ${name}`),
        fc.tuple(fc.constantFrom('clock', 'event-clock', 'query-clock'), fc.nat()).map(([c, n]) => `${c}: ${n}`),
        fc.constant('leave'),
        fc.string(),
      ),
    );
    fc.assert(
      fc.property(lines, (all) => {
        const state = replaySnapshot(utf8(`${all.join('\n')}\n`), false);
        expect(replaySnapshot(utf8(snapshotText(state)), false)).toEqual(state);
      }),
    );
  });

  test('rubbish is passed over', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void replaySnapshot(bytes, false)));
  });
});

describe('the file', () => {
  async function open(disk: MemoryDisk, logged: string[] = []) {
    const clock = new SimClock(new EventQueue());
    const options = { path: PATH, rejoinAfterLeave: false, metricLabels: {} };
    const snapshot = new Snapshot(options, { clock, disk, log: recordingLog(logged), metrics: noMetrics });
    return { snapshot, state: await snapshot.open() };
  }

  test('grows by what happens', async () => {
    const disk = await newDisk();
    const { snapshot } = await open(disk);
    snapshot.alive('a', '10.0.0.1:1');
    snapshot.alive('evil\nalive: x 10.0.0.2:1', '10.0.0.2:1');
    snapshot.seen('event-clock', 4);
    snapshot.seen('event-clock', 3);
    snapshot.notAlive('a');
    snapshot.leave();
    snapshot.alive('b', '10.0.0.3:1');
    await snapshot.close();
    expect(await text(disk)).toBe('alive: a 10.0.0.1:1\nevent-clock: 4\nnot-alive: a\nleave\n');
  });

  test('goes on after a line that a crash has cut', async () => {
    const disk = await newDisk();
    await disk.writeAtomic(PATH, utf8('alive: a 10.0.0.1:1\nalive: b 10.'));
    const { snapshot, state } = await open(disk);
    expect([...state.alive.keys()]).toEqual(['a']);
    snapshot.alive('c', '10.0.0.3:1');
    await snapshot.close();
    expect([...(await open(disk)).state.alive.keys()]).toEqual(['a', 'b', 'c']);
  });

  test('is written anew when it has become large, and loses nothing meanwhile', async () => {
    const disk = await newDisk();
    const { snapshot } = await open(disk);
    snapshot.alive('stays', '10.0.0.1:1');
    let time = 0;
    for (let bytes = 0; bytes < 3 * COMPACT_BYTES; ) {
      const line = `event-clock: ${++time}\n`;
      bytes += line.length;
      snapshot.seen('event-clock', time);
      if (time % 500 === 0) await Promise.resolve();
    }
    snapshot.alive('last', '10.0.0.2:1');
    await snapshot.close();
    expect((await disk.read(PATH)).length).toBeLessThan(COMPACT_BYTES);
    const { state } = await open(disk);
    expect([...state.alive.keys()]).toEqual(['stays', 'last']);
    expect(state.clocks['event-clock']).toBe(time);
  });

  test('on a full disk is reported, and harms nothing else', async () => {
    const disk = new MemoryDisk({ maxBytes: 60 });
    await disk.mkdir('serf');
    const logged: string[] = [];
    const { snapshot } = await open(disk, logged);
    for (let i = 0; i < 9; i++) snapshot.alive(`n${i}`, '10.0.0.1:1');
    await snapshot.close();
    expect(logged.some((line) => line.startsWith('ERROR serf: Failed to update snapshot'))).toBe(true);
  });
});

describe('a member that starts again', () => {
  test('finds its pool, and hears no event twice', async () => {
    const world = new World();
    const disk = await newDisk();
    const [a, b] = await world.members('a', 'b');
    const c = world.member('c', { snapshotPath: PATH }, { disk }, 3);
    await c.serf.start();
    await c.join(a!);
    a!.serf.userEvent('deploy', utf8('1'), true);
    await world.pass(3_000);
    await c.serf.stop();
    await world.pass(5_000);
    expect(a!.statuses()['c']).toBe('failed');
    expect(await text(disk)).toMatch(/^alive: c 127\.0\.0\.1:3\nalive: a 127\.0\.0\.1:1\nalive: b 127\.0\.0\.1:2\n/);
    expect(await text(disk)).toContain('\nevent-clock: 1\n');

    await b!.serf.stop();
    await world.pass(5_000);
    const again = world.member('c', { snapshotPath: PATH }, { disk }, 3);
    again.pool.comesBack();
    await again.serf.start();
    await world.pass(3_000);
    expect(again.logged).toContain('INFO serf: Re-joined to previously known node: a: 127.0.0.1:1');
    expect(a!.statuses()['c']).toBe('alive');
    expect(again.userEvents()).toEqual([]);
    a!.serf.userEvent('deploy', utf8('2'), true);
    await world.pass(3_000);
    expect(again.userEvents()).toEqual(['deploy=2']);
  });

  test('after a leave stays alone, unless told to come back', async () => {
    for (const rejoinAfterLeave of [false, true]) {
      const world = new World();
      const disk = await newDisk();
      const [a] = await world.members('a');
      const c = world.member('c', { snapshotPath: PATH }, { disk }, 3);
      await c.serf.start();
      await c.join(a!);
      const left = c.serf.leave();
      await world.pass(10_000);
      await left;
      await c.serf.stop();
      expect(await text(disk)).toMatch(/\nleave\nclock: \d+\n$/);
      const again = world.member('c', { snapshotPath: PATH, rejoinAfterLeave }, { disk }, 3);
      again.pool.comesBack();
      await again.serf.start();
      await world.pass(3_000);
      expect(a!.statuses()['c']).toBe(rejoinAfterLeave ? 'alive' : 'left');
    }
  });

  test('when nobody is there says so', async () => {
    const world = new World();
    const disk = await newDisk();
    await disk.writeAtomic(PATH, utf8('alive: z 127.0.0.1:77\nalive: c 127.0.0.1:3\n'));
    const c = world.member('c', { snapshotPath: PATH }, { disk }, 3);
    await c.serf.start();
    await world.pass(100);
    expect(c.logged).toContain('INFO serf: Attempting re-join to previously known node: z: 127.0.0.1:77');
    expect(c.logged).toContain('WARN serf: Failed to re-join any previously known node');
  });
});
