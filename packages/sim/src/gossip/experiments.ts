import type { Millis } from '@proconsul/base';
import { LAN, type MemberlistOptions, suspicionMinMs } from '@proconsul/gossip';
import { LAN_WEATHER } from '../weather.ts';
import { falseAlarms } from './check.ts';
import { PoolSim, type SimMember } from './pool-sim.ts';

/** Pools from this size on are simulated without compression: it costs time and changes nothing that is measured. */
const PLAIN_FROM = 64;
/** From this size on a pool is built by introductions instead of gossip, which would take minutes to simulate. */
const INTRODUCED_FROM = 256;

export async function grown(
  seed: number,
  size: number,
  options: Partial<MemberlistOptions> = {},
  hidesStalls = false,
): Promise<PoolSim> {
  const plain = size >= PLAIN_FROM ? { compress: false } : {};
  const sim = new PoolSim({ seed, keepJoins: false, drift: 0.001, hidesStalls, options: { ...plain, ...options } });
  const { retransmitMult } = sim;
  if (size >= INTRODUCED_FROM) {
    sim.retransmitMult = 0;
    await sim.growAround(size);
  } else await sim.grow(size);
  // Until nobody has anything left to say.
  await sim.until(
    () => sim.members.every((m) => m.pool.queued() === 0),
    600_000,
    'the gossip of the start has not ended',
  );
  sim.retransmitMult = retransmitMult;
  return sim;
}

/** Value below which a share of the sorted values is. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export interface DetectionResult {
  readonly size: number;
  /** From the death to the first member that declares it, one value for each death. */
  readonly firstMs: readonly Millis[];
  /** From the first declaration until all have heard. */
  readonly spreadMs: readonly Millis[];
  readonly expectedMs: Millis;
  readonly falseAlarms: number;
}

/** Deaths in one pool, one after the other, in a network that loses `loss` of the packets. */
export async function measureDetection(size: number, deaths: number, loss: number, seed = 1): Promise<DetectionResult> {
  const sim = await grown(seed, size);
  sim.network.weather = { ...LAN_WEATHER, loss };
  const firstMs: Millis[] = [];
  const spreadMs: Millis[] = [];
  const dead = new Set<number>();
  const start = sim.now;
  for (let i = 0; i < deaths; i++) {
    await sim.run(sim.rng.float() * 2_000);
    const victim = sim.members[1 + sim.rng.int(size - 1)]!;
    const from = sim.now;
    sim.kill(victim);
    dead.add(victim.index);
    const others = sim.live.length;
    const heard = (): number => new Set(sim.failures(victim.index, from).map((e) => e.by)).size;
    await sim.until(() => heard() === others, 300_000, `n${victim.index} is not held to be dead by all`);
    const times = sim.failures(victim.index, from).map((e) => e.at);
    firstMs.push(times[0]! - from);
    spreadMs.push(Math.max(...times) - times[0]!);
    sim.network.weather = LAN_WEATHER;
    await sim.restart(victim);
    dead.delete(victim.index);
    void sim.join(victim, sim.members[0]!);
    await sim.until(() => sim.isConverged(), 300_000, 'the restarted member is not back');
    await sim.run(5_000);
    sim.network.weather = { ...LAN_WEATHER, loss };
  }
  const wrong = falseAlarms(sim, start, () => true).length - deaths * (size - 1);
  return { size, firstMs, spreadMs, expectedMs: expectedDetectionMs(size), falseAlarms: Math.max(0, wrong) };
}

/**
 * Mean time from a death to its first declaration: until somebody probes the dead member (SWIM 2002, section 3.1: each of the
 * n-1 others picks it with probability 1/(n-1) in each interval), that interval, and the shortest suspicion.
 */
export function expectedDetectionMs(n: number, profile = LAN): Millis {
  const others = n - 1;
  const periods = others === 1 ? 1 : 1 / (1 - (1 - 1 / others) ** others);
  return periods * profile.probeIntervalMs + suspicionMinMs(profile.suspicionMult, n, profile.probeIntervalMs);
}

/** Until a rumour that each teller tells to `fanout` others an interval has reached all: 2 ln n / fanout intervals (epidemic model). */
export function expectedSpreadMs(n: number, profile = LAN): Millis {
  return ((2 * Math.log(n)) / profile.gossipNodes) * profile.gossipIntervalMs;
}

/** Time until a change of one member is known to half of the others, and to all. */
export async function measureSpread(
  size: number,
  changes: number,
  loss: number,
  seed = 1,
): Promise<[Millis[], Millis[]]> {
  const sim = await grown(seed, size, { pushPullIntervalMs: 0 });
  sim.network.weather = { ...LAN_WEATHER, loss };
  const half: Millis[] = [];
  const all: Millis[] = [];
  for (let i = 0; i < changes; i++) {
    const source = sim.members[sim.rng.int(size)]!;
    const from = sim.now;
    source.pool.updateMeta();
    const { incarnation, name } = source.pool.self;
    const knowing = (): number => sim.members.filter((m) => m.pool.node(name)?.incarnation === incarnation).length;
    await sim.until(() => knowing() > size / 2, 60_000, 'a change has not spread');
    half.push(sim.now - from);
    await sim.until(() => knowing() === size || sim.now - from > 20_000, 60_000, 'a change has not spread');
    all.push(knowing() === size ? sim.now - from : Number.POSITIVE_INFINITY);
    await sim.run(1_000);
  }
  return [half, all];
}

export interface SickPool {
  readonly size: number;
  readonly forMs: Millis;
  /** Members that stand still again and again, or whose messages do. */
  readonly stalling: number;
  readonly stalls: 'process' | 'messages';
  readonly stallMs: () => Millis;
  readonly runMs: () => Millis;
  /** Members whose packets are lost, and the share of them. */
  readonly lossy: number;
  readonly loss: number;
  readonly options?: Partial<MemberlistOptions>;
  readonly hidesStalls?: boolean;
  readonly seed: number;
}

export interface SickResult {
  /** Members that were well all the time and yet were declared dead: by anybody, and by members that were well themselves. */
  readonly healthyDeclared: number;
  readonly healthyDeclaredByHealthy: number;
  /** Declarations, each member that came to that conclusion or heard of it counted. */
  readonly events: number;
  readonly sickDeclared: number;
  readonly packetsPerMemberSecond: number;
}

/** A pool of which some members are sick for a while. */
export async function measureSick(setup: SickPool): Promise<SickResult> {
  const { size, stalling, lossy, loss, forMs, seed } = setup;
  const sim = await grown(seed, size, setup.options, setup.hidesStalls);
  const sick = new Set<number>();
  for (let i = 0; i < stalling; i++) {
    sick.add(i);
    stallAgain(sim, sim.members[i]!, setup);
  }
  for (let i = stalling; i < stalling + lossy; i++) {
    sick.add(i);
    sim.network.setLoss(sim.members[i]!.address, loss);
  }
  const from = sim.now;
  const packets = sim.network.packets;
  for (let passed = 0; passed < forMs; passed += 10_000) {
    await sim.run(Math.min(10_000, forMs - passed));
    // Who was declared dead and forgotten is taken in again, as the layer above does.
    for (const m of sim.members.slice(0, stalling)) {
      if (!m.process.isStalled) void sim.join(m, sim.members[size - 1 - sim.rng.int(size - sick.size)]!);
    }
  }
  const wrong = falseAlarms(sim, from, (i) => !sick.has(i));
  return {
    healthyDeclared: new Set(wrong.map((e) => e.about)).size,
    healthyDeclaredByHealthy: new Set(wrong.filter((e) => !sick.has(e.by)).map((e) => e.about)).size,
    events: wrong.length,
    sickDeclared: new Set(falseAlarms(sim, from, (i) => sick.has(i)).map((e) => e.about)).size,
    packetsPerMemberSecond: (sim.network.packets - packets) / size / (forMs / 1000),
  };
}

function stallAgain(sim: PoolSim, member: SimMember, setup: SickPool): void {
  sim.events.after(setup.runMs() * (0.5 + sim.rng.float()), () => {
    const ms = setup.stallMs() * (0.5 + sim.rng.float());
    if (setup.stalls === 'process') member.process.stall(ms);
    else member.process.stallMessages(ms);
    sim.events.after(ms, () => stallAgain(sim, member, setup));
  });
}
