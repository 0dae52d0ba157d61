import { type Rng, seededRng } from '@proconsul/base';
import type { RaftOptions } from '@proconsul/raft';
import { SimulationFailure } from '../raft/failure.ts';
import { CalmWorld } from './calm-world.ts';
import type { NodeServer } from './node-server.ts';
import type { SimFiles } from './sim-files.ts';

export interface DamageResult {
  readonly flips: number;
  /** The server did not start, and named the file. */
  readonly named: number;
  /** The bit stood where nothing is that is needed (an older snapshot, reserved space): everything is there. */
  readonly harmless: number;
  /** Power cuts in the middle of writes: everything acknowledged is there. */
  readonly torn: number;
}

/** Faults tried on the same files. */
const FAULTS_PER_IMAGE = 50;
const SETTLED_WITHIN_MS = 10_000;

interface Image {
  readonly seed: number;
  readonly options: Partial<RaftOptions>;
  readonly files: SimFiles;
  /** Index of each command that a client was told of, by its id. */
  readonly acknowledged: ReadonlySet<number>;
}

/**
 * Damages the files of one server in `count` ways, half of them one flipped bit, half of them a write that a power cut tore, and
 * starts it each time. Throws SimulationFailure when it serves without something that it acknowledged, when it names another file
 * than the damaged one, or when a torn write keeps it from starting.
 */
export async function runDamage(count: number, firstSeed = 1): Promise<DamageResult> {
  const result = { flips: 0, named: 0, harmless: 0, torn: 0 };
  for (let seed = firstSeed, done = 0; done < count; seed++) {
    const image = await makeImage(seed);
    for (let i = 0; i < FAULTS_PER_IMAGE && done < count; i++, done++) {
      const rng = seededRng(`damage ${seed} ${i}`);
      if (i % 2 === 1) {
        await tear(image, rng);
        result.torn++;
        continue;
      }
      result.flips++;
      if (await flip(image, rng)) result.named++;
      else result.harmless++;
    }
  }
  return result;
}

const oneOf = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;

/** Some writes, snapshots and segments, ended by kill -9 at any moment. */
async function makeImage(seed: number): Promise<Image> {
  const rng = seededRng(`image ${seed}`);
  const options = {
    segmentBytes: oneOf(rng, [300, 1000, 100_000]),
    snapshotThreshold: oneOf(rng, [10, 40, 1000]),
    snapshotIntervalMs: 100,
    trailingLogs: oneOf(rng, [0, 10]),
  };
  const world = new CalmWorld(rng, 1, options);
  const server = world.servers[0]!;
  server.start();
  const acknowledged = new Set<number>();
  await world.runUntil(1000, () => world.leader() !== undefined);
  for (let i = 20 + rng.int(60); i > 0; i--) {
    for (let n = 1 + rng.int(4); n > 0; n--) world.write(oneOf(rng, ['a', 'b', 'c']), (id) => acknowledged.add(id));
    await world.run(rng.float() * 5);
  }
  server.kill();
  return { seed, options, files: server.files, acknowledged };
}

/** A server on a copy of the files, harmed by `harm`, once it serves or has refused to. */
async function restarted(image: Image, rng: Rng, harm: (files: SimFiles) => void): Promise<NodeServer> {
  const world = new CalmWorld(rng, 1, image.options, (events) => image.files.copy(events, rng));
  const server = world.servers[0]!;
  harm(server.files);
  server.start();
  const isSettled = (): boolean => server.damage !== undefined || world.leader() === server;
  if (!(await world.runUntil(SETTLED_WITHIN_MS, isSettled, 5))) fail(image, 'the server neither serves nor refuses');
  return server;
}

const fail = ({ seed }: Image, message: string): never => {
  throw new SimulationFailure(`seed ${seed}: ${message}`);
};

/** Whether the damage was named. */
async function flip(image: Image, rng: Rng): Promise<boolean> {
  let path: string | undefined;
  const server = await restarted(image, rng, (files) => {
    path = files.flipBit(rng.float() < 0.7 ? 'bytes' : 'files');
  });
  if (!server.damage) checkWhole(image, server, `a bit of ${path} is flipped`);
  else if (server.damage.path !== path) fail(image, `${path} is damaged, but it says: ${server.damage.message}`);
  return server.damage !== undefined;
}

async function tear(image: Image, rng: Rng): Promise<void> {
  const server = await restarted(image, rng, (files) => files.cutPower());
  if (server.damage) fail(image, `a torn write is taken for damage: ${server.damage.message}`);
  checkWhole(image, server, 'a write is torn');
}

function checkWhole(image: Image, server: NodeServer, what: string): void {
  const applied = new Set(server.applied.values());
  for (const id of image.acknowledged) if (!applied.has(id)) fail(image, `${what}, and command ${id} is gone`);
}
