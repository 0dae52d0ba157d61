import type { Millis, Rng } from '@proconsul/base';
import type { Operation } from '../linearizability.ts';
import { SimulationFailure } from '../raft/failure.ts';
import { findAnomaly } from '../register-zones.ts';

const KEYS = ['a', 'b', 'c'];

export const anyKey = (rng: Rng): string => KEYS[rng.int(KEYS.length)]!;

/** What clients asked for and were told, for each register. */
export class History {
  readonly #operations = new Map<string, Operation[]>();

  /** A write that may take effect from now on. The function that is returned tells that it has. */
  write(key: string, value: string, startedAt: Millis): (endedAt: Millis) => void {
    const op = { kind: 'write' as const, value, startedAt, endedAt: Number.POSITIVE_INFINITY };
    const ops = this.#of(key);
    const at = ops.push(op) - 1;
    return (endedAt) => {
      ops[at] = { ...op, endedAt };
    };
  }

  read(key: string, value: string | undefined, startedAt: Millis, endedAt: Millis): void {
    this.#of(key).push({ kind: 'read', value, startedAt, endedAt });
  }

  /** Throws SimulationFailure when no order of the operations explains what was read. */
  check(): void {
    for (const [key, ops] of this.#operations) {
      const anomaly = findAnomaly(ops);
      if (!anomaly) continue;
      throw new SimulationFailure(`the history of ${key} is not linearizable: ${anomaly.why} (${anomaly.values})`);
    }
  }

  #of(key: string): Operation[] {
    let ops = this.#operations.get(key);
    if (!ops) {
      ops = [];
      this.#operations.set(key, ops);
    }
    return ops;
  }
}
