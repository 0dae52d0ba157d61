import type { Rng } from '@proconsul/base';
import { applyForce, COORDINATE, distance, isValidCoordinate, newCoordinate, rawDistance } from './coordinate.ts';
import { SerfError } from './errors.ts';
import type { NetworkCoordinate } from './pool.ts';

/** Our own coordinate, moved a little by each measured round trip. Source: see {@link COORDINATE}. */
export class CoordinateClient {
  readonly #rng: Rng;
  readonly #origin = newCoordinate();
  readonly #adjustments = new Array<number>(COORDINATE.adjustmentWindow).fill(0);
  #adjustmentAt = 0;
  /** The last round trips in seconds by peer. Bounded by the members of the pool: see `forget`. */
  readonly #latencies = new Map<string, number[]>();
  #coordinate: NetworkCoordinate;
  #resets = 0;

  constructor(rng: Rng, start: NetworkCoordinate = newCoordinate()) {
    this.#rng = rng;
    this.#coordinate = start;
  }

  get coordinate(): NetworkCoordinate {
    return this.#coordinate;
  }

  /** Times that the numbers became useless and were begun anew. */
  get resets(): number {
    return this.#resets;
  }

  forget(peer: string): void {
    this.#latencies.delete(peer);
  }

  /**
   * Takes a round trip to `peer`, which said to be at `other`. Answers the new coordinate.
   * Throws SerfError COORDINATE for numbers that cannot be.
   */
  update(peer: string, other: NetworkCoordinate, rttSeconds: number): NetworkCoordinate {
    if (other.Vec.length !== COORDINATE.dimensions) throw new SerfError('COORDINATE', "dimensions aren't compatible");
    if (!isValidCoordinate(other)) throw new SerfError('COORDINATE', 'coordinate is invalid');
    if (!(rttSeconds >= 0 && rttSeconds <= COORDINATE.rttMaxSeconds)) {
      throw new SerfError('COORDINATE', `round trip time not in valid range: ${rttSeconds}s`);
    }
    const rtt = this.#median(peer, rttSeconds);
    this.#vivaldi(other, rtt);
    this.#adjust(other, rtt);
    this.#pull();
    if (!isValidCoordinate(this.#coordinate)) {
      this.#resets++;
      this.#coordinate = newCoordinate();
    }
    return this.#coordinate;
  }

  #median(peer: string, rtt: number): number {
    const samples = this.#latencies.get(peer) ?? [];
    samples.push(rtt);
    if (samples.length > COORDINATE.latencyFilterSize) samples.shift();
    this.#latencies.set(peer, samples);
    return [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)]!;
  }

  #vivaldi(other: NetworkCoordinate, rttSeconds: number): void {
    const c = this.#coordinate;
    const estimate = distance(c, other);
    const rtt = Math.max(rttSeconds, COORDINATE.zeroThreshold);
    const wrongness = Math.abs(estimate - rtt) / rtt;
    const weight = c.Error / Math.max(c.Error + other.Error, COORDINATE.zeroThreshold);
    const gain = COORDINATE.ce * weight;
    const error = Math.min(COORDINATE.errorMax, gain * wrongness + c.Error * (1 - gain));
    const force = COORDINATE.cc * weight * (rtt - estimate);
    this.#coordinate = applyForce({ ...c, Error: error }, force, other, this.#random);
  }

  #adjust(other: NetworkCoordinate, rtt: number): void {
    this.#adjustments[this.#adjustmentAt] = rtt - rawDistance(this.#coordinate, other);
    this.#adjustmentAt = (this.#adjustmentAt + 1) % COORDINATE.adjustmentWindow;
    let sum = 0;
    for (const sample of this.#adjustments) sum += sample;
    this.#coordinate = { ...this.#coordinate, Adjustment: sum / (2 * COORDINATE.adjustmentWindow) };
  }

  /** Keeps the whole pool from drifting away from the middle. */
  #pull(): void {
    const away = distance(this.#origin, this.#coordinate);
    const force = -1 * (away / COORDINATE.gravityRho) ** 2;
    this.#coordinate = applyForce(this.#coordinate, force, this.#origin, this.#random);
  }

  readonly #random = (): number => this.#rng.float();
}
