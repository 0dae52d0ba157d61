import { type Disk, DiskError } from '@proconsul/base';
import { TermRuns } from '../core/term-runs.ts';
import type { Entry } from '../entry.ts';
import { DamageError } from '../errors.ts';
import {
  type ControlRecord,
  decodeSegmentHeader,
  encodeBatch,
  lengthWithoutZeros,
  RecordKind,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  scanSegment,
} from './segment.ts';

/** One file of the log. */
export interface Segment {
  readonly sequence: number;
  readonly path: string;
  readonly seed: number;
  /** Lowest and highest index of an entry in the file; Infinity and 0 when there is none. */
  minIndex: number;
  maxIndex: number;
}

/** What a snapshot stands for: everything up to and with `index`. */
export interface SnapshotPoint {
  readonly index: number;
  readonly term: number;
}

export interface RecoveredLog {
  readonly runs: TermRuns;
  /** Entries after the snapshot, in order. */
  readonly entries: Entry[];
  readonly segments: Segment[];
  /** Bytes of an unfinished write that were cut off the end; 0 when there were none. */
  readonly tornBytes: number;
}

const SUFFIX = '.log';
export const segmentPath = (directory: string, sequence: number): string =>
  `${directory}/${String(sequence).padStart(20, '0')}${SUFFIX}`;

/**
 * Reads and verifies every segment in `directory`. Cuts a torn write off the end of the last one, and writes that file anew, so
 * that nothing is trusted which only the page cache holds (a failed fsync leaves such bytes behind). Throws DamageError for
 * everything else that does not verify, DiskError when the disk fails.
 */
export async function recoverLog(disk: Disk, directory: string, snapshot: SnapshotPoint): Promise<RecoveredLog> {
  const replay = new Replay(snapshot);
  const sequences = await listSequences(disk, directory);
  const unused = await takeUnused(disk, directory, sequences);
  let tornBytes = 0;
  let next = readAhead(disk, directory, sequences[0]);
  for (let i = 0; i < sequences.length; i++) {
    const sequence = sequences[i]!;
    const path = segmentPath(directory, sequence);
    if (i > 0 && sequence !== sequences[i - 1]! + 1) {
      throw new DamageError(segmentPath(directory, sequences[i - 1]! + 1), 0, 'the file is missing');
    }
    const bytes = await next!;
    // The disk reads ahead while this segment is verified.
    next = readAhead(disk, directory, sequences[i + 1]);
    const header = decodeSegmentHeader(bytes);
    if (!header) throw new DamageError(path, 0, 'the header does not verify');
    if (header.sequence !== sequence) throw new DamageError(path, 8, 'the header belongs to another file');
    tornBytes += await readSegment(disk, { sequence, path, bytes, header, isLast: i === sequences.length - 1 }, replay);
  }
  if (replay.sealed) replay.begin(followerOf(replay.segments[replay.segments.length - 1]!, unused, directory));
  else if (unused) await disk.remove(unused.path);
  return { runs: replay.runs, entries: replay.entries, segments: replay.segments, tornBytes };
}

function readAhead(disk: Disk, directory: string, sequence: number | undefined): Promise<Uint8Array> | undefined {
  if (sequence === undefined) return undefined;
  const bytes = disk.read(segmentPath(directory, sequence));
  bytes.catch(() => undefined);
  return bytes;
}

interface UnusedSegment {
  readonly path: string;
  readonly sequence: number;
  readonly header: SegmentHeader | undefined;
}

/** Takes the last segment off the list when it holds no record: it was being created when the process ended, or just had been. */
async function takeUnused(disk: Disk, directory: string, sequences: number[]): Promise<UnusedSegment | undefined> {
  const sequence = sequences[sequences.length - 1];
  if (sequence === undefined) return undefined;
  const path = segmentPath(directory, sequence);
  const bytes = await disk.read(path);
  if (lengthWithoutZeros(bytes, SEGMENT_HEADER_BYTES) > SEGMENT_HEADER_BYTES) return undefined;
  sequences.pop();
  if (bytes.length > SEGMENT_HEADER_BYTES) await disk.writeAtomic(path, bytes.subarray(0, SEGMENT_HEADER_BYTES));
  return { path, sequence, header: decodeSegmentHeader(bytes) };
}

/** The segment that a sealed one proves to exist, when it holds no record yet. */
function followerOf(sealed: Segment, unused: UnusedSegment | undefined, directory: string): Segment {
  const sequence = sealed.sequence + 1;
  const path = segmentPath(directory, sequence);
  if (unused?.sequence !== sequence) throw new DamageError(path, 0, 'the file is missing');
  if (unused.header?.sequence !== sequence) throw new DamageError(path, 0, 'the header does not verify');
  return { sequence, path, seed: unused.header.seed, minIndex: Number.POSITIVE_INFINITY, maxIndex: 0 };
}

async function listSequences(disk: Disk, directory: string): Promise<number[]> {
  const names = await disk.list(directory);
  const sequences = names.filter((n) => n.endsWith(SUFFIX)).map((n) => Number(n.slice(0, -SUFFIX.length)));
  return sequences.filter((n) => Number.isSafeInteger(n)).sort((a, b) => a - b);
}

interface SegmentFile {
  readonly sequence: number;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly header: SegmentHeader;
  readonly isLast: boolean;
}

/** Returns how many bytes were cut off. */
async function readSegment(disk: Disk, file: SegmentFile, replay: Replay): Promise<number> {
  const { path, bytes, header, isLast } = file;
  replay.begin({ sequence: file.sequence, path, seed: header.seed, minIndex: Number.POSITIVE_INFINITY, maxIndex: 0 });
  const result = scanSegment(bytes, header.seed, replay);
  if (result.outcome === 'damaged' || (result.outcome === 'torn' && (!isLast || replay.sealed))) {
    throw new DamageError(path, result.end, result.why);
  }
  // Sealed or not: the seal too may be in the page cache only.
  if (isLast && bytes.length > SEGMENT_HEADER_BYTES) {
    const mark: ControlRecord = { kind: RecordKind.mark, index: replay.runs.lastIndex, term: 0 };
    const end = replay.sealed ? [] : encodeBatch([mark], header.seed);
    await disk.writeAtomic(path, [bytes.subarray(0, result.end), ...end]);
  }
  return lengthWithoutZeros(bytes, result.end) - result.end;
}

/** Rebuilds what the records of all segments, in order, amount to. */
class Replay {
  runs = new TermRuns();
  readonly entries: Entry[] = [];
  readonly segments: Segment[] = [];
  /** The segment read last ended with a seal. */
  sealed = false;
  readonly #snapshot: SnapshotPoint;
  #empty = true;

  constructor(snapshot: SnapshotPoint) {
    this.#snapshot = snapshot;
  }

  begin(segment: Segment): void {
    this.segments.push(segment);
    this.sealed = false;
  }

  entry(entry: Entry, offset: number): void {
    const { index, term } = entry;
    const segment = this.segments[this.segments.length - 1]!;
    if (this.sealed) throw new DamageError(segment.path, offset, 'a record after the end mark');
    segment.minIndex = Math.min(segment.minIndex, index);
    segment.maxIndex = Math.max(segment.maxIndex, index);
    if (this.#empty && !this.#startAt(index, term)) return;
    const { runs } = this;
    if (index !== runs.lastIndex + 1 || term < runs.lastTerm || term < 1) {
      throw new DamageError(segment.path, offset, `entry ${index} of term ${term} follows entry ${runs.lastIndex}`);
    }
    runs.append(index, term);
    if (index > this.#snapshot.index) this.entries.push(entry);
  }

  control(record: ControlRecord, offset: number): void {
    const { path } = this.segments[this.segments.length - 1]!;
    if (this.sealed) throw new DamageError(path, offset, 'a record after the end mark');
    switch (record.kind) {
      case RecordKind.seal:
        this.sealed = true;
        return;
      case RecordKind.truncate:
        if (this.#empty) return;
        if (record.index <= this.runs.baseIndex) this.#forget();
        else this.runs.truncateFrom(record.index);
        this.#dropEntriesFrom(record.index);
        return;
      case RecordKind.reset:
        this.#empty = false;
        this.runs.reset(record.index, record.term);
        this.entries.length = 0;
        return;
      case RecordKind.mark:
        return;
    }
  }

  /**
   * The first entry of a log whose beginning was compacted away. The term of the entry before it is known only from the
   * snapshot; without it this first entry itself becomes the one before the log. Returns whether to go on and append it.
   */
  #startAt(index: number, term: number): boolean {
    this.#empty = false;
    const { index: covered, term: coveredTerm } = this.#snapshot;
    // An entry older than the snapshot is void: the record that says so follows, and was to outlive its file.
    if (index === covered + 1 && term >= coveredTerm) this.runs.reset(covered, coveredTerm);
    else if (index > 1) {
      this.runs.reset(index, term);
      return false;
    }
    return true;
  }

  /** Everything known was void: the next entry starts the log. */
  #forget(): void {
    this.#empty = true;
    this.runs = new TermRuns();
  }

  #dropEntriesFrom(index: number): void {
    while (this.entries.length > 0 && this.entries[this.entries.length - 1]!.index >= index) this.entries.pop();
  }
}

/** Entries of one segment file by index; where an index stands twice the later record counts. */
export async function loadSegment(disk: Disk, segment: Segment): Promise<Map<number, Entry>> {
  const bytes = await disk.read(segment.path);
  const header = decodeSegmentHeader(bytes);
  if (header?.seed !== segment.seed) throw new DamageError(segment.path, 0, 'the header does not verify');
  const entries = new Map<number, Entry>();
  const result = scanSegment(bytes, segment.seed, {
    entry: (entry) => entries.set(entry.index, entry),
    control: () => undefined,
  });
  if (result.outcome === 'damaged') throw new DamageError(segment.path, result.end, result.why);
  return entries;
}

export const isNoSpace = (error: unknown): boolean =>
  error instanceof DiskError && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
