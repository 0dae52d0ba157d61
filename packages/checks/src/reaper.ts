import type { Clock, Millis, Timer } from '@proconsul/base';

/** How often services are looked at for having been critical too long. */
export const REAP_INTERVAL_MS: Millis = 30_000;

/** A service that must go, and the check that decided it. */
export interface Reaped {
  readonly serviceId: string;
  readonly checkId: string;
  readonly criticalForMs: Millis;
  readonly timeoutMs: Millis;
}

interface Watched {
  readonly serviceId: string;
  readonly timeoutMs: Millis;
  criticalSince: Millis | undefined;
}

/** Remembers since when each check is critical, and names the services whose time is up. */
export class CriticalServiceReaper {
  readonly #clock: Clock;
  readonly #onReap: (reaped: Reaped) => void;
  readonly #watched = new Map<string, Watched>();
  #timer: Timer | undefined;

  constructor(clock: Clock, onReap: (reaped: Reaped) => void) {
    this.#clock = clock;
    this.#onReap = onReap;
  }

  /** Starts looking every 30 s, until `stop`. */
  start(): void {
    this.#timer ??= this.#clock.after(REAP_INTERVAL_MS, () => {
      this.#timer = undefined;
      this.start();
      this.reap();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Watches a check of a service. A check that is already watched keeps the moment since when it is critical. */
  watch(checkId: string, serviceId: string, timeoutMs: Millis, status: string): void {
    const criticalSince = this.#watched.get(checkId)?.criticalSince;
    this.#watched.set(checkId, { serviceId, timeoutMs, criticalSince });
    this.note(checkId, status);
  }

  forget(checkId: string): void {
    this.#watched.delete(checkId);
  }

  /** Notes the status of a check, changed or not; checks that are not watched are ignored. */
  note(checkId: string, status: string): void {
    const watched = this.#watched.get(checkId);
    if (watched === undefined) return;
    if (status !== 'critical') watched.criticalSince = undefined;
    else watched.criticalSince ??= this.#clock.now();
  }

  /** Since when a watched check is critical, on the monotonic clock. */
  criticalSince(checkId: string): Millis | undefined {
    return this.#watched.get(checkId)?.criticalSince;
  }

  /** Reports each service at most once; its checks are forgotten. */
  reap(): void {
    const now = this.#clock.now();
    const gone = new Map<string, Reaped>();
    for (const [checkId, { serviceId, timeoutMs, criticalSince }] of this.#watched) {
      if (criticalSince === undefined || gone.has(serviceId)) continue;
      const criticalForMs = now - criticalSince;
      if (criticalForMs > timeoutMs) gone.set(serviceId, { serviceId, checkId, criticalForMs, timeoutMs });
    }
    if (gone.size === 0) return;
    for (const [checkId, { serviceId }] of this.#watched) if (gone.has(serviceId)) this.#watched.delete(checkId);
    for (const reaped of gone.values()) this.#onReap(reaped);
  }
}
