import { expect, test } from 'vitest';
import { programMissing, skipBecause } from '../e2e/harness.ts';
import { runChaos } from './chaos-run.ts';
import { kind } from './kind.ts';
import { LoopbackWorld } from './world.ts';

// The shortest run of `npm run chaos`, which any user may start: several faults on one cluster. 10 to 15 s of processor time.

const SEED = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const several = kind(
  'several',
  'a hand-over, a leader that stands still, another one that is killed',
  [],
  async (scene) => {
    const first = await scene.leader();
    await first.client.ask('POST', '/v1/operator/raft/transfer-leader', undefined);
    await (await scene.leader()).standStill(scene.between(100, 1500));
    const killed = await scene.leader();
    await scene.kill(killed);
    await scene.leader();
    scene.start(killed);
  },
);

const slow = process.env['E2E_SLOW'] === '1';

test.skipIf(skipBecause(slow ? programMissing() : 'E2E_SLOW=1 runs a cluster under faults'))(
  `a cluster under kills, stops and hand-overs keeps what it promised, seed ${SEED}`,
  { timeout: 240_000 },
  async () => {
    const world = new LoopbackWorld();
    const [result] = await runChaos({ episodes: [{ kind: several, seed: SEED }], servers: 3, seconds: 0, world });
    expect(result?.wrong).toEqual([]);
    expect(result?.writes).toBeGreaterThan(10);
    expect(result?.operations).toBeGreaterThan(20);
  },
);
