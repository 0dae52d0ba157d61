import {
  type AppendFile,
  type Clock,
  type Disk,
  EMPTY_BYTES,
  errorText,
  type Labels,
  type Log,
  type Metrics,
  readIfThere,
  utf8,
} from '@proconsul/base';
import {
  newSnapshotState,
  replaySnapshot,
  type SnapshotClock,
  type SnapshotState,
  snapshotText,
} from './snapshot-state.ts';

/** The file is written anew when it is larger than this, and than {@link COMPACT_NODE_BYTES} for each member. */
export const COMPACT_BYTES = 128 * 1024;
export const COMPACT_NODE_BYTES = 2 * 128;

/** Lines that wait while the file is written anew; beyond it, it is written once more instead. */
export const WAITING_LINES_MAX = 4096;

export interface SnapshotOptions {
  readonly path: string;
  readonly rejoinAfterLeave: boolean;
  readonly metricLabels: Labels;
}

export interface SnapshotDependencies {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * A file of who was alive, so that a member that starts again finds its pool. What happens is appended at once and is
 * not synced: a crash of the machine may cost the last lines, not the file.
 */
export class Snapshot {
  readonly #options: SnapshotOptions;
  readonly #d: SnapshotDependencies;
  #state: SnapshotState = newSnapshotState();
  #file: AppendFile | undefined;
  /** Lines of the time in which the file is being written anew; undefined outside of it. */
  #waiting: string[] | undefined;
  #compacting: Promise<void> = Promise.resolve();
  #hasLeft = false;
  /** Raised when writing anew has failed, so that a full disk is not asked again at every line. */
  #compactAbove = COMPACT_BYTES;

  constructor(options: SnapshotOptions, dependencies: SnapshotDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** Reads the file and opens it for more. Answers what it said, as a copy. Rejects with DiskError. */
  async open(): Promise<SnapshotState> {
    const { path, rejoinAfterLeave } = this.#options;
    const bytes = (await readIfThere(this.#d.disk, this.#options.path)) ?? EMPTY_BYTES;
    this.#state = replaySnapshot(bytes, rejoinAfterLeave);
    this.#file = await this.#d.disk.openAppend(path, 0o644);
    if (bytes.length > 0 && bytes[bytes.length - 1] !== NEWLINE) this.#file.append([utf8('\n')]);
    return { alive: new Map(this.#state.alive), clocks: { ...this.#state.clocks } };
  }

  /** After a leave, nothing that happens in the pool matters. */
  alive(name: string, address: string): void {
    if (this.#hasLeft || /[\n\r]/.test(name)) return;
    this.#state.alive.set(name, address);
    this.#line(`alive: ${name} ${address}`);
  }

  notAlive(name: string): void {
    if (this.#hasLeft || /[\n\r]/.test(name)) return;
    this.#state.alive.delete(name);
    this.#line(`not-alive: ${name}`);
  }

  /** Writes the last logical time that was seen, when it is a new one. */
  seen(clock: SnapshotClock, time: number): void {
    if (time <= this.#state.clocks[clock]) return;
    this.#state.clocks[clock] = time;
    this.#line(`${clock}: ${time}`);
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (!this.#options.rejoinAfterLeave) this.#state = newSnapshotState();
    this.#line('leave');
  }

  /** Makes everything durable. */
  async close(): Promise<void> {
    await this.#compacting;
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.sync();
    } catch (error) {
      this.#failed(error);
    } finally {
      await file?.close();
    }
  }

  #line(text: string): void {
    if (this.#waiting !== undefined) {
      if (this.#waiting.length <= WAITING_LINES_MAX) this.#waiting.push(text);
      return;
    }
    if (this.#file === undefined) return;
    const { clock, metrics } = this.#d;
    const started = clock.now();
    try {
      this.#file.append([utf8(`${text}\n`)]);
    } catch (error) {
      this.#failed(error);
    }
    metrics.sample('serf.snapshot.appendLine', clock.now() - started, this.#options.metricLabels);
    const limit = Math.max(this.#compactAbove, COMPACT_NODE_BYTES * this.#state.alive.size);
    if (this.#file.sizeBytes > limit) this.#startCompaction();
  }

  #startCompaction(): void {
    this.#waiting = [];
    const size = this.#file?.sizeBytes ?? 0;
    this.#compacting = this.#compact().then(
      () => {
        this.#compactAbove = COMPACT_BYTES;
      },
      (error: unknown) => {
        this.#compactAbove = size + COMPACT_BYTES;
        this.#failed(error);
      },
    );
  }

  async #compact(): Promise<void> {
    const { clock, disk, metrics } = this.#d;
    const started = clock.now();
    const { path } = this.#options;
    try {
      await this.#file?.close();
      this.#file = undefined;
      // Twice when more lines came than could wait: they are in the state.
      do {
        this.#waiting = [];
        await disk.writeAtomic(path, utf8(snapshotText(this.#state)), 0o644);
      } while (this.#waiting.length > WAITING_LINES_MAX);
    } finally {
      this.#file = await disk.openAppend(path, 0o644);
      const lines = this.#waiting ?? [];
      this.#waiting = undefined;
      if (lines.length > 0) this.#file.append([utf8(lines.map((line) => `${line}\n`).join(''))]);
    }
    metrics.sample('serf.snapshot.compact', clock.now() - started, this.#options.metricLabels);
  }

  #failed(error: unknown): void {
    this.#d.log.error(`serf: Failed to update snapshot: ${errorText(error)}`);
  }
}

const NEWLINE = 0x0a;
