import type { Millis } from '@proconsul/base';
import type { Scene } from './scene.ts';

/** An instance of a service with its checks, as stores have it and as HTTP shows it. */
export interface SeenInstance {
  readonly Node: { readonly Node: string } | null;
  readonly Service: { readonly ID: string; readonly Port: number } | null;
  readonly Checks: readonly { readonly Status: string }[] | null;
}

/** Ways of telling the instances of a service. */
export interface Telling {
  /** All of them, with their health. */
  readonly all: string;
  /** Those in which nothing but `passing` is found. */
  readonly passing: string;
  /** Nodes and ports of those that are not critical. */
  readonly usable: string;
}

/** One text for each way; equal texts mean equal instances, in whatever order they come. */
export function tell(instances: readonly SeenInstance[]): Telling {
  const all: string[] = [];
  const passing: string[] = [];
  const usable = new Set<string>();
  for (const { Node, Service, Checks } of instances) {
    const statuses = (Checks ?? []).map((c) => c.Status);
    const name = `${Node?.Node}/${Service?.ID}:${Service?.Port}`;
    all.push(`${name} ${[...statuses].sort()}`);
    if (statuses.every((s) => s === 'passing')) passing.push(name);
    if (!statuses.includes('critical')) usable.add(`${Node?.Node}:${Service?.Port}`);
  }
  return { all: all.sort().join(' '), passing: passing.sort().join(' '), usable: [...usable].sort().join(' ') };
}

interface State extends Telling {
  readonly index: number;
}

/** What the instances of one service were, index by index, and how long each state was the newest of a leader. */
export class InstanceLog {
  readonly #scene: Scene;
  /** In the order of their indexes; neighbours differ. */
  readonly #states: State[] = [];
  readonly #known = new Set<number>();
  /** Indexes that a leader was the first to have applied, and when; both grow. */
  readonly #led: { readonly index: number; readonly at: Millis }[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** A server has applied everything up to `index`. */
  applied(index: number, instances: () => readonly SeenInstance[]): void {
    if (this.#known.has(index)) return;
    this.#known.add(index);
    const at = this.#states.findLastIndex((s) => s.index < index) + 1;
    const state = { index, ...tell(instances()) };
    if (this.#states[at - 1]?.all === state.all) return;
    if (this.#states[at]?.all === state.all) this.#states.splice(at, 1, state);
    else this.#states.splice(at, 0, state);
  }

  /** The leader of this moment has applied everything up to `index`. */
  led(index: number): void {
    if (index > (this.#led.at(-1)?.index ?? 0)) this.#led.push({ index, at: this.#scene.now });
  }

  /** Whether `text` told the truth at some moment since `since`, for all that a leader knew. */
  wasTrue(way: keyof Telling, text: string, since: Millis): boolean {
    for (let i = this.#states.length - 1; i >= 0; i--) {
      if (this.#endOf(i) < since) return false;
      if (this.#states[i]?.[way] === text) return true;
    }
    // Before anything was applied.
    return text === '';
  }

  #endOf(i: number): Millis {
    const next = this.#states[i + 1]?.index;
    if (next === undefined) return Number.POSITIVE_INFINITY;
    return this.#led.find((l) => l.index >= next)?.at ?? Number.POSITIVE_INFINITY;
  }
}
