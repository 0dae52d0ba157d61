import type { RaftCore } from '../core/core.ts';
import type { RaftEffect, RaftInput } from '../core/inputs.ts';
import type { Storage } from '../disk/storage.ts';
import type { Callers } from './callers.ts';
import type { Effects } from './effects.ts';
import type { NodeStatus } from './node-status.ts';
import { WAITING_INPUTS_MAX } from './options.ts';
import type { VoteWriter } from './vote-writer.ts';

export interface DriverDependencies {
  readonly core: RaftCore;
  readonly storage: Storage;
  readonly status: NodeStatus;
  readonly votes: VoteWriter;
  readonly effects: Effects;
  readonly callers: Callers;
  /** No input is being worked on any more. */
  onRest(): void;
  onFailed(error: Error): void;
}

/** Gives the core one input after the other and carries out its effects in their order. Only the vote is waited for. */
export class Driver {
  readonly #d: DriverDependencies;
  readonly #inputs: RaftInput[] = [];
  #isBusy = false;
  readonly #idleWaiters: (() => void)[] = [];

  constructor(dependencies: DriverDependencies) {
    this.#d = dependencies;
  }

  /** An input is being worked on, or its effects wait for the disk. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  input(input: RaftInput): void {
    const { status, callers } = this.#d;
    if (status.isOver) return;
    // A peer that asks too much while we write our vote is not answered; it asks again.
    if (this.#inputs.length >= WAITING_INPUTS_MAX && input.kind === 'request') return callers.forget(input.token);
    this.#inputs.push(input);
    if (!this.#isBusy) this.#work();
  }

  /** Resolves when no input is being worked on, or the disk is full. */
  idle(): Promise<void> {
    if (!this.#isBusy || this.#d.status.isDiskFull) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Whoever waits in {@link idle} waits no longer. */
  release(): void {
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** Inputs that wait are void. */
  clear(): void {
    this.#inputs.length = 0;
  }

  /** Works on inputs until there is none or the disk has to be waited for. */
  #work(): void {
    const { core, onRest, onFailed } = this.#d;
    this.#isBusy = true;
    try {
      while (this.#inputs.length > 0) {
        const effects: RaftEffect[] = [];
        core.step(this.#upToDate(this.#inputs.shift()!), effects);
        if (!this.#carryOut(effects, 0)) return;
      }
    } catch (error) {
      return onFailed(error as Error);
    }
    this.#isBusy = false;
    this.release();
    onRest();
  }

  /** While an input waited for a vote to be written, what it says of the log may have become old. */
  #upToDate(input: RaftInput): RaftInput {
    const { log } = this.#d.storage;
    if (input.kind === 'durable') return { ...input, index: log.durableIndex };
    if (input.kind === 'log-rejected') return { ...input, lastIndex: log.lastIndex };
    return input;
  }

  /** Carries out effects in order. False when the rest must wait for the vote to be durable, and goes on by itself. */
  #carryOut(list: readonly RaftEffect[], from: number): boolean {
    const { status, votes, effects } = this.#d;
    for (let i = from; i < list.length && !status.failure; i++) {
      const effect = list[i]!;
      if (effect.kind === 'persist-vote') {
        votes.write(effect, () => this.#goOn(list, i + 1));
        return false;
      }
      effects.carryOut(effect);
    }
    return true;
  }

  #goOn(list: readonly RaftEffect[], from: number): void {
    try {
      if (this.#carryOut(list, from)) this.#work();
    } catch (error) {
      this.#d.onFailed(error as Error);
    }
  }
}
