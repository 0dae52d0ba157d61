/** A promise of Raft was broken, or the cluster did not come back. The message carries seed and trace. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';
}

/** Lines of the trace that a failure shows. */
export const TRACE_LINES = 80;

/** The last events of a run, for people. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #sink: ((line: string) => void) | undefined;

  /** With a sink, every line goes there too, and details are kept. */
  constructor(sink?: (line: string) => void) {
    this.#sink = sink;
  }

  get detailed(): boolean {
    return this.#sink !== undefined;
  }

  note(at: number, who: string, text: string): void {
    const line = `${at.toFixed(1).padStart(10)} ${who.padEnd(4)} ${text}`;
    this.#sink?.(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * TRACE_LINES) this.#lines.splice(0, TRACE_LINES);
  }

  text(): string {
    return this.#lines.slice(-TRACE_LINES).join('\n');
  }
}
