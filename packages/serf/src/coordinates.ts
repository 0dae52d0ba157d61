import { EMPTY_BYTES, errorText, type Labels, type Log, type Metrics, type Rng } from '@proconsul/base';
import { decodePingPayload, distance, encodePingPayload, PING_VERSION } from './coordinate.ts';
import { CoordinateClient } from './coordinate-client.ts';
import type { SerfOptions } from './options.ts';
import type { NetworkCoordinate } from './pool.ts';

export interface CoordinatesDependencies {
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  isMember(name: string): boolean;
}

/** Our coordinate, and what the acknowledgements of our pings told of the others'. */
export class Coordinates {
  readonly #d: CoordinatesDependencies;
  readonly #labels: Labels;
  readonly #isOn: boolean;
  readonly #client: CoordinateClient;
  /** By member. */
  readonly #others = new Map<string, NetworkCoordinate>();

  constructor(options: SerfOptions, dependencies: CoordinatesDependencies) {
    this.#isOn = options.coordinates;
    this.#labels = options.metricLabels;
    this.#d = dependencies;
    this.#client = new CoordinateClient(dependencies.rng);
  }

  get own(): NetworkCoordinate {
    return this.#client.coordinate;
  }

  get resets(): number {
    return this.#client.resets;
  }

  of(name: string): NetworkCoordinate | undefined {
    return this.#others.get(name);
  }

  forget(name: string): void {
    this.#others.delete(name);
    this.#client.forget(name);
  }

  /** What our acknowledgements of pings say. */
  ackPayload(): Uint8Array {
    return this.#isOn ? encodePingPayload(this.own) : EMPTY_BYTES;
  }

  /** A member has acknowledged a ping of ours. */
  pingDone(name: string, rttMs: number, payload: Uint8Array): void {
    if (!this.#isOn || payload.length === 0 || !this.#d.isMember(name)) return;
    if (payload[0] !== PING_VERSION) {
      this.#d.log.error(`serf: Unsupported ping version: ${payload[0]}`);
      return;
    }
    const before = this.own;
    try {
      const theirs = decodePingPayload(payload);
      const after = this.#client.update(name, theirs, rttMs / 1000);
      this.#d.metrics.sample('serf.coordinate.adjustment-ms', distance(before, after) * 1000, this.#labels);
      this.#others.set(name, theirs);
    } catch (error) {
      this.#d.metrics.count('serf.coordinate.rejected', 1, this.#labels);
      this.#d.log.trace(`serf: Rejected coordinate from ${name}: ${errorText(error)}`);
    }
  }
}
