import { type AppendFile, type Clock, type Disk, DiskError, type Rng, type Timer } from '@proconsul/base';
import type { TermRuns } from '../core/term-runs.ts';
import type { Entry } from '../entry.ts';
import { DamageError } from '../errors.ts';
import { EntryCache, entryBytes } from './entry-cache.ts';
import { FlushPace } from './flush-pace.ts';
import { isNoSpace, recoverLog, type SnapshotPoint } from './log-open.ts';
import { LogSegments } from './log-segments.ts';
import { type ControlRecord, encodeBatch, RecordKind } from './segment.ts';

export interface LogOptions {
  /** Where the segments live, on the disk given. */
  readonly directory: string;
  /** A segment that has grown to this size is closed and the next one begun. */
  readonly segmentBytes: number;
  /** Idle time after which the log notes that what was written last is durable. */
  readonly markDelayMs: number;
  /** Everything up to here is in a snapshot. */
  readonly snapshot: SnapshotPoint;
}

export const LOG_DEFAULTS = { segmentBytes: 4 * 1024 * 1024, markDelayMs: 50 } as const;

/** What the log tells its owner. Never called from inside a call to the log. */
export interface LogEvents {
  /** Entries up to `index` are on the disk for good. */
  durable(index: number): void;
  /** The disk is full. Entries after `lastIndex` were dropped; the log goes on there and works again once space returns. */
  rejected(lastIndex: number, error: DiskError): void;
  /** The disk failed. Nothing that was not reported durable may be trusted; the log takes no more until it is reopened. */
  failed(error: Error): void;
}

export interface LogDependencies {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly rng: Rng;
}

/**
 * The log on disk, with the entries that are still needed in memory. What is appended while a sync is under way is written and
 * synced together as the next batch (group commit). Index arithmetic is immediate; durability is reported by `durable`.
 */
export class DurableLog {
  readonly #options: LogOptions;
  readonly #deps: LogDependencies;
  readonly #events: LogEvents;
  readonly #runs: TermRuns;
  readonly #segments: LogSegments;
  readonly #cache: EntryCache;
  #pending: (Entry | ControlRecord)[] = [];
  #busy = false;
  #failed: Error | undefined;
  #closed = false;
  #durableIndex: number;
  /** Last index that the batch under way makes durable, lowered by truncations meanwhile. */
  #inFlightLast = 0;
  #inFlightRecords: readonly (Entry | ControlRecord)[] = [];
  #markTimer: Timer | undefined;
  #lastWriteAt = 0;
  readonly #pace = new FlushPace();
  #idle: (() => void)[] = [];
  /** Bytes cut off the end when the log was opened. */
  readonly tornBytes: number;

  private constructor(
    options: LogOptions,
    deps: LogDependencies,
    events: LogEvents,
    recovered: Awaited<ReturnType<typeof recoverLog>>,
  ) {
    this.#options = options;
    this.#deps = deps;
    this.#events = events;
    this.#runs = recovered.runs;
    this.#segments = new LogSegments(options, deps, recovered.segments);
    this.#cache = new EntryCache(recovered.entries);
    this.#durableIndex = recovered.runs.lastIndex;
    this.tornBytes = recovered.tornBytes;
  }

  /** Opens and verifies. Throws DamageError naming the file, or DiskError. */
  static async open(options: LogOptions, deps: LogDependencies, events: LogEvents): Promise<DurableLog> {
    const { disk } = deps;
    const { directory, snapshot } = options;
    await disk.mkdir(directory);
    const log = new DurableLog(options, deps, events, await recoverLog(disk, directory, snapshot));
    await log.#segments.open();
    log.#alignWith(snapshot);
    return log;
  }

  get firstIndex(): number {
    return this.#runs.firstIndex;
  }
  get lastIndex(): number {
    return this.#runs.lastIndex;
  }
  get lastTerm(): number {
    return this.#runs.lastTerm;
  }
  get durableIndex(): number {
    return this.#durableIndex;
  }
  /** A copy of index and term arithmetic, for the core. */
  runs(): TermRuns {
    return this.#runs.clone();
  }

  /** An entry that memory still holds. */
  cached(index: number): Entry | undefined {
    return this.#cache.get(index);
  }

  /** Queues entries; the first index must follow the last one. Ignored after a failure. */
  append(entries: readonly Entry[]): void {
    if (this.#failed || this.#closed) return;
    for (const entry of entries) {
      this.#runs.append(entry.index, entry.term);
      this.#cache.push(entry);
      this.#pending.push(entry);
    }
    this.#write();
  }

  /** Drops entries from `index` on. Durable with the next batch. */
  truncateFrom(index: number): void {
    if (this.#failed || this.#closed || index > this.#runs.lastIndex) return;
    this.#runs.truncateFrom(index);
    this.#cache.dropFrom(index);
    this.#durableIndex = Math.min(this.#durableIndex, index - 1);
    this.#inFlightLast = Math.min(this.#inFlightLast, index - 1);
    this.#pending.push({ kind: RecordKind.truncate, index, term: 0 });
    this.#write();
  }

  /** Empties the log; it goes on after `point`, which a durable snapshot covers. */
  reset(point: SnapshotPoint): void {
    if (this.#failed || this.#closed) return;
    this.#runs.reset(point.index, point.term);
    this.#cache.clear();
    this.#durableIndex = point.index;
    this.#inFlightLast = 0;
    this.#pending.push({ kind: RecordKind.reset, index: point.index, term: point.term });
    this.#write();
  }

  /** Forgets entries up to `index`, which a durable snapshot covers, and removes files that hold nothing else. */
  compactTo(index: number): void {
    if (this.#failed || this.#closed || index <= this.#runs.baseIndex) return;
    this.#runs.compactTo(index);
    this.trimCache(index, 0);
    this.#segments.removeTo(index);
  }

  /** Lets memory forget entries up to `index` beyond a budget in bytes. They stay readable through {@link read}. */
  trimCache(index: number, budgetBytes: number): void {
    this.#cache.trim(index, budgetBytes);
  }

  /**
   * Entries `from` to `to` (as many as fit into `maxBytes`, at least one), from memory or from the segments. Undefined when they
   * are no longer in the log. Throws DamageError, DiskError.
   */
  async read(from: number, to: number, maxBytes: number): Promise<Entry[] | undefined> {
    const out: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= to && bytes < maxBytes; index++) {
      const entry = this.cached(index) ?? (await this.#readFromDisk(index));
      if (entry === undefined) return undefined;
      out.push(entry);
      bytes += entryBytes(entry);
    }
    return out;
  }

  /** As {@link read} when memory holds all of it: no waiting. */
  readCached(from: number, to: number, maxBytes: number): Entry[] | undefined {
    const out: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= to && bytes < maxBytes; index++) {
      const entry = this.cached(index);
      if (entry === undefined) return undefined;
      out.push(entry);
      bytes += entryBytes(entry);
    }
    return out;
  }

  /** Resolves when nothing is being written, after a failure too. */
  async settled(): Promise<void> {
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#segments.removal;
  }

  /** Finishes what is under way and notes that it is durable. Entries still queued are written first. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.settled();
    this.#closed = true;
    this.#markTimer?.cancel();
    const { file, markedBytes } = this.#segments;
    if (!this.#failed && markedBytes !== file.sizeBytes) {
      try {
        file.append(encodeBatch([this.#mark()], this.#segments.active.seed));
        await file.sync();
      } catch {
        // The mark only helps to tell damage from a torn write; the next start does without.
      }
    }
    await file.close();
  }

  #mark(): ControlRecord {
    return { kind: RecordKind.mark, index: this.#durableIndex, term: 0 };
  }

  /** A snapshot that goes beyond the log, or disagrees with it, replaces it. */
  #alignWith(snapshot: SnapshotPoint): void {
    const { baseIndex } = this.#runs;
    if (baseIndex > snapshot.index) {
      throw new DamageError(
        this.#segments.firstPath,
        0,
        `the log begins after entry ${baseIndex} but the newest snapshot ends at ${snapshot.index}`,
      );
    }
    if (this.#runs.term(snapshot.index) !== snapshot.term) this.reset(snapshot);
  }

  #write(): void {
    if (this.#busy || this.#failed || this.#closed || this.#pending.length === 0) return;
    this.#busy = true;
    if (this.#segments.isFull) {
      const durableIndex = (): number => this.#durableIndex;
      this.#segments.rotate(durableIndex).then(
        () => this.#writeBatch(),
        (error) => this.#onWriteError(error),
      );
      return;
    }
    this.#writeBatch();
  }

  #writeBatch(): void {
    const batch = this.#pending;
    this.#pending = [];
    const { file } = this.#segments;
    const sizeBefore = file.sizeBytes;
    this.#inFlightLast = this.#runs.lastIndex;
    this.#inFlightRecords = batch;
    try {
      file.append(encodeBatch(batch, this.#segments.active.seed));
    } catch (error) {
      this.#undoAppend(file, sizeBefore, error);
      return;
    }
    if (file.syncNow && this.#pace.mayWait(batch.length, file.sizeBytes - sizeBefore, this.#deps.clock.now())) {
      // After what the caller is about to do: a leader sends the entries to the others before it waits for its own disk.
      Promise.resolve().then(() => this.#flushNow(file));
      return;
    }
    file.sync().then(
      () => this.#onSynced(),
      (error) => this.#fail(error),
    );
  }

  #flushNow(file: AppendFile): void {
    const { clock } = this.#deps;
    const startedAt = clock.now();
    try {
      file.syncNow!();
    } catch (error) {
      return this.#fail(error);
    }
    const now = clock.now();
    this.#pace.waited(now - startedAt, now);
    this.#onSynced();
  }

  #onSynced(): void {
    this.#segments.noteIndexes(this.#inFlightRecords);
    this.#busy = false;
    this.#lastWriteAt = this.#deps.clock.now();
    const grew = this.#inFlightLast > this.#durableIndex;
    if (grew) this.#durableIndex = this.#inFlightLast;
    this.#inFlightRecords = [];
    // The next batch goes to the disk before anybody is told of this one: they gathered while it was synced.
    this.#write();
    if (grew) this.#events.durable(this.#durableIndex);
    this.#settle();
  }

  #settle(): void {
    if (this.#busy) return;
    this.#armMark();
    if (this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** The append threw: an unknown part is in the file and is cut off again. */
  #undoAppend(file: AppendFile, sizeBefore: number, error: unknown): void {
    if (!isNoSpace(error)) return this.#fail(error);
    file.truncate(sizeBefore).then(
      () => this.#onWriteError(error),
      (worse) => this.#fail(worse),
    );
  }

  /** Nothing of the batch under way is in the file. A full disk rejects everything not yet durable; the rest is fatal. */
  #onWriteError(error: unknown): void {
    if (!isNoSpace(error)) return this.#fail(error);
    const lost = [...this.#inFlightRecords, ...this.#pending];
    const keep = this.#durableIndex;
    this.#inFlightRecords = [];
    this.#inFlightLast = 0;
    this.#runs.truncateFrom(keep + 1);
    this.#cache.dropFrom(keep + 1);
    // What voided older entries must still be said before anything else is written.
    this.#pending = lost.some((r) => 'kind' in r && r.kind === RecordKind.reset)
      ? [{ kind: RecordKind.reset, index: this.#runs.baseIndex, term: this.#runs.baseTerm }]
      : lost.some((r) => 'kind' in r && r.kind === RecordKind.truncate)
        ? [{ kind: RecordKind.truncate, index: keep + 1, term: 0 }]
        : [];
    this.#busy = false;
    this.#events.rejected(keep, error as DiskError);
    this.#settle();
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = error instanceof Error ? error : new DiskError('EIO', this.#segments.active.path, String(error));
    this.#pending = [];
    this.#busy = false;
    const failure = this.#failed;
    // An append that throws at once fails inside the caller's call; the report comes after it.
    Promise.resolve().then(() => this.#events.failed(failure));
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #readFromDisk(index: number): Promise<Entry | undefined> | undefined {
    const term = this.#runs.term(index);
    if (term === undefined || index <= this.#runs.baseIndex) return undefined;
    // It may be truncated or compacted while the segment is read.
    return this.#segments.find(index, term, () => this.#runs.term(index) === term && index <= this.#durableIndex);
  }

  #armMark(): void {
    if (this.#markTimer || this.#failed || this.#closed) return;
    const { file, markedBytes } = this.#segments;
    if (markedBytes === file.sizeBytes) return;
    this.#markTimer = this.#deps.clock.after(this.#options.markDelayMs, () => this.#onMarkTimer());
  }

  #onMarkTimer(): void {
    this.#markTimer = undefined;
    if (this.#busy || this.#failed || this.#closed) return;
    if (this.#deps.clock.now() - this.#lastWriteAt < this.#options.markDelayMs) return this.#armMark();
    this.#busy = true;
    const { file } = this.#segments;
    const sizeBefore = file.sizeBytes;
    try {
      file.append(encodeBatch([this.#mark()], this.#segments.active.seed));
    } catch (error) {
      if (!isNoSpace(error)) return this.#fail(error);
      file.truncate(sizeBefore).then(
        () => this.#afterMark(file),
        (worse) => this.#fail(worse),
      );
      return;
    }
    file.sync().then(
      () => this.#afterMark(file),
      (error) => this.#fail(error),
    );
  }

  #afterMark(file: AppendFile): void {
    this.#segments.markedBytes = file.sizeBytes;
    this.#busy = false;
    this.#write();
    this.#settle();
  }
}
