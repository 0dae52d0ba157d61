import { pause } from '../e2e/harness.ts';
import type { Machine } from './machine.ts';
import type { Worker } from './work/worker.ts';

/** The programs that use the cluster. */
export class Load {
  readonly machines: () => readonly Machine[];
  #workers: readonly Worker[] = [];
  #isPaused = false;
  #isOver = false;

  constructor(machines: () => readonly Machine[]) {
    this.machines = machines;
  }

  start(workers: readonly Worker[]): void {
    this.#workers = workers;
    for (const worker of workers) worker.start();
  }

  /** Resolves when none has a request under way. */
  async hold(): Promise<void> {
    this.#isPaused = true;
    await Promise.all(this.#workers.map((w) => w.untilIdle()));
  }

  resume(): void {
    this.#isPaused = false;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#isPaused = false;
    await Promise.all(this.#workers.map((w) => w.ended));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  readonly pause = pause;
}
