import { Reader, Writer } from '@proconsul/msgpack';
import { readFields } from './fields.ts';
import type { NetworkCoordinate } from './pool.ts';

/**
 * Numbers of the network coordinates that all members must share. Source: Dabek et al., Vivaldi (2004); Ledlie et al.,
 * Network Coordinates in the Wild (2007), for the latency filter and gravity; Lee et al., On Suitability of Euclidean
 * Embedding (2006), for the adjustment; values: gossip wire notes, section 4.
 */
export const COORDINATE = {
  dimensions: 8,
  errorMax: 1.5,
  ce: 0.25,
  cc: 0.25,
  adjustmentWindow: 20,
  heightMin: 10e-6,
  latencyFilterSize: 3,
  gravityRho: 150,
  /** Below this, seconds are taken as nothing. */
  zeroThreshold: 1e-6,
  rttMaxSeconds: 10,
} as const;

const NANOS = 1e9;

/** In the middle of the space, and sure of nothing. */
export function newCoordinate(): NetworkCoordinate {
  return {
    Vec: new Array<number>(COORDINATE.dimensions).fill(0),
    Error: COORDINATE.errorMax,
    Adjustment: 0,
    Height: COORDINATE.heightMin,
  };
}

export function isValidCoordinate(c: NetworkCoordinate): boolean {
  return c.Vec.every(Number.isFinite) && [c.Error, c.Adjustment, c.Height].every(Number.isFinite);
}

/** Seconds between two points without their adjustments. */
export function rawDistance(a: NetworkCoordinate, b: NetworkCoordinate): number {
  return magnitude(difference(a.Vec, b.Vec)) + a.Height + b.Height;
}

/** Estimated round-trip time in seconds, whole nanoseconds. Both have the same number of dimensions. */
export function distance(a: NetworkCoordinate, b: NetworkCoordinate): number {
  const raw = rawDistance(a, b);
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return Math.trunc((adjusted > 0 ? adjusted : raw) * NANOS) / NANOS;
}

/** Pushes `c` away from `other` by `force` seconds. `random` gives numbers in [0, 1) when there is no direction yet. */
export function applyForce(
  c: NetworkCoordinate,
  force: number,
  other: NetworkCoordinate,
  random: () => number,
): NetworkCoordinate {
  const { unit, length } = direction(c.Vec, other.Vec, random);
  const Height =
    length > COORDINATE.zeroThreshold
      ? Math.max(COORDINATE.heightMin, ((c.Height + other.Height) * force) / length + c.Height)
      : c.Height;
  return { ...c, Vec: c.Vec.map((x, i) => x + unit[i]! * force), Height };
}

/** The unit vector from `to` to `from` and their distance; a random one, and 0, when they are at one place. */
function direction(
  from: readonly number[],
  to: readonly number[],
  random: () => number,
): { unit: number[]; length: number } {
  const vector = difference(from, to);
  const length = magnitude(vector);
  if (length > COORDINATE.zeroThreshold) return { unit: vector.map((x) => x / length), length };
  const chance = vector.map(() => random() - 0.5);
  const size = magnitude(chance);
  if (size > COORDINATE.zeroThreshold) return { unit: chance.map((x) => x / size), length: 0 };
  return { unit: vector.map((_, i) => (i === 0 ? 1 : 0)), length: 0 };
}

function difference(a: readonly number[], b: readonly number[]): number[] {
  return a.map((x, i) => x - b[i]!);
}

function magnitude(vector: readonly number[]): number {
  let sum = 0;
  for (const x of vector) sum += x * x;
  return Math.sqrt(sum);
}

/** First byte of what travels with acknowledgements of pings. */
export const PING_VERSION = 1;

/** `01`, then the struct. Vector: testdata/vivaldi.json. */
export function encodePingPayload(c: NetworkCoordinate): Uint8Array {
  const w = new Writer('gossip');
  w.byte(PING_VERSION);
  w.mapHeader(4);
  w.key('Adjustment');
  w.float64(c.Adjustment);
  w.key('Error');
  w.float64(c.Error);
  w.key('Height');
  w.float64(c.Height);
  w.key('Vec');
  w.arrayHeader(c.Vec.length);
  for (const x of c.Vec) w.float64(x);
  return w.finish();
}

/** A payload whose first byte is {@link PING_VERSION}. Throws ProtocolError. The result may be invalid. */
export function decodePingPayload(payload: Uint8Array): NetworkCoordinate {
  const r = new Reader(payload, 1);
  const c = { Vec: [] as number[], Error: 0, Adjustment: 0, Height: 0 };
  readFields(r, {
    Adjustment: () => (c.Adjustment = r.float()),
    Error: () => (c.Error = r.float()),
    Height: () => (c.Height = r.float()),
    Vec: () => {
      c.Vec = [];
      for (let count = r.arrayHeader(); count > 0; count--) c.Vec.push(r.float());
    },
  });
  return c;
}
