import { pause } from '../../e2e/harness.ts';
import type { Load } from '../load.ts';
import type { Machine } from '../machine.ts';
import { waitedMs } from '../starvation.ts';
import { Worker } from './worker.ts';

/** Writes under way at one agent at most: one that does not answer keeps no others from being asked. */
const UNDER_WAY_MAX = 12;
const WRITE_WITHIN_MS = 12_000;
const STALE_WITHIN_MS = 2_000;

/** Writes a new key every few milliseconds, whether the one before was answered or not: when can anybody write? */
export class WriteProbe extends Worker {
  /** Keys whose writes were acknowledged: when they were asked for, and when the answer came. */
  readonly acknowledged = new Map<string, { readonly startedAt: number; readonly endedAt: number }>();
  protected override readonly pauseMs = 50;
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
    const { status, text, startedAt, endedAt } = await at.client.put(`/v1/kv/${key}`, 'x', WRITE_WITHIN_MS);
    if (status !== 200 || text.trim() !== 'true') return;
    this.acknowledged.set(key, { startedAt, endedAt });
  }

  override async untilIdle(): Promise<void> {
    await super.untilIdle();
    while ([...this.#underWay.values()].some((n) => n > 0)) await pause(this.pauseMs);
  }

  /** The longest time between two acknowledgements that lies after `from`. */
  gapMs(from: number): number {
    const times = [...this.acknowledged.values()].map((w) => w.endedAt).filter((t) => t >= from);
    times.sort((a, b) => a - b);
    return times.reduce((most, t, i) => Math.max(most, t - (times[i - 1] ?? from)), 0);
  }

  /** The time from then to the first acknowledgement of a write that began later. */
  firstAfterMs(from: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { startedAt, endedAt } of this.acknowledged.values())
      if (startedAt >= from) first = Math.min(first, endedAt);
    return first - from;
  }
}

/** Asks one server for a stale answer, over and over: is there always one? */
export class StaleProbe extends Worker {
  readonly at: Machine;
  /** The longest time for which a sound server gave no stale answer, without what it, or who asks, waited for a processor. */
  worstMs = 0;
  answered = 0;
  protected override readonly pauseMs = 200;
  #lastAt = Number.POSITIVE_INFINITY;
  #lastWaitedMs = 0;

  constructor(load: Load, random: () => number, at: Machine) {
    super(load, random);
    this.at = at;
  }

  begin(): void {
    this.worstMs = 0;
    this.#lastAt = Number.POSITIVE_INFINITY;
  }

  protected async turn(): Promise<void> {
    if (!this.at.isRunning) return;
    const before = this.at.soundSince;
    if (this.#lastAt === Number.POSITIVE_INFINITY) this.#note(performance.now());
    const { status, endedAt } = await this.at.client.get('/v1/kv/probe/1?stale', STALE_WITHIN_MS);
    const since = this.at.soundSince;
    const isAnswer = status === 200 || status === 404;
    if (isAnswer) this.answered++;
    if (before !== undefined && since === before) {
      const starvedMs = this.#waitedMs() - this.#lastWaitedMs;
      this.worstMs = Math.max(this.worstMs, endedAt - Math.max(this.#lastAt, before) - starvedMs);
    } else if (before === undefined && isAnswer && this.at.isMended) this.at.soundSince = endedAt;
    if (isAnswer) this.#note(endedAt);
  }

  #note(at: number): void {
    this.#lastAt = at;
    this.#lastWaitedMs = this.#waitedMs();
  }

  #waitedMs(): number {
    return waitedMs(this.at.agent.pid) + waitedMs(process.pid);
  }
}
