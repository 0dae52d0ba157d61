import { type AppendFile, type Disk, invariant, type Rng } from '@proconsul/base';
import type { Entry } from '../entry.ts';
import { isNoSpace, loadSegment, type Segment, segmentPath } from './log-open.ts';
import { type ControlRecord, encodeBatch, encodeSegmentHeader, RecordKind } from './segment.ts';

/** Part of a segment that is reserved beyond its size, for the batch that takes it over. */
const RESERVE_BEYOND = 1 / 16;

/** How many parsed segments are kept for peers that lag. */
const LOADED_SEGMENTS_MAX = 2;

export interface SegmentOptions {
  /** Where the segments live, on the disk given. */
  readonly directory: string;
  /** A segment that has grown to this size is closed and the next one begun. */
  readonly segmentBytes: number;
}

export interface SegmentDependencies {
  readonly disk: Disk;
  readonly rng: Rng;
}

/** The files of the log. All can be read; only the last one, the active one, is written. */
export class LogSegments {
  readonly #options: SegmentOptions;
  readonly #deps: SegmentDependencies;
  readonly #segments: Segment[];
  #file: AppendFile | undefined;
  #removal: Promise<void> = Promise.resolve();
  readonly #loaded = new Map<number, Map<number, Entry>>();
  /** Size of the active file when its header, or a mark, was written last: what follows is marked by nothing yet. */
  markedBytes = 0;

  /** `segments` as they were recovered, in order. */
  constructor(options: SegmentOptions, deps: SegmentDependencies, segments: Segment[]) {
    this.#options = options;
    this.#deps = deps;
    this.#segments = segments;
  }

  /** Opens the last file, or makes the first. */
  async open(): Promise<void> {
    const last = this.#segments[this.#segments.length - 1];
    if (!last) {
      this.#file = await this.#create(1);
      return;
    }
    this.#file = await this.#deps.disk.openAppend(last.path);
    this.markedBytes = this.#file.sizeBytes;
    this.#reserve(this.#file);
  }

  get active(): Segment {
    return this.#segments[this.#segments.length - 1]!;
  }

  /** The active one. */
  get file(): AppendFile {
    return this.#file!;
  }

  get isFull(): boolean {
    return this.#file!.sizeBytes >= this.#options.segmentBytes;
  }

  get firstPath(): string {
    return this.#segments[0]?.path ?? this.#options.directory;
  }

  /** Resolves when no file is being removed. */
  get removal(): Promise<void> {
    return this.#removal;
  }

  /** Begins the next segment, then seals this one: a sealed segment without a follower means that a file was lost. */
  async rotate(durableIndex: () => number): Promise<void> {
    const old = this.#file!;
    const oldSegment = this.active;
    this.#file = await this.#create(oldSegment.sequence + 1);
    const sizeBefore = old.sizeBytes;
    try {
      old.append(encodeBatch([{ kind: RecordKind.seal, index: durableIndex(), term: 0 }], oldSegment.seed));
    } catch (error) {
      // Without its seal the segment is as good, it only proves less.
      if (!isNoSpace(error)) throw error;
      await old.truncate(sizeBefore);
    }
    await old.sync();
    await old.close();
    this.#loaded.delete(oldSegment.sequence);
  }

  /** Records that are now in the active file. */
  noteIndexes(records: readonly (Entry | ControlRecord)[]): void {
    const segment = this.active;
    for (const record of records) {
      if (!('data' in record)) continue;
      if (record.index < segment.minIndex) segment.minIndex = record.index;
      if (record.index > segment.maxIndex) segment.maxIndex = record.index;
    }
  }

  /** Removes files that hold no entry after `index`, but for the active one. */
  removeTo(index: number): void {
    const { disk } = this.#deps;
    while (this.#segments.length > 1 && this.#segments[0]!.maxIndex <= index) {
      const { path, sequence } = this.#segments.shift()!;
      this.#loaded.delete(sequence);
      // One after the other, each durable before the next: a gap in the sequence would read as a lost file.
      this.#removal = this.#removal
        .then(() => disk.remove(path))
        .then(() => disk.syncDir(this.#options.directory))
        .catch(() => undefined);
    }
  }

  /**
   * The entry of this index and term; undefined when it is in no file, which must not be as long as `isWanted`. Throws DamageError,
   * DiskError.
   */
  async find(index: number, term: number, isWanted: () => boolean): Promise<Entry | undefined> {
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      const segment = this.#segments[i]!;
      if (index < segment.minIndex || index > segment.maxIndex) continue;
      let entries = this.#loaded.get(segment.sequence);
      if (!entries?.has(index)) {
        entries = await loadSegment(this.#deps.disk, segment);
        if (this.#loaded.size >= LOADED_SEGMENTS_MAX) this.#loaded.delete(this.#loaded.keys().next().value!);
        this.#loaded.set(segment.sequence, entries);
      }
      const entry = entries.get(index);
      if (entry?.term === term) return entry;
    }
    invariant(!isWanted(), `entry ${index} is in no segment`);
    return undefined;
  }

  async #create(sequence: number): Promise<AppendFile> {
    const { disk, rng } = this.#deps;
    const path = segmentPath(this.#options.directory, sequence);
    const { bytes, seed } = encodeSegmentHeader(sequence, rng.bytes(16));
    const file = await disk.openAppend(path);
    try {
      if (file.sizeBytes > 0) await file.truncate(0);
      file.append([bytes]);
      await file.sync();
      await disk.syncDir(this.#options.directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      await disk.remove(path).catch(() => undefined);
      throw error;
    }
    this.#segments.push({ sequence, path, seed, minIndex: Number.POSITIVE_INFINITY, maxIndex: 0 });
    this.markedBytes = file.sizeBytes;
    this.#reserve(file);
    return file;
  }

  /** Only once the header is durable: zeros after a sound header are an empty file, zeros in its place would be damage. */
  #reserve(file: AppendFile): void {
    file.reserve(Math.floor(this.#options.segmentBytes * (1 + RESERVE_BEYOND)));
  }
}
