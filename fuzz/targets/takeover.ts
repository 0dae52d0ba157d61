import { concatBytes, utf8, viewOf } from '@proconsul/base';
import { crc32c, DamageError, type Entry } from '@proconsul/raft';
import { BoltFile, fnv1a64 } from '../../packages/raft/src/takeover/bolt.ts';
import { walEntries } from '../../packages/raft/src/takeover/wal.ts';
import { bigEndian, boltFile, walFile } from '../../packages/raft/src/testing/consul-files.ts';
import { check, refusesWith, START_MS_MAX, type Target } from '../target.ts';

const entry = (index: number): Entry => ({ index, term: 2, type: 0, data: utf8(`entry ${index}`) });

const pairs = (count: number) => Array.from({ length: count }, (_, i) => [bigEndian(i), utf8(`value ${i}`)] as const);

/** Puts the checksums of both meta pages right. */
function repairMetas(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  for (const at of [16, 4096 + 16]) {
    if (at + 64 <= out.length) viewOf(out).setBigUint64(at + 56, fnv1a64(out.subarray(at, at + 56)), true);
  }
  return out;
}

const bolt: Target = {
  name: 'consul-bolt',
  taskMsMax: START_MS_MAX,
  reads: 'raft.db and wal-meta.db that a server of Consul has left on the disk',
  seeds: () => [
    boltFile({ logs: pairs(3), conf: pairs(2) }, { inline: true }),
    boltFile({ logs: pairs(9) }, { perLeaf: 3 }),
  ],
  isRefusal: refusesWith(DamageError),
  repair: repairMetas,
  inputBytesMax: 40 * 1024,
  taskBytesMax: 64 * 1024,
  runs: 200_000,
  run(bytes) {
    let total = 0;
    for (const { key, value } of new BoltFile('f', bytes).bucket('logs')) total += key.length + value.length;
    // Each page is visited once, but elements may share bytes.
    check(total <= bytes.length * (bytes.length / 16), 'no more than its elements can name');
  },
};

const SEGMENT = { id: 4, baseIndex: 10, minIndex: 10, maxIndex: 0 };
const SEGMENT_HEADER_BYTES = 32;

/** Puts header and checksums right, as far as the lengths of frames make sense. */
function repairSegment(bytes: Uint8Array): Uint8Array {
  const out = concatBytes([walFile(4, 10, []), bytes.subarray(SEGMENT_HEADER_BYTES)]);
  let from = 0;
  for (let at = SEGMENT_HEADER_BYTES; at + 8 <= out.length; ) {
    const isCommit = out[at] === 3;
    if (isCommit) viewOf(out).setUint32(at + 4, crc32c(out, 0, from, at), true);
    const size = isCommit ? 0 : viewOf(out).getUint32(at + 4, true);
    at = Math.ceil((at + 8 + size) / 8) * 8;
    if (isCommit) from = at;
  }
  return out;
}

const wal: Target = {
  name: 'consul-wal',
  taskMsMax: START_MS_MAX,
  reads: 'segments of the write-ahead log that a server of Consul has left on the disk',
  seeds: () => [
    walFile(4, 10, [[entry(10)], [entry(11), { ...entry(12), extensions: Uint8Array.of(1, 2) }]], 400),
    walFile(4, 10, [[entry(10)]]),
  ],
  isRefusal: refusesWith(DamageError),
  repair: repairSegment,
  taskBytesMax: 64 * 1024,
  runs: 400_000,
  run(bytes) {
    let index = SEGMENT.baseIndex;
    for (const found of walEntries('f', bytes, SEGMENT))
      check(found.index === index++, 'entries in order, without a gap');
  },
};

export const takeoverTargets: readonly Target[] = [bolt, wal];
