import type { Rng } from '@proconsul/base';
import { NoAnswer } from '../http.ts';
import type { Machine } from '../machine.ts';
import type { Oracle } from '../oracle.ts';
import { pick, type Scene } from '../scene.ts';

/** Share of requests that go to the leader itself, beside those that chance brings there. */
const LEADER_SHARE = 0.15;

/** What all programs that use the cluster share. */
export interface Job {
  readonly scene: Scene;
  readonly oracle: Oracle;
  /** The time of changes is over. */
  isOver(): boolean;
}

/** A program that uses the cluster over and over until the time of changes is over. */
export abstract class Worker {
  protected readonly job: Job;
  protected readonly rng: Rng;
  isIdle = true;

  constructor(job: Job, name: string) {
    this.job = job;
    this.rng = job.scene.rng(name);
  }

  protected get scene(): Scene {
    return this.job.scene;
  }

  /** Whatever goes wrong that is no part of the game ends the run. */
  start(): void {
    this.isIdle = false;
    this.#work().catch((error: Error) => this.scene.fail(error));
  }

  async #work(): Promise<void> {
    while (!this.job.isOver()) {
      await this.scene.sleep(this.rng.float() * 2 * this.pauseMs);
      try {
        await this.turn();
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
      }
    }
    this.isIdle = true;
  }

  /** Mean time between two turns. */
  protected readonly pauseMs: number = 200;

  protected abstract turn(): Promise<void>;

  /** Agents that are up more often than others: there is nothing to learn from a refused connection. */
  protected somewhere(among: readonly Machine[] = this.scene.machines): Machine {
    const { leader } = this.scene;
    if (leader !== undefined && among.includes(leader) && this.rng.float() < LEADER_SHARE) return leader;
    const first = pick(this.rng, among);
    return first.isRunning ? first : pick(this.rng, among);
  }
}
