import { type Clock, errorText, type Log, type Millis, type Rng, type Timer } from '@proconsul/base';
import { type Caller, CoordinateMethods } from '@proconsul/endpoints';
import { Coordinate } from '@proconsul/schema';
import type { NetworkCoordinate } from '@proconsul/serf';

export interface CoordinateSenderDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly caller: Caller;
  readonly datacenter: string;
  readonly nodeName: string;
  /** Updates a second that all agents of the pool together may send. */
  readonly rateTarget: number;
  readonly intervalMinMs: Millis;
  clusterSize(): number;
  hasServers(): boolean;
  coordinate(): NetworkCoordinate;
  token(): string;
}

/** Tells the servers where this node is in the space of round-trip times. Source: network coordinates documentation. */
export class CoordinateSender {
  readonly #d: CoordinateSenderDependencies;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(dependencies: CoordinateSenderDependencies) {
    this.#d = dependencies;
  }

  start(): void {
    this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    if (this.#stopped) return;
    const { clock, rng, rateTarget, intervalMinMs, clusterSize } = this.#d;
    const interval = Math.max(intervalMinMs, (clusterSize() / rateTarget) * 1000);
    this.#timer = clock.after(interval + rng.float() * interval, () => void this.send().finally(() => this.#plan()));
  }

  /** Failures are logged: the next round comes anyway. */
  async send(): Promise<void> {
    const { caller, log, datacenter, nodeName } = this.#d;
    if (!this.#d.hasServers()) {
      log.debug('Skipping coordinate updates until servers are upgraded');
      return;
    }
    const c = this.#d.coordinate();
    const Coord = { Vec: [...c.Vec], Error: c.Error, Adjustment: c.Adjustment, Height: c.Height };
    try {
      const row = Coordinate.make({ Node: nodeName, Coord });
      await caller.write(CoordinateMethods.Update, { ...row, Datacenter: datacenter, Token: this.#d.token() });
    } catch (error) {
      if (!this.#stopped) log.error('Coordinate update error', { error: errorText(error) });
    }
  }
}
