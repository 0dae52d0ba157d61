import type { Millis, Rng } from '@proconsul/base';
import type { Configuration, ServerId } from '@proconsul/raft';
import { LogWriter } from './log-image.ts';

export interface SimSnapshot {
  readonly index: number;
  readonly term: number;
  /** Digest of the state. */
  readonly state: number;
  readonly configuration: Configuration;
  readonly configurationIndex: number;
}

/** How slow a disk is. */
export interface DiskWeather {
  readonly writeMinMs: Millis;
  readonly writeMaxMs: Millis;
  /** Share of writes that take up to {@link STALL_MS}. */
  readonly stalls: number;
}

export const STALL_MS = 1200;
export const FAST_DISK: DiskWeather = { writeMinMs: 0.1, writeMaxMs: 2, stalls: 0 };

/** What a server finds after a crash: vote, log and snapshots, as far as they were durable. */
export class SimDisk {
  vote: { readonly term: number; readonly votedFor: ServerId | undefined } | undefined;
  readonly log = new LogWriter();
  /** By age, the two newest. */
  snapshots: SimSnapshot[] = [];
  weather: DiskWeather = FAST_DISK;
  isFull = false;
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  get latest(): SimSnapshot | undefined {
    return this.snapshots[this.snapshots.length - 1];
  }

  store(snapshot: SimSnapshot): void {
    this.snapshots = [...this.snapshots.filter((s) => s.index !== snapshot.index), snapshot];
    this.snapshots.sort((a, b) => a.index - b.index);
    this.snapshots.splice(0, this.snapshots.length - 2);
  }

  latency(): Millis {
    const { writeMinMs, writeMaxMs, stalls } = this.weather;
    const isStall = this.#rng.float() < stalls;
    const share = this.#rng.float();
    return isStall ? share * STALL_MS : writeMinMs + share * (writeMaxMs - writeMinMs);
  }

  crash(): void {
    this.log.crash(this.#rng);
  }
}
