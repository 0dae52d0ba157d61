import { type Disk, DiskError, fromUtf8, MemoryDisk, noMetrics, seededRng, silentLog, utf8 } from '@proconsul/base';
import { EventQueue, SimClock } from '@proconsul/sim';
import { describe, expect, test } from 'vitest';
import { msgpackConfiguration } from '../configuration-codec.ts';
import { readVoteState } from '../disk/state-file.ts';
import { openStorage } from '../disk/storage.ts';
import { type Entry, LogType } from '../entry.ts';
import { RAFT_DEFAULTS } from '../node/options.ts';
import { bigEndian, boltFile, littleEndian, snapshotJson, walFile } from '../testing/consul-files.ts';
import { encodeEntry } from '../wire/request-codec.ts';
import { isConsulStore, takeOver } from './take-over.ts';

const servers = ['a', 'b'].map((id) => ({ id, address: `${id}:1`, suffrage: 'voter' as const }));
const configuration: Entry = {
  index: 1,
  term: 1,
  type: LogType.configuration,
  data: msgpackConfiguration.encode({ servers }),
};
const command = (index: number): Entry => ({ index, term: 3, type: LogType.command, data: utf8(`command ${index}`) });
const entries = (from: number, to: number): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, i) => (from + i === 1 ? configuration : command(from + i)));

type Files = Readonly<Record<string, Uint8Array>>;
const VOTES = { CurrentTerm: 4, LastVoteTerm: 4 };

function bolt(from: number, to: number, votes: Readonly<Record<string, number>> = VOTES, candidate = 'b:1'): Files {
  const conf = Object.entries(votes).map(([key, n]) => [utf8(key), bigEndian(n)] as const);
  const logs = entries(from, to).map((entry) => [bigEndian(entry.index), encodeEntry(entry)] as const);
  return {
    'raft/raft.db': boltFile({ conf: [...conf, [utf8('LastVoteCand'), utf8(candidate)]], logs }, { perLeaf: 5 }),
  };
}

function wal(from: number, middle: number, to: number): Files {
  const base = { Codec: 1, IndexStart: 0, SizeLimit: 1 };
  const Segments = [
    { ...base, ID: 1, BaseIndex: 1, MinIndex: from, MaxIndex: middle },
    { ...base, ID: 2, BaseIndex: middle + 1, MinIndex: middle + 1, MaxIndex: 0 },
  ];
  const stable = [
    ...Object.entries(VOTES).map(([key, n]) => [utf8(key), littleEndian(n)] as const),
    [utf8('LastVoteCand'), utf8('b:1')] as const,
  ];
  const meta = [[utf8('m'), utf8(JSON.stringify({ NextSegmentID: 3, Segments }))] as const];
  return {
    'raft/wal/wal-meta.db': boltFile({ stable, 'wal-meta': meta }),
    [`raft/wal/${'1'.padStart(20, '0')}-${'1'.padStart(16, '0')}.wal`]: walFile(1, 1, [entries(1, middle)]),
    [`raft/wal/${String(middle + 1).padStart(20, '0')}-${'2'.padStart(16, '0')}.wal`]: walFile(
      2,
      middle + 1,
      entries(middle + 1, to).map((entry) => [entry]),
      8192,
    ),
  };
}

const snapshot = (index: number): Files => ({
  [`raft/snapshots/2-${index - 1}-9/meta.json`]: utf8('an older one is not looked at'),
  [`raft/snapshots/3-${index}-1/meta.json`]: snapshotJson(index, 3, utf8('the state'), ['a', 'b']),
  [`raft/snapshots/3-${index}-1/state.bin`]: utf8('the state'),
});

async function diskWith(files: Files): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (const [path, bytes] of Object.entries(files)) {
    await disk.mkdir(path.slice(0, path.lastIndexOf('/')));
    await disk.writeAtomic(path, bytes);
  }
  return disk;
}

const events = new EventQueue();
const world = { clock: new SimClock(events), rng: seededRng(1), log: silentLog, metrics: noMetrics };
const codec = msgpackConfiguration;

/** Virtual time goes on until it is done. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const end = (): void => {
    isDone = true;
  };
  work.then(end, end);
  for (let i = 0; i < 100_000 && !isDone; i++) {
    await Promise.resolve();
    if (i % 50 === 49) events.step();
  }
  return work;
}

const take = (disk: Disk) => inTime(takeOver(RAFT_DEFAULTS, { ...world, disk, codec }));

/** What a server would start with. */
async function opened(disk: Disk) {
  const ignore = () => undefined;
  const own = { durable: ignore, rejected: ignore, failed: ignore };
  const { log, snapshots, initial } = await inTime(openStorage(RAFT_DEFAULTS, { ...world, disk }, codec, own));
  const found = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) found.push(log.cached(index)!);
  const { latest } = snapshots;
  const state = latest && fromUtf8(await snapshots.read(latest));
  await inTime(log.close());
  return {
    term: initial.term,
    votedFor: initial.votedFor,
    commands: found.filter((e) => e.type === LogType.command).map((e) => `${e.index} ${e.term} ${fromUtf8(e.data)}`),
    servers: initial.configurations.at(-1)?.configuration.servers,
    state,
    lastIndex: initial.runs.lastIndex,
  };
}

const texts = (from: number, to: number): string[] =>
  entries(from, to).flatMap((e) => (e.type === LogType.command ? [`${e.index} ${e.term} ${fromUtf8(e.data)}`] : []));

describe('what a server of Consul has left', () => {
  const stores: Readonly<Record<string, Files>> = { 'raft.db': bolt(1, 30), 'a write-ahead log': wal(1, 12, 30) };
  for (const [name, files] of Object.entries(stores)) {
    test(`becomes ours: ${name}`, async () => {
      const disk = await diskWith(files);
      expect(await isConsulStore(disk, 'raft')).toBe(true);
      expect(await take(disk)).toEqual({ term: 4, lastIndex: 30, snapshotIndex: 0 });
      expect(await opened(disk)).toEqual({
        term: 4,
        votedFor: 'b',
        commands: texts(1, 30),
        servers,
        state: undefined,
        lastIndex: 30,
      });
      // Once only, and what was there is kept.
      expect(await isConsulStore(disk, 'raft')).toBe(false);
      expect(await take(disk)).toBeUndefined();
      for (const [path, bytes] of Object.entries(files)) {
        expect(await disk.read(path.replace('raft/', 'raft/consul.old/'))).toEqual(bytes);
      }
    });
  }

  test('goes on after its newest snapshot', async () => {
    for (const files of [bolt(5, 30), wal(5, 12, 30)]) {
      const disk = await diskWith({ ...files, ...snapshot(20) });
      expect(await take(disk)).toEqual({ term: 4, lastIndex: 30, snapshotIndex: 20 });
      const found = await opened(disk);
      expect(found).toMatchObject({ commands: texts(21, 30), servers, state: 'the state', lastIndex: 30 });
    }
    // All that the log has is in the snapshot.
    const disk = await diskWith({ ...bolt(5, 10), ...snapshot(20) });
    expect(await take(disk)).toEqual({ term: 4, lastIndex: 20, snapshotIndex: 20 });
    expect(await opened(disk)).toMatchObject({ commands: [], state: 'the state', lastIndex: 20 });
  });

  test('a vote of an earlier term is none, and one for an unknown address is one', async () => {
    const earlier = await diskWith(bolt(1, 3, { CurrentTerm: 5, LastVoteTerm: 4 }));
    await take(earlier);
    expect(await readVoteState(earlier, 'raft/vote')).toEqual({ term: 5, votedFor: undefined });
    const unknown = await diskWith(bolt(1, 3, VOTES, 'elsewhere:1'));
    await take(unknown);
    expect(await readVoteState(unknown, 'raft/vote')).toEqual({ term: 4, votedFor: 'elsewhere:1' });
  });

  test('raft.db wins over a write-ahead log', async () => {
    const disk = await diskWith({ ...wal(1, 3, 9), ...bolt(1, 5) });
    expect(await take(disk)).toMatchObject({ lastIndex: 5 });
  });

  test('an empty folder of Consul is nothing to take over', async () => {
    const disk = new MemoryDisk();
    await disk.mkdir('raft/wal');
    expect(await take(disk)).toBeUndefined();
  });

  test('beside a log of ours a person has to decide', async () => {
    const disk = await diskWith({ ...bolt(1, 5), 'raft/vote': utf8('x') });
    await expect(take(disk)).rejects.toThrow(
      'raft holds the log of a Consul server (raft.db) and one of ours (log, vote): remove the older of the two',
    );
  });

  test('an interruption at any moment leaves nothing half done', async () => {
    const files = { ...wal(5, 12, 30), ...snapshot(20) };
    const whole = await diskWith(files);
    await take(whole);
    const wanted = await opened(whole);
    let interruptions = 0;
    for (; ; interruptions++) {
      const disk = await diskWith(files);
      const isDone = await take(endingAfter(disk, interruptions)).then(
        () => true,
        () => false,
      );
      await take(disk);
      expect(await opened(disk)).toEqual(wanted);
      if (isDone) break;
    }
    expect(interruptions).toBeGreaterThan(20);
  });
});

describe('damage is named, and nothing is begun anew instead', () => {
  const cases: Readonly<Record<string, readonly [Files, RegExp]>> = {
    'a missing beginning': [bolt(7, 30), /entry 1 is missing before entry 7/],
    'a gap behind the snapshot': [{ ...bolt(25, 30), ...snapshot(20) }, /entry 21 is missing before entry 25/],
    'a changed snapshot': [
      { ...bolt(5, 30), ...snapshot(20), 'raft/snapshots/3-20-1/state.bin': utf8('the_state') },
      /state.bin is damaged at byte 0: checksum mismatch/,
    ],
    'a shorter snapshot': [
      { ...bolt(5, 30), ...snapshot(20), 'raft/snapshots/3-20-1/state.bin': utf8('the') },
      /state.bin is damaged at byte 3: 3 bytes instead of 9/,
    ],
    'no JSON': [
      { ...bolt(5, 30), ...snapshot(20), 'raft/snapshots/3-20-1/meta.json': utf8('{') },
      /meta.json is damaged/,
    ],
    'a segment that is not there': [
      Object.fromEntries(Object.entries(wal(1, 12, 30)).filter(([path]) => !path.includes('0013'))),
      /0013-0+2.wal is damaged at byte 0: the file is missing/,
    ],
    'no file of bbolt': [{ 'raft/raft.db': utf8('text') }, /raft.db is damaged at byte 0: no sound meta page/],
  };
  for (const [name, [files, error]] of Object.entries(cases)) {
    test(name, async () => {
      const disk = await diskWith(files);
      await expect(take(disk)).rejects.toThrow(error);
      // Nor at the next start.
      await expect(take(disk)).rejects.toThrow(error);
    });
  }
});

/** The disk of a process that ends after so many changes. */
function endingAfter(disk: MemoryDisk, changes: number): Disk {
  let left = changes;
  const changing = new Set(['openAppend', 'writeAtomic', 'rename', 'remove', 'mkdir', 'syncDir']);
  return new Proxy(disk, {
    get(target, name: keyof MemoryDisk) {
      const method = target[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (changing.has(name) && left-- <= 0) return Promise.reject(new DiskError('EIO', String(args[0])));
        return method.apply(target, args);
      };
    },
  });
}
