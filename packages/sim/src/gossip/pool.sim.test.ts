import { utf8 } from '@proconsul/base';
import { expect, test } from 'vitest';
import { LAN_WEATHER } from '../weather.ts';
import { checkPool } from './check.ts';
import { expectedSpreadMs, grown, measureDetection, measureSick, measureSpread, quantile } from './experiments.ts';
import { PoolSim } from './pool-sim.ts';
import { runPoolScenario } from './scenario.ts';

// Larger pools and many more seeds: npm run sim:gossip.

test.for([1, 2, 3, 4])('a pool comes through chaos and is calm afterwards: seed %i', async (seed) => {
  const { failures, packets } = await runPoolScenario({ seed, steps: 40 });
  expect(packets).toBeGreaterThan(500);
  expect(failures).toBeGreaterThan(0); // There was something to come through.
});

test('a seed replays exactly', async () => {
  const once = await runPoolScenario({ seed: 7, steps: 20 });
  expect(await runPoolScenario({ seed: 7, steps: 20 })).toEqual(once);
  expect((await runPoolScenario({ seed: 8, steps: 20 })).hash).not.toBe(once.hash);
});

test('a pool that is grown around its first member is whole at once, though nobody repeats anything', async () => {
  const sim = new PoolSim({ seed: 1, options: { pushPullIntervalMs: 0 } });
  sim.retransmitMult = 0;
  await sim.growAround(40);
  checkPool(sim, 'grown');
  expect(sim.now).toBeLessThan(5_000);
  expect(sim.seen.filter((e) => e.what === 'failed')).toEqual([]);
});

test('the checks notice a member that does not hear of another', async () => {
  const sim = new PoolSim({ seed: 1 });
  await sim.grow(5);
  checkPool(sim, 'whole');
  const [one, other] = [sim.members[1]!, sim.members[2]!];
  for (const m of sim.members) {
    sim.network.block(m.address, other.address);
    sim.network.block(other.address, m.address);
  }
  one.pool.updateMeta();
  await sim.run(300);
  expect(() => checkPool(sim, 'cut')).toThrow('n2 knows an old state of n1');
  await sim.run(30_000);
  expect(() => checkPool(sim, 'cut')).toThrow(/holds n\d to be/);
});

test('death is found in the time of the formulas, and by everybody', async () => {
  const r = await measureDetection(10, 6, 0);
  expect(quantile(r.firstMs, 0.5)).toBeGreaterThan(4_000);
  expect(quantile(r.firstMs, 0.5)).toBeLessThan(r.expectedMs + 1_500);
  expect(Math.max(...r.spreadMs)).toBeLessThan(2_000);
  expect(r.falseAlarms).toBe(0);
});

test('a change is told to all in the time of the epidemic model', async () => {
  const [half, all] = await measureSpread(32, 5, 0);
  expect(quantile(all, 0.5)).toBeLessThan(2 * expectedSpreadMs(32));
  expect(quantile(half, 0.5)).toBeLessThan(quantile(all, 0.5) + 1);
});

test('members that stand still or lose packets do not cost a healthy member its place', async () => {
  const r = await measureSick({
    ...{ size: 20, seed: 3, forMs: 120_000, stalling: 2, lossy: 2, loss: 0.3 },
    stalls: 'process',
    stallMs: () => 8_000,
    runMs: () => 4_000,
  });
  expect(r.healthyDeclared).toBe(0);
  expect(r.sickDeclared).toBeGreaterThan(0);
});

test('a member that can only send, or only receive, is not lost while others can vouch for it', async () => {
  const sim = await grown(5, 8);
  const before = sim.seen.length;
  // One link, in one direction: indirect probes go round it.
  sim.network.block(sim.members[1]!.address, sim.members[2]!.address);
  await sim.run(60_000);
  expect(sim.seen.length).toBe(before);
  expect(sim.members.every((m) => m.pool.aliveCount() === 8)).toBe(true);
});

test('a half-open member is declared dead, and is back as soon as it can speak again', async () => {
  const sim = await grown(6, 6);
  const mute = sim.members[3]!;
  for (const m of sim.members) sim.network.block(mute.address, m.address);
  await sim.until(() => sim.failures(3, 0).length === 5, 60_000, 'the mute member is not found');
  sim.network.heal();
  await sim.until(() => sim.isConverged(), 120_000, 'the mute member is not back');
});

test('packets that are lost, doubled, late and out of order do not keep a pool from convergence', async () => {
  const sim = new PoolSim({ seed: 9, drift: 0.02 });
  sim.network.weather = { ...LAN_WEATHER, delayMaxMs: 80, stragglers: 0.05, loss: 0.2, duplicates: 0.3 };
  await sim.grow(12);
  await sim.run(120_000);
  expect(sim.seen.filter((e) => e.what === 'failed')).toEqual([]);
  // Each goes out once, and one of five is lost.
  for (let i = 0; i < 8; i++) sim.members[0]!.toSpread.push(utf8(`rumour ${i}`));
  await sim.run(10_000);
  expect(sim.members.some((m) => m.heard.size > 0)).toBe(true);
});

test('a process that is gone refuses streams, and is found before the interval of its probe is over', async () => {
  const r = await measureDetection(3, 12, 0);
  // A quarter of the wait for an ack, half of one more for those who are asked, and the suspicion.
  expect(Math.min(...r.firstMs)).toBeLessThan(4_000 + 375 + 100);
  expect(Math.min(...r.firstMs)).toBeGreaterThan(4_000 + 375);
  expect(quantile(r.firstMs, 0.5)).toBeLessThan(5_000);
  expect(r.falseAlarms).toBe(0);
});

test('a member to which a connection broke is probed at once, and the round goes on however often that happens', async () => {
  const sim = await grown(9, 8);
  const [victim, silent] = [sim.members[3]!, sim.members[7]!];
  const others = sim.members.filter((m) => m !== victim && m !== silent);
  const died = sim.now;
  sim.kill(silent);
  // Nothing is wrong with this one: nobody accuses it, and the other is found nevertheless.
  while (sim.failures(silent.index, died).length < others.length && sim.now - died < 20_000) {
    for (const m of others) m.pool.lookAt(victim.address);
    await sim.run(50);
  }
  expect(sim.now - died).toBeLessThan(10_000);
  expect(sim.failures(victim.index, 0)).toEqual([]);
  for (const before of [600, 300, 0]) {
    await sim.run(5_000 + before);
    const from = sim.now;
    sim.kill(victim);
    for (const m of others) m.pool.lookAt(victim.address);
    await sim.until(() => sim.failures(victim.index, from).length > 0, 60_000, 'it is found');
    expect(sim.failures(victim.index, from)[0]!.at - from).toBeLessThan(4_000 + 375 + 250);
    await sim.restart(victim);
    void sim.join(victim, sim.members[0]!);
    await sim.until(() => sim.members.every((m) => m === silent || m.pool.aliveCount() === 7), 300_000, 'it is back');
  }
});
