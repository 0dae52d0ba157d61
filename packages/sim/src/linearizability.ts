import type { Millis } from '@proconsul/base';

/** One operation on a register, as a client saw it. */
export interface Operation {
  readonly kind: 'write' | 'read';
  /** Written, or returned. Values written are unique; undefined is the register before any write. */
  readonly value: string | undefined;
  readonly startedAt: Millis;
  /** Infinity when no answer came: then a write may take effect at any time, or never. */
  readonly endedAt: Millis;
}

/** Steps of the search after which the answer is "unknown". */
export const SEARCH_STEPS_MAX = 1_000_000;

export type Verdict = 'linearizable' | 'not-linearizable' | 'unknown';

/**
 * Whether a history of one register can be explained by operations that each take effect at one moment between start and end.
 * Source: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with the cache of Lowe, "Testing for
 * Linearizability" (2017). Check keys one by one: linearizability is local (Herlihy and Wing 1990).
 */
export function checkRegister(history: readonly Operation[]): Verdict {
  const seen = new Set<string | undefined>();
  for (const op of history) if (op.kind === 'read' && isAnswered(op)) seen.add(op.value);
  // A read without an answer says nothing; a write without one that nobody saw need not have happened.
  const ops = history.filter((op) => isAnswered(op) || (op.kind === 'write' && seen.has(op.value)));
  ops.sort((a, b) => a.startedAt - b.startedAt);
  return new Search(ops).run();
}

const isAnswered = (op: Operation): boolean => op.endedAt !== Number.POSITIVE_INFINITY;

class Search {
  readonly #ops: readonly Operation[];
  readonly #done: Uint8Array;
  /** States already tried: which operations are done, and the value. */
  readonly #seen = new Set<string>();
  #steps = 0;

  constructor(ops: readonly Operation[]) {
    this.#ops = ops;
    this.#done = new Uint8Array(ops.length);
  }

  run(): Verdict {
    const found = this.#explore(0, undefined);
    if (found) return 'linearizable';
    return this.#steps > SEARCH_STEPS_MAX ? 'unknown' : 'not-linearizable';
  }

  /** `from`: all operations before it are done. Depth is the number of operations that overlap, not of all of them. */
  #explore(from: number, value: string | undefined): boolean {
    const trail: { from: number; value: string | undefined; candidates: number[] }[] = [];
    let at = this.#skipDone(from);
    let current = value;
    let candidates = this.#candidates(at);
    for (;;) {
      if (this.#isComplete(at)) return true;
      if (++this.#steps > SEARCH_STEPS_MAX) return false;
      const next = candidates.pop();
      if (next === undefined) {
        const back = trail.pop();
        if (!back) return false;
        ({ from: at, value: current, candidates } = back);
        this.#done[this.#undone.pop()!] = 0;
        continue;
      }
      const op = this.#ops[next]!;
      if (op.kind === 'read' && op.value !== current) continue;
      const after = op.kind === 'write' ? op.value : current;
      this.#done[next] = 1;
      const position = this.#skipDone(at);
      if (!this.#remember(position, after)) {
        this.#done[next] = 0;
        continue;
      }
      trail.push({ from: at, value: current, candidates });
      this.#undone.push(next);
      at = position;
      current = after;
      candidates = this.#candidates(at);
    }
  }

  readonly #undone: number[] = [];

  #skipDone(from: number): number {
    let at = from;
    while (at < this.#ops.length && this.#done[at] === 1) at++;
    return at;
  }

  /** Only writes without an answer may be left over: they need not have happened. */
  #isComplete(from: number): boolean {
    for (let i = from; i < this.#ops.length; i++) {
      if (this.#done[i] === 0 && isAnswered(this.#ops[i]!)) return false;
    }
    return true;
  }

  /** What may take effect next: nothing that is not done ended before it began. */
  #candidates(from: number): number[] {
    const out: number[] = [];
    let firstEnd = Number.POSITIVE_INFINITY;
    for (let i = from; i < this.#ops.length; i++) {
      if (this.#done[i] === 1) continue;
      const op = this.#ops[i]!;
      if (op.startedAt > firstEnd) break;
      out.push(i);
      firstEnd = Math.min(firstEnd, op.endedAt);
    }
    // Popped from the end: those that must end first are tried first.
    return out.sort((a, b) => this.#ops[b]!.endedAt - this.#ops[a]!.endedAt);
  }

  #remember(from: number, value: string | undefined): boolean {
    let key = `${from}:${value ?? ''}:`;
    for (let i = from; i < this.#ops.length; i++) if (this.#done[i] === 1) key += `${i},`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}
