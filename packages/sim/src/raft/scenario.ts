import { type Rng, seededRng, shuffle } from '@proconsul/base';
import { findServer, voters } from '@proconsul/raft';
import { addressOf, RaftCluster } from './cluster.ts';
import { FAST_DISK } from './disk.ts';
import { CALM } from './network.ts';
import type { Sabotage, SimServer } from './server.ts';

export interface ScenarioOptions {
  readonly seed: number;
  /** Things that clients, operators and fate do, before everything is healed. */
  readonly steps?: number;
  readonly sabotage?: Sabotage;
  readonly sink?: (line: string) => void;
}

export interface ScenarioResult {
  readonly seed: number;
  /** Of everything that happened. */
  readonly hash: string;
  readonly events: number;
  readonly messages: number;
  readonly elections: number;
  readonly committed: number;
  readonly virtualMs: number;
}

export const STEPS_DEFAULT = 150;
export const STEPS_MAX = 100_000;

/** After the last fault the cluster must work again within this time. */
export const HEAL_WITHIN_MS = 60_000;

const BOOTSTRAP_MS = 3000;

/** One run: a cluster, some bad minutes chosen by the seed, and then the proof that it recovers. Throws SimulationFailure. */
export function runScenario({ seed, steps = STEPS_DEFAULT, sabotage = 'none', sink }: ScenarioOptions): ScenarioResult {
  const fate = seededRng(`fate ${seed}`);
  const cluster = new RaftCluster({
    seed,
    servers: fate.float() < 0.6 ? 3 : 5,
    spares: fate.int(3),
    drift: fate.float() < 0.5 ? 0 : 0.05,
    sabotage,
    ...(sink ? { sink } : {}),
  });
  setWeather(cluster, fate);
  cluster.start();
  // The first configuration becomes durable everywhere: an operator would see if it had not.
  cluster.run(BOOTSTRAP_MS);
  const script = new Script(cluster, fate);
  for (let step = 0; step < Math.min(steps, STEPS_MAX); step++) {
    cluster.guard(() => script.act());
    cluster.run(fate.float() < 0.1 ? fate.float() * 3000 : fate.float() * 120);
  }
  heal(cluster);
  proveRecovery(cluster, script);
  return {
    seed,
    hash: cluster.hash,
    events: cluster.steps,
    messages: cluster.network.messages,
    elections: cluster.oracle.elections,
    committed: cluster.oracle.committedLast,
    virtualMs: cluster.events.now,
  };
}

function setWeather(cluster: RaftCluster, fate: Rng): void {
  cluster.network.weather = {
    delayMinMs: 0.2,
    delayMaxMs: pick(fate, [1, 5, 40, 150]),
    stragglers: pick(fate, [0, 0.01, 0.05, 0.25]),
    loss: pick(fate, [0, 0.01, 0.1]),
    duplicates: pick(fate, [0, 0.05, 0.2]),
  };
  for (const { storage } of cluster.servers) {
    storage.weather = { writeMinMs: 0.1, writeMaxMs: pick(fate, [1, 10, 100]), stalls: pick(fate, [0, 0.01, 0.05]) };
  }
}

const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;

type Action = readonly [weight: number, act: () => void];

/** What clients, operators and fate may do, and how often. */
class Script {
  readonly #cluster: RaftCluster;
  readonly #fate: Rng;
  readonly #actions: readonly Action[];
  readonly #weight: number;
  #values = 0;
  /** Nothing is written before then. */
  #quietUntil = 0;

  constructor(cluster: RaftCluster, fate: Rng) {
    this.#cluster = cluster;
    this.#fate = fate;
    this.#actions = [
      [30, () => this.write(1 + fate.int(8))],
      [8, () => this.write(1 + fate.int(100))],
      [15, () => this.read()],
      [6, () => this.#snapshot()],
      [5, () => this.#changeMembership()],
      [4, () => this.#transfer()],
      [6, () => this.#victim().crash()],
      [8, () => this.#restart()],
      [1, () => this.#powerCut()],
      [4, () => this.#victim().pause(fate.float() * 3000)],
      [4, () => this.#partition()],
      [3, () => this.#oneWay()],
      [2, () => this.#isolateLeader()],
      [3, () => this.#cutOneLink()],
      [2, () => this.#bounce(this.#victim())],
      [6, () => cluster.network.heal()],
      [2, () => setWeather(cluster, fate)],
      [3, () => this.#fillDisk()],
    ];
    this.#weight = this.#actions.reduce((sum, [weight]) => sum + weight, 0);
  }

  act(): void {
    let at = this.#fate.int(this.#weight);
    for (const [weight, act] of this.#actions) {
      at -= weight;
      if (at < 0) return act();
    }
  }

  write(count: number): void {
    if (this.#cluster.events.now < this.#quietUntil) return;
    for (let i = 0; i < count; i++) {
      const data = new Uint8Array(4);
      new DataView(data.buffer).setUint32(0, ++this.#values);
      for (const server of this.#cluster.servers) if (server.isLeader) server.propose(data.slice());
    }
  }

  read(): void {
    for (const server of this.#cluster.servers) {
      server.leaseRead();
      server.read();
    }
  }

  #any(): SimServer {
    return pick(this.#fate, this.#cluster.servers);
  }

  /** Often the leader: that is where it hurts. */
  #victim(): SimServer {
    return (this.#fate.float() < 0.4 ? this.#cluster.leader() : undefined) ?? this.#any();
  }

  #snapshot(): void {
    for (const server of this.#cluster.servers) {
      if (this.#fate.float() < 0.5) server.takeSnapshot(pick(this.#fate, [0, 3, 20]));
    }
  }

  #changeMembership(): void {
    const leader = this.#cluster.leader();
    if (!leader) return;
    const { id } = this.#any();
    const { configuration } = leader.core!;
    const known = findServer(configuration, id);
    const address = addressOf(id);
    const roll = this.#fate.float();
    if (!known || roll < 0.4) {
      const kind = roll < 0.25 || this.#fate.float() < 0.6 ? 'add-voter' : 'add-nonvoter';
      leader.changeMembership({ kind, id, address });
    } else if (voters(configuration).length > 1) {
      leader.changeMembership({ kind: roll < 0.7 ? 'demote' : 'remove', id });
    }
  }

  #transfer(): void {
    this.#cluster.leader()?.transfer(this.#fate.float() < 0.5 ? undefined : this.#any().id);
  }

  #restart(): void {
    for (const server of this.#cluster.servers) {
      if (this.#fate.float() < 0.6) restart(server);
    }
  }

  #powerCut(): void {
    this.#cluster.note('power cut');
    for (const server of this.#cluster.servers) server.crash();
    if (this.#fate.float() < 0.7) for (const server of this.#cluster.servers) restart(server);
  }

  #partition(): void {
    const { servers, network } = this.#cluster;
    const order = shuffle(this.#fate, [...servers]);
    const cut = 1 + this.#fate.int(order.length - 1);
    this.#cluster.note(`partition: ${order.slice(0, cut).map((s) => s.id)} | ${order.slice(cut).map((s) => s.id)}`);
    for (const a of order.slice(0, cut)) {
      for (const b of order.slice(cut)) {
        network.block(a.id, b.id);
        network.block(b.id, a.id);
      }
    }
  }

  #oneWay(): void {
    const from = this.#victim();
    for (const to of this.#cluster.servers) {
      if (to === from || this.#fate.float() < 0.4) continue;
      const [a, b] = this.#fate.float() < 0.5 ? [from, to] : [to, from];
      this.#cluster.note(`nothing passes from ${a.id} to ${b.id}`);
      this.#cluster.network.block(a.id, b.id);
    }
  }

  #isolateLeader(): void {
    const leader = this.#cluster.leader();
    if (!leader) return;
    this.#cluster.note(`${leader.id} is cut off`);
    for (const { id } of this.#cluster.servers) {
      if (id === leader.id) continue;
      this.#cluster.network.block(id, leader.id);
      this.#cluster.network.block(leader.id, id);
    }
  }

  /** One follower and the leader do not see each other, others see both, and nobody writes: the logs are equally long. */
  #cutOneLink(): void {
    const leader = this.#cluster.leader();
    const other = this.#any();
    if (!leader || other === leader) return;
    this.#cluster.note(`${leader.id} and ${other.id} do not see each other`);
    this.#cluster.network.heal();
    this.#cluster.network.block(leader.id, other.id);
    this.#cluster.network.block(other.id, leader.id);
    this.#quietUntil = this.#cluster.events.now + 1000 + this.#fate.float() * 3000;
    if (this.#fate.float() < 0.5) return;
    for (const server of this.#cluster.servers) {
      if (server === leader || server === other) continue;
      this.#cluster.events.after(500 + this.#fate.float() * 1500, () => this.#bounce(server));
    }
  }

  /** Dies and is back at once: what it promised a moment ago still counts. */
  #bounce(server: SimServer): void {
    if (!server.isUp || server.storage.isFull) return;
    server.crash();
    restart(server);
  }

  #fillDisk(): void {
    const { storage } = this.#victim();
    storage.isFull = true;
    this.#cluster.events.after(this.#fate.float() * 2000, () => {
      storage.isFull = false;
    });
  }
}

function restart(server: SimServer): void {
  if (server.isUp) return;
  server.storage.isFull = false;
  server.start();
}

function heal(cluster: RaftCluster): void {
  cluster.note('everything is healed');
  cluster.network.heal();
  cluster.network.weather = CALM;
  for (const server of cluster.servers) {
    server.storage.weather = FAST_DISK;
    server.storage.isFull = false;
    // One whose disk failed waits for its restart.
    if (server.hasFailed) server.crash();
    cluster.guard(() => restart(server));
  }
}

/** A leader, a new write, a read, and every member with the same state, in bounded time. */
function proveRecovery(cluster: RaftCluster, script: Script): void {
  // Without any write, so that a leader has to come to what it may tell by itself.
  if (!cluster.runUntil(HEAL_WITHIN_MS, () => cluster.servers.some((s) => s.leaseRead()))) {
    throw cluster.failure(`nobody answers reads within ${HEAL_WITHIN_MS} ms`);
  }
  const before = cluster.oracle.committedLast;
  const isSettled = (): boolean => {
    const leader = cluster.leader();
    if (!leader?.core || cluster.oracle.floor <= before) return false;
    const { configuration, lastIndex, commitIndex } = leader.core;
    if (commitIndex < lastIndex) return false;
    return configuration.servers.every(({ id }) => {
      const server = cluster.servers.find((s) => s.id === id);
      return server?.applied === lastIndex && server.state === leader.state;
    });
  };
  for (let waited = 0; waited < HEAL_WITHIN_MS; waited += 2000) {
    cluster.guard(() => {
      script.write(1);
      script.read();
    });
    if (cluster.runUntil(2000, isSettled)) return;
  }
  const states = cluster.servers.map((s) => `${s.id} ${s.summary()}`).join('\n');
  throw cluster.failure(`not recovered within ${HEAL_WITHIN_MS} ms\n${states}`);
}
