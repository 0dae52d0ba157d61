import { type Clock, errorText, type Log, type Timer } from '@proconsul/base';
import { type Caller, type CaRoots, ConnectCA } from '@proconsul/endpoints';

/** Pause after a question that was not answered. */
const RETRY_MS = 2_000;
const WAIT_MS = 300_000;

export interface RootsWatchDependencies {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly log: Log;
  readonly datacenter: string;
  token(): string;
  /** May throw: then it is told again later. */
  changed(roots: CaRoots): void;
}

/** Tells the roots of the mesh, and again whenever they change. */
export class RootsWatch {
  readonly #d: RootsWatchDependencies;
  #cancel: () => void = () => {};
  #timer: Timer | undefined;
  #stopped = false;

  constructor(dependencies: RootsWatchDependencies) {
    this.#d = dependencies;
  }

  start(): void {
    this.#ask(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#cancel();
  }

  #ask(minIndex: number): void {
    const { caller, clock, log, datacenter: Datacenter, token, changed } = this.#d;
    const again = (index: number, pauseMs: number) => {
      if (!this.#stopped) this.#timer = clock.after(pauseMs, () => this.#ask(index));
    };
    const options = { consistency: 'stale', minIndex, waitMs: WAIT_MS } as const;
    this.#cancel = caller.read(ConnectCA.Roots, { Datacenter, Token: token() }, options, (error, view) => {
      if (this.#stopped) return;
      if (error !== null || view === null) return again(0, RETRY_MS);
      try {
        if (view.index !== minIndex) changed(view.value);
      } catch (fault) {
        log.error('roots of the mesh cannot be used', { error: errorText(fault) });
        return again(0, RETRY_MS);
      }
      // A state that was replaced may have gone back.
      again(view.index < minIndex ? 0 : view.index, 0);
    });
  }
}
