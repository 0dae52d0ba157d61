import { type Millis, type Rng, seededRng } from '@proconsul/base';
import { SimulationFailure } from '../raft/failure.ts';
import { LAN_WEATHER } from '../weather.ts';
import { checkPool } from './check.ts';
import { PoolSim, type SimMember } from './pool-sim.ts';

export const POOL_STEPS_DEFAULT = 60;
export const POOL_STEPS_MAX = 10_000;
/** After the last fault everybody must know everybody within that long, two full exchanges and a probe round of the pool included. */
export const POOL_HEAL_WITHIN_MS: Millis = 240_000;
/** Then nothing may happen for that long. */
const CALM_MS: Millis = 60_000;
/** How often each member tries one that it does not see, as the layer above does. */
const RECONNECT_MS: Millis = 10_000;

export interface PoolScenarioOptions {
  readonly seed: number;
  readonly steps?: number;
  /** Members at the start; chosen by the seed (3 to 12) when missing. */
  readonly members?: number;
}

export interface PoolScenarioResult {
  /** Of all that every member saw, and when. Equal for equal seeds. */
  readonly hash: number;
  readonly virtualMs: Millis;
  readonly packets: number;
  readonly failures: number;
  /** Time from the last fault until all knew all. */
  readonly healMs: Millis;
}

/**
 * One pool, its fate decided by one seed: members join, leave, die, come back, stand still and change; packets are lost,
 * late, doubled and out of order; links are cut in one direction. At last everything is healed: then all members must find
 * each other, and in calm weather nobody may be suspected, lost or refuted. Throws SimulationFailure with the seed.
 */
export async function runPoolScenario(options: PoolScenarioOptions): Promise<PoolScenarioResult> {
  const { seed, steps = POOL_STEPS_DEFAULT } = options;
  const fate = seededRng(`${seed} fate`);
  const sim = new PoolSim({ seed, drift: 0.02 });
  try {
    const first = await sim.add();
    const count = options.members ?? 3 + fate.int(10);
    for (let i = 1; i < count; i++) void sim.join(await sim.add(), first);
    for (let step = 0; step < Math.min(steps, POOL_STEPS_MAX); step++) {
      await change(sim, fate);
      await passTime(sim, fate, fate.float() * 5_000);
    }
    const healMs = await heal(sim, fate);
    await stayCalm(sim);
    const failures = sim.seen.filter((e) => e.what === 'failed').length;
    return { hash: hashOf(sim), virtualMs: sim.now, packets: sim.network.packets, failures, healMs };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new SimulationFailure(`seed ${seed} at ${sim.now.toFixed(0)} ms: ${text}`, { cause: error });
  }
}

async function change(sim: PoolSim, fate: Rng): Promise<void> {
  const live = sim.live;
  const one = live[fate.int(live.length)]!;
  const other = live[fate.int(live.length)]!;
  const roll = fate.int(12);
  if (roll === 0) sim.network.weather = randomWeather(fate);
  else if (roll === 1) sim.network.weather = LAN_WEATHER;
  else if (roll === 2) for (const m of live) if (fate.float() < 0.5) sim.network.block(one.address, m.address);
  if (roll === 3) for (const m of live) if (fate.float() < 0.5) sim.network.block(m.address, one.address);
  if (roll === 4) sim.network.heal();
  if (roll === 5) one.process.stall(fate.float() * 20_000);
  if (roll === 6 && live.length > 2) sim.kill(one);
  if (roll === 7) await bringBack(sim, fate, one);
  if (roll === 8 && sim.members.length < 24) void sim.join(await sim.add(), one);
  if (roll === 9) one.pool.updateMeta();
  if (roll === 10 && live.length > 2) await depart(sim, one);
  if (roll === 11) sim.network.setLoss(other.address, fate.float() * 0.6);
}

function randomWeather(fate: Rng): typeof LAN_WEATHER {
  return {
    delayMinMs: 0.2,
    delayMaxMs: 0.2 + fate.float() * 100,
    stragglers: fate.float() * 0.1,
    loss: fate.float() * 0.4,
    duplicates: fate.float() * 0.2,
  };
}

/** A dead member starts again, under its name and at its address, and joins through a live one. */
async function bringBack(sim: PoolSim, fate: Rng, through: SimMember): Promise<void> {
  const dead = sim.members.filter((m) => !m.process.isUp);
  const one = dead[fate.int(Math.max(1, dead.length))];
  if (one === undefined) return;
  await sim.restart(one);
  void sim.join(one, through);
}

async function depart(sim: PoolSim, one: SimMember): Promise<void> {
  void one.pool.leave(3_000);
  await sim.run(3_000);
  sim.kill(one);
}

/** Lets time pass, while everybody tries now and then to reach members that it does not see. */
async function passTime(sim: PoolSim, fate: Rng, forMs: Millis): Promise<void> {
  const until = sim.now + forMs;
  while (sim.now < until) {
    await sim.run(Math.min(RECONNECT_MS / 10, until - sim.now));
    if (fate.float() < 0.1) reconnect(sim, fate);
  }
}

function reconnect(sim: PoolSim, fate: Rng): void {
  const live = sim.live;
  for (const one of live) {
    const other = live[fate.int(live.length)]!;
    const state = one.pool.node(other.pool.self.name)?.state;
    if (other !== one && (state === undefined || state > 1)) void sim.join(one, other);
  }
}

async function heal(sim: PoolSim, fate: Rng): Promise<Millis> {
  sim.network.heal();
  sim.network.weather = LAN_WEATHER;
  for (const { address } of sim.members) sim.network.setLoss(address, 0);
  const start = sim.now;
  while (!sim.isConverged()) {
    if (sim.now - start > POOL_HEAL_WITHIN_MS) checkPool(sim, 'after healing');
    await passTime(sim, fate, 200);
  }
  return sim.now - start;
}

/** Rumours of the storm may still go round for a while; after that there must be silence. */
async function stayCalm(sim: PoolSim): Promise<void> {
  await sim.run(CALM_MS);
  checkPool(sim, 'after the storm');
  const before = sim.seen.length;
  const incarnations = sim.live.map((m) => m.pool.self.incarnation);
  await sim.run(CALM_MS);
  checkPool(sim, 'in calm weather');
  const [event] = sim.seen.slice(before);
  if (event !== undefined) {
    throw new SimulationFailure(`in calm weather n${event.by} saw n${event.about}: ${event.what}`);
  }
  if (sim.live.some((m, i) => m.pool.self.incarnation !== incarnations[i])) {
    throw new SimulationFailure('in calm weather somebody had to refute');
  }
  const unwell = sim.live.find((m) => m.pool.healthScore() > 0);
  if (unwell !== undefined) throw new SimulationFailure(`in calm weather n${unwell.index} thinks that it is slow`);
}

function hashOf(sim: PoolSim): number {
  let hash = 0x811c9dc5;
  const mix = (word: number): void => {
    hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
  };
  for (const { at, by, about, what } of sim.seen) for (const word of [at * 1000, by, about, what.length]) mix(word | 0);
  mix(sim.network.packets);
  mix(sim.network.packetBytes);
  return hash;
}
