import { hex, seededRng, unhex } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePingPayload, distance, encodePingPayload, isValidCoordinate, newCoordinate } from './coordinate.ts';
import { CoordinateClient } from './coordinate-client.ts';
import { SerfError } from './errors.ts';
import type { NetworkCoordinate } from './pool.ts';
import file from './testdata/vivaldi.json' with { type: 'json' };

const { start, peer, steps, encoded_start_hex: encoded } = file.vectors;

function expectNear(a: NetworkCoordinate, b: NetworkCoordinate): void {
  const flat = (c: NetworkCoordinate) => [...c.Vec, c.Error, c.Adjustment, c.Height];
  for (const [i, x] of flat(a).entries()) expect(Math.abs(x - flat(b)[i]!)).toBeLessThan(1e-12);
}

test('seven recorded updates give the recorded coordinates', () => {
  const client = new CoordinateClient(seededRng(1), start);
  for (const step of steps) {
    expect(Math.round(distance(client.coordinate, peer) * 1e9)).toBe(step.distance_before_ns);
    expectNear(client.update('peer', peer, step.rtt_ns / 1e9), step.after);
  }
});

test('the payload of an acknowledgement is the recorded one behind its version', () => {
  expect(hex(encodePingPayload(start))).toBe(`01${encoded}`);
  expect(decodePingPayload(unhex(`01${encoded}`))).toEqual(start);
});

describe('updates that cannot be', () => {
  const client = new CoordinateClient(seededRng(1));
  const bad: [string, NetworkCoordinate, number][] = [
    ['other dimensions', { ...peer, Vec: [1, 2] }, 0.01],
    ['not a number', { ...peer, Height: Number.NaN }, 0.01],
    ['infinite', { ...peer, Vec: peer.Vec.map(() => Number.POSITIVE_INFINITY) }, 0.01],
    ['a negative round trip', peer, -0.001],
    ['a round trip of more than ten seconds', peer, 10.001],
    ['a round trip that is no number', peer, Number.NaN],
  ];
  test.for(bad)('%s', ([, coordinate, rtt]) => {
    expect(() => client.update('x', coordinate, rtt)).toThrow(SerfError);
    expect(client.coordinate).toEqual(newCoordinate());
  });
});

test('numbers that run away are begun anew', () => {
  const client = new CoordinateClient(seededRng(1), { ...newCoordinate(), Adjustment: 0, Height: 1e308 });
  client.update('x', { ...peer, Height: 1e308 }, 0.01);
  expect(client.coordinate).toEqual(newCoordinate());
  expect(client.resets).toBe(1);
});

test('two members at one place move apart in a random direction', () => {
  const client = new CoordinateClient(seededRng(3));
  const moved = client.update('x', newCoordinate(), 0.05);
  expect(moved.Vec.some((x) => x !== 0)).toBe(true);
});

test('distances between three members converge to the round trips', () => {
  const rng = seededRng(7);
  const rtt: Record<string, number> = { ab: 0.01, ac: 0.04, bc: 0.04 };
  const clients = { a: new CoordinateClient(rng), b: new CoordinateClient(rng), c: new CoordinateClient(rng) };
  const names = ['a', 'b', 'c'] as const;
  for (let i = 0; i < 1500; i++) {
    const one = names[rng.int(3)]!;
    const other = names[rng.int(3)]!;
    if (one === other) continue;
    clients[one].update(other, clients[other].coordinate, rtt[[one, other].sort().join('')]!);
  }
  const between = (x: keyof typeof clients, y: keyof typeof clients) =>
    distance(clients[x].coordinate, clients[y].coordinate);
  expect(between('a', 'b')).toBeCloseTo(0.01, 2);
  expect(between('a', 'c')).toBeCloseTo(0.04, 2);
  expect(between('b', 'c')).toBeCloseTo(0.04, 2);
});

test('whatever peers claim, the own coordinate stays valid', () => {
  const client = new CoordinateClient(seededRng(9));
  const number = fc.double();
  const claim = fc.record({
    Vec: fc.array(number, { minLength: 8, maxLength: 8 }),
    Error: number,
    Adjustment: number,
    Height: number,
  });
  fc.assert(
    fc.property(claim, fc.double({ min: -1, max: 11 }), (coordinate, rtt) => {
      try {
        client.update('x', coordinate, rtt);
      } catch (error) {
        expect(error).toBeInstanceOf(SerfError);
      }
      expect(isValidCoordinate(client.coordinate)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
