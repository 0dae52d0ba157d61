import { pause } from '../../e2e/harness.ts';
import type { Load } from '../load.ts';
import type { Machine } from '../machine.ts';
import { Worker } from './worker.ts';

/** Writes under way at one agent at most: one that does not answer keeps no others from being asked. */
const UNDER_WAY_MAX = 12;
const WRITE_WITHIN_MS = 12_000;
const STALE_WITHIN_MS = 2_000;

/** Writes a new key every few milliseconds, whether the one before was answered or not: when can anybody write? */
export class WriteProbe extends Worker {
  /** When each acknowledgement came. */
  readonly acknowledgedAt: number[] = [];
  /** Keys whose writes were acknowledged. */
  readonly keys: string[] = [];
  protected override readonly pauseMs = 25;
  readonly #underWay = new Map<Machine, number>();
  #written = 0;

  protected async turn(): Promise<void> {
    const at = this.somewhere();
    const underWay = this.#underWay.get(at) ?? 0;
    if (underWay >= UNDER_WAY_MAX) return;
    this.#underWay.set(at, underWay + 1);
    void this.#write(at).finally(() => this.#underWay.set(at, (this.#underWay.get(at) ?? 0) - 1));
  }

  async #write(at: Machine): Promise<void> {
    const key = `probe/${++this.#written}`;
    const { status, text, endedAt } = await at.client.put(`/v1/kv/${key}`, 'x', WRITE_WITHIN_MS);
    if (status !== 200 || text.trim() !== 'true') return;
    this.keys.push(key);
    this.acknowledgedAt.push(endedAt);
  }

  override async untilIdle(): Promise<void> {
    await super.untilIdle();
    while ([...this.#underWay.values()].some((n) => n > 0)) await pause(this.pauseMs);
  }

  /** The longest time between two acknowledgements that lies after `from`. */
  gapMs(from: number): number {
    const times = this.acknowledgedAt.filter((t) => t >= from).sort((a, b) => a - b);
    return Math.max(0, ...times.map((t, i) => t - (times[i - 1] ?? from)));
  }
}

/** Asks one server for a stale answer, over and over: is there always one? */
export class StaleProbe extends Worker {
  readonly at: Machine;
  /** The longest time for which a sound server gave no stale answer. */
  worstMs = 0;
  answered = 0;
  protected override readonly pauseMs = 100;
  #lastAt = Number.POSITIVE_INFINITY;

  constructor(load: Load, random: () => number, at: Machine) {
    super(load, random);
    this.at = at;
  }

  protected async turn(): Promise<void> {
    if (!this.at.isRunning) return;
    const before = this.at.soundSince;
    if (this.#lastAt === Number.POSITIVE_INFINITY) this.#lastAt = performance.now();
    const { status, endedAt } = await this.at.client.get('/v1/kv/probe/1?stale', STALE_WITHIN_MS);
    const since = this.at.soundSince;
    const isAnswer = status === 200 || status === 404;
    if (isAnswer) this.answered++;
    if (before !== undefined && since === before) {
      this.worstMs = Math.max(this.worstMs, endedAt - Math.max(this.#lastAt, before));
    } else if (before === undefined && isAnswer && this.at.isMended) this.at.soundSince = endedAt;
    if (isAnswer) this.#lastAt = endedAt;
  }
}
