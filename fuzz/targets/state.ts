import { createHash } from 'node:crypto';
import { concatBytes, ProtocolError, utf8 } from '@proconsul/base';
import { type Codec, readArchive, writeArchive } from '@proconsul/server';
import { SnapshotError, SnapshotReader, Store } from '@proconsul/store';
import { TarReader } from '../../packages/server/src/tar.ts';
import { file, recordedHex } from '../seeds.ts';
import { check, checkSame, must, NO_TASK_MS, type Target } from '../target.ts';

const DATACENTER = 'dc1';

const commands = (): Uint8Array[] => [
  ...recordedHex('store/src/testdata/fsm-log.json', (b) => b.length < 3000),
  ...recordedHex('store/src/testdata/fsm-generated.json', (b) => b.length < 3000),
];

/** Commands behind each other, each with two bytes of length. */
const sequence = (all: readonly Uint8Array[]): Uint8Array =>
  concatBytes(all.flatMap((c) => [Uint8Array.of(c.length >> 8, c.length & 255), c]));

/** Applies what the bytes say. Lengths that reach too far take what there is. */
function play(store: Store, bytes: Uint8Array): string {
  let results = '';
  let at = 0;
  for (let index = 1; at + 2 <= bytes.length && index <= 64; index++) {
    const size = bytes[at]! * 256 + bytes[at + 1]!;
    const command = bytes.slice(at + 2, at + 2 + size);
    at += 2 + size;
    const result = must('a command is never too much', () => store.apply(index, command));
    results += JSON.stringify(result, (_key, value) => (typeof value === 'bigint' ? String(value) : value)) ?? '';
  }
  return results;
}

const fsm: Target = {
  name: 'fsm-commands',
  reads: 'commands of the replicated log, from the leader',
  seeds: () => {
    const all = commands();
    const groups: Uint8Array[] = [];
    for (let i = 0; i < all.length; i += 3) groups.push(sequence(all.slice(i, i + 3)));
    return [...all.map((c) => sequence([c])), ...groups];
  },
  wordsOf: ['store'],
  words: [
    'Node',
    'Service',
    'Check',
    'Session',
    'Lock',
    'KV',
    'Op',
    'set',
    'cas',
    'delete-tree',
    'lock',
    Uint8Array.of(0xc0),
    Uint8Array.of(0x80),
    Uint8Array.of(0x90),
    Uint8Array.of(0xcf, 255, 255, 255, 255, 255, 255, 255, 255),
  ],
  inputBytesMax: 3000,
  taskBytesMax: 60_000,
  runs: 60_000,
  task: (bytes) => void play(new Store({ datacenter: DATACENTER }), bytes),
  run(bytes) {
    const store = new Store({ datacenter: DATACENTER });
    const results = play(store, bytes);
    must('watchers', () => store.flush());
    const other = new Store({ datacenter: DATACENTER });
    check(play(other, bytes) === results, 'the same commands have the same results');
    const hash = must('the tables can be written', () => store.stateHash());
    check(other.stateHash() === hash, 'and leave the same tables');
    const copy = must('what was written is read', () => restored(store.snapshot().chunks()));
    check(copy.stateHash() === hash, 'a snapshot holds all of it');
  },
};

function restored(chunks: Iterable<Uint8Array>): Store {
  const store = new Store({ datacenter: DATACENTER });
  const restore = store.restore();
  for (const chunk of chunks) restore.push(chunk);
  restore.complete();
  restore.finish();
  return store;
}

const snapshotSeeds = (): Uint8Array[] => {
  const store = new Store({ datacenter: DATACENTER });
  const parts: Uint8Array[] = [];
  let index = 1;
  for (const command of commands().slice(0, 40)) {
    store.apply(index++, command);
    if (index % 8 === 0) parts.push(concatBytes([...store.snapshot().chunks()]));
  }
  return [
    concatBytes([...new Store({ datacenter: DATACENTER }).snapshot().chunks()]),
    ...parts.filter((p) => p.length < 12_000),
  ];
};

const snapshot: Target = {
  name: 'snapshot-state',
  reads: 'the tables of a snapshot, from a leader, an operator or the disk',
  seeds: snapshotSeeds,
  words: [
    Uint8Array.of(0),
    Uint8Array.of(2),
    Uint8Array.of(3),
    Uint8Array.of(0x80),
    Uint8Array.of(0xc0),
    'LastIndex',
    'Key',
    'Node',
  ],
  inputBytesMax: 6000,
  taskBytesMax: 64 * 1024,
  runs: 60_000,
  isRefusal: (e) => e instanceof SnapshotError,
  // Only of members and operators, while the tables are made anew.
  taskMsMax: 100,
  task(bytes) {
    new SnapshotReader(DATACENTER).push(bytes);
  },
  run(bytes) {
    const half = (bytes[0] ?? 0) % (bytes.length + 1);
    const store = restored([bytes.subarray(0, half), bytes.subarray(half)]);
    const hash = must('what was restored can be written', () => store.stateHash());
    const again = must('and restored again', () => restored(store.snapshot().chunks()));
    check(again.stateHash() === hash, 'round trip');
  },
};

// Archives

/** Without compression: what is fuzzed here is what lies behind it. */
const CODEC: Codec = {
  sha256: () => {
    const hash = createHash('sha256');
    return { update: (b) => void hash.update(b), hex: () => hash.digest('hex') };
  },
  async *gzip(chunks) {
    yield* chunks;
  },
  gunzip: (chunks) => chunks,
};

const META = {
  ...{ ID: '2-10-1', Index: 10, Term: 2, ConfigurationIndex: 1 },
  Configuration: { Servers: [{ Suffrage: 0, ID: 'a', Address: '10.0.0.1:8300' }] },
};

async function plainArchive(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeArchive(META, [utf8('the state')], CODEC, 0)) chunks.push(chunk);
  return concatBytes(chunks);
}
const ARCHIVE = await plainArchive();

/** Puts the checksums of the heads of files right. */
function repairTar(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  for (let at = 0; at + 512 <= out.length; ) {
    const head = out.subarray(at, at + 512);
    if (head.every((b) => b === 0)) break;
    let sum = 0;
    for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 0x20 : head[i]!;
    head.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    const size = Number.parseInt(Buffer.from(head.subarray(124, 135)).toString('latin1'), 8);
    if (!(size >= 0)) break;
    at += 512 * (1 + Math.ceil(size / 512));
  }
  return out;
}

const tar: Target = {
  name: 'snapshot-archive',
  reads: 'archives of snapshots behind their compression, from operators',
  seeds: () => [ARCHIVE],
  words: [
    'meta.json',
    'state.bin',
    'SHA256SUMS',
    '"Index":',
    '"Size":',
    '"Servers":null',
    'x',
    'g',
    '77777777777',
    '00000000000',
  ],
  repair: repairTar,
  inputBytesMax: 4096,
  taskBytesMax: 128 * 1024,
  runs: 100_000,
  async run(bytes) {
    const events: string[] = [];
    let size = 0;
    const reader = new TarReader({
      begin: (name) => events.push(name),
      data: (b) => {
        size += b.length;
      },
      end: () => events.push('end'),
    });
    let error: unknown;
    try {
      for (let at = 0; at < bytes.length; at += 100) reader.push(bytes.subarray(at, at + 100));
      reader.finish();
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      error = thrown;
    }
    check(size <= bytes.length, 'bounded files');
    const { meta, state } = await readArchive(once(bytes), CODEC);
    check(error === undefined, 'the same verdict in pieces');
    checkSame(meta.Size, concatBytes([...state]).length, 'the size of the state');
  },
};

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Kept small: each execution goes through the real decompression. */
const packed: Target = {
  name: 'snapshot-gzip',
  reads: 'archives of snapshots, whole, from operators',
  seeds: () => [file('store/src/testdata/snapshot-rich.snap')],
  inputBytesMax: 8192,
  taskBytesMax: 64 * 1024,
  runs: 4000,
  taskMsMax: NO_TASK_MS,
  async run(bytes) {
    const { archiveCodec } = await import('../../packages/agent/src/archive-codec.ts');
    await readArchive(once(bytes), archiveCodec);
  },
};

export const stateTargets: readonly Target[] = [fsm, snapshot, tar, packed];
