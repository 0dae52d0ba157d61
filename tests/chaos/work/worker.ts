import { pause } from '../../e2e/harness.ts';
import type { Load } from '../load.ts';
import type { Machine } from '../machine.ts';

const IDLE_POLL_MS = 10;

/** A program that uses the cluster over and over. */
export abstract class Worker {
  protected readonly load: Load;
  protected readonly random: () => number;
  /** Mean time between two turns. */
  protected readonly pauseMs: number = 60;
  #isIdle = true;
  #ended: Promise<void> = Promise.resolve();

  constructor(load: Load, random: () => number) {
    this.load = load;
    this.random = random;
  }

  protected abstract turn(): Promise<void>;

  start(): void {
    this.#ended = this.#work();
    // Whoever waits for the end learns of it.
    this.#ended.catch(() => {});
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  async untilIdle(): Promise<void> {
    while (!this.#isIdle) await pause(IDLE_POLL_MS);
  }

  async #work(): Promise<void> {
    while (!this.load.isOver) {
      await pause(this.random() * 2 * this.pauseMs);
      if (this.load.isPaused) continue;
      this.#isIdle = false;
      try {
        await this.turn();
      } finally {
        this.#isIdle = true;
      }
    }
  }

  protected pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)] as T;
  }

  /** Rather one that runs: there is little to learn from a refused connection. */
  protected somewhere(): Machine {
    const machines = this.load.machines();
    const running = machines.filter((m) => m.isRunning);
    return this.pick(running.length > 0 && this.random() < 0.9 ? running : machines);
  }
}
