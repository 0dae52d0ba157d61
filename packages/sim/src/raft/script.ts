import { type Millis, type Rng, shuffle } from '@proconsul/base';
import { findServer, voters } from '@proconsul/raft';
import { addressOf, type RaftCluster } from './cluster.ts';
import { coup, cutOneLink, mute, type Stage, siege, swizzle, unreadOrder } from './schedules.ts';
import type { SimServer } from './server.ts';

export function setWeather(cluster: RaftCluster, fate: Rng): void {
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

export const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;

/** Stories that must not be disturbed say for how long. */
type Action = readonly [weight: number, act: () => unknown];

/** What clients, operators and fate may do, and how often. Longer stories stand in schedules.ts. */
export class Script implements Stage {
  readonly cluster: RaftCluster;
  readonly fate: Rng;
  readonly #actions: readonly Action[];
  readonly #weight: number;
  #values = 0;
  /** Nothing is written before then. */
  #quietUntil = 0;

  constructor(cluster: RaftCluster, fate: Rng) {
    this.cluster = cluster;
    this.fate = fate;
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
      [3, () => cutOneLink(this)],
      [3, () => coup(this)],
      [2, () => siege(this)],
      [3, () => swizzle(this)],
      [2, () => mute(this)],
      [1, () => unreadOrder(this)],
      [2, () => this.bounce(this.#victim())],
      [6, () => cluster.network.heal()],
      [2, () => setWeather(cluster, fate)],
      [3, () => this.#fillDisk()],
    ];
    this.#weight = this.#actions.reduce((sum, [weight]) => sum + weight, 0);
  }

  /** Does it after a while, whatever happens meanwhile. */
  later(delayMs: Millis, act: () => void): void {
    this.cluster.events.after(delayMs, act);
  }

  /** Nobody writes for a while. */
  quietFor(forMs: Millis): void {
    this.#quietUntil = this.cluster.events.now + forMs;
  }

  /** How long what begins must not be disturbed; 0 for the most part. */
  act(): Millis {
    let at = this.fate.int(this.#weight);
    for (const [weight, act] of this.#actions) {
      at -= weight;
      if (at >= 0) continue;
      const forMs = act();
      return typeof forMs === 'number' ? forMs : 0;
    }
    return 0;
  }

  write(count: number): void {
    if (this.cluster.events.now < this.#quietUntil) return;
    for (let i = 0; i < count; i++) {
      const data = new Uint8Array(4);
      new DataView(data.buffer).setUint32(0, ++this.#values);
      for (const server of this.cluster.servers) if (server.isLeader) server.propose(data.slice());
    }
  }

  read(): void {
    for (const server of this.cluster.servers) {
      server.leaseRead();
      server.read();
    }
  }

  any(): SimServer {
    return pick(this.fate, this.cluster.servers);
  }

  /** Often the leader: that is where it hurts. */
  #victim(): SimServer {
    return (this.fate.float() < 0.4 ? this.cluster.leader() : undefined) ?? this.any();
  }

  #snapshot(): void {
    for (const server of this.cluster.servers) {
      if (this.fate.float() < 0.5) server.takeSnapshot(pick(this.fate, [0, 3, 20]));
    }
  }

  #changeMembership(): void {
    const leader = this.cluster.leader();
    if (!leader) return;
    const { id } = this.any();
    const { configuration } = leader.core!;
    const known = findServer(configuration, id);
    const address = addressOf(id);
    const roll = this.fate.float();
    if (!known || roll < 0.4) {
      const kind = roll < 0.25 || this.fate.float() < 0.6 ? 'add-voter' : 'add-nonvoter';
      leader.changeMembership({ kind, id, address });
    } else if (voters(configuration).length > 1) {
      leader.changeMembership({ kind: roll < 0.7 ? 'demote' : 'remove', id });
    }
  }

  #transfer(): void {
    this.cluster.leader()?.transfer(this.fate.float() < 0.5 ? undefined : this.any().id);
  }

  #restart(): void {
    for (const server of this.cluster.servers) {
      if (this.fate.float() < 0.6) restart(server);
    }
  }

  #powerCut(): void {
    this.cluster.note('power cut');
    for (const server of this.cluster.servers) server.crash();
    if (this.fate.float() < 0.7) for (const server of this.cluster.servers) restart(server);
  }

  #partition(): void {
    const { servers, network } = this.cluster;
    const order = shuffle(this.fate, [...servers]);
    const cut = 1 + this.fate.int(order.length - 1);
    this.cluster.note(`partition: ${order.slice(0, cut).map((s) => s.id)} | ${order.slice(cut).map((s) => s.id)}`);
    for (const a of order.slice(0, cut)) {
      for (const b of order.slice(cut)) {
        network.block(a.id, b.id);
        network.block(b.id, a.id);
      }
    }
  }

  #oneWay(): void {
    const from = this.#victim();
    for (const to of this.cluster.servers) {
      if (to === from || this.fate.float() < 0.4) continue;
      const [a, b] = this.fate.float() < 0.5 ? [from, to] : [to, from];
      this.cluster.note(`nothing passes from ${a.id} to ${b.id}`);
      this.cluster.network.block(a.id, b.id);
    }
  }

  #isolateLeader(): void {
    const leader = this.cluster.leader();
    if (!leader) return;
    this.cluster.note(`${leader.id} is cut off`);
    for (const { id } of this.cluster.servers) {
      if (id === leader.id) continue;
      this.cluster.network.block(id, leader.id);
      this.cluster.network.block(leader.id, id);
    }
  }

  /** Dies and is back at once: what it promised a moment ago still counts. */
  bounce(server: SimServer): void {
    if (!server.isUp || server.storage.isFull) return;
    server.crash();
    restart(server);
  }

  #fillDisk(): void {
    const { storage } = this.#victim();
    storage.isFull = true;
    this.cluster.events.after(this.fate.float() * 2000, () => {
      storage.isFull = false;
    });
  }
}

export function restart(server: SimServer): void {
  if (server.isUp) return;
  server.storage.isFull = false;
  server.start();
}
