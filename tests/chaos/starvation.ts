import { readFileSync } from 'node:fs';

/**
 * For how long the event loop of a process was ready to run and had no processor, since the process began, in milliseconds; 0 where the
 * system does not tell. Source: proc(5), `/proc/PID/schedstat`.
 */
export function waitedMs(pid: number): number {
  try {
    const [, waitedNs = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    return 0;
  }
}

/** Time in which processes could do something: what the one that waited longest for a processor waited is left out. */
export class FairTime {
  readonly #waited: () => ReadonlyMap<number, number>;
  readonly #now: () => number;
  #before: ReadonlyMap<number, number>;
  #lastAt: number;
  #elapsedMs = 0;

  /** `pids`: whom the time is to be fair to; whoever starts meanwhile counts from its start. */
  constructor(pids: () => readonly number[], waited = waitedMs, now = () => performance.now()) {
    this.#waited = () => new Map(pids().map((pid) => [pid, waited(pid)]));
    this.#now = now;
    this.#before = this.#waited();
    this.#lastAt = now();
  }

  /** Milliseconds since the start. The more often it is asked, the less is left out of what several waited for one after the other. */
  elapsedMs(): number {
    const now = this.#now();
    const waited = this.#waited();
    const each = [...waited].map(([pid, ms]) => ms - (this.#before.get(pid) ?? 0));
    this.#elapsedMs += Math.max(0, now - this.#lastAt - Math.max(0, ...each));
    this.#lastAt = now;
    this.#before = waited;
    return this.#elapsedMs;
  }
}
