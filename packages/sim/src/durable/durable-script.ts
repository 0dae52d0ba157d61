import { type Millis, type Rng, shuffle } from '@proconsul/base';
import type { EventQueue } from '../event-queue.ts';
import { anyKey, type History } from './history.ts';
import type { NodeNetwork } from './node-network.ts';
import type { NodeServer } from './node-server.ts';

const SLOW_DISK_MS = 400;

/** Who plays, and where. */
export interface DurableStage {
  readonly events: EventQueue;
  readonly servers: readonly NodeServer[];
  readonly network: NodeNetwork;
  readonly history: History;
  /** Bits flip and writes go astray. */
  readonly damage: boolean;
  /** Files that fate has damaged, by server. */
  readonly damaged: Map<NodeServer, string[]>;
  note(who: string, text: string): void;
}

/** What clients, operators and fate do to whole servers on disks. */
export class DurableScript {
  readonly fate: Rng;
  readonly #stage: DurableStage;
  #ids = 0;

  constructor(stage: DurableStage, fate: Rng) {
    this.#stage = stage;
    this.fate = fate;
  }

  /** How long the story that begins must not be disturbed; 0 for the most part. */
  act(): Millis {
    const { fate } = this;
    const roll = fate.float();
    const { servers } = this.#stage;
    const server = pick(fate, servers);
    if (roll < 0.45) this.write(1 + fate.int(12));
    else if (roll < 0.6) this.#read();
    else if (roll < 0.64) for (const s of servers) s.snapshot();
    else if (roll < 0.66) this.#operate();
    else if (roll < 0.69 && servers.length > 1) return this.#mute();
    else if (roll < 0.75) this.#crash(server);
    else if (roll < 0.86) this.restart();
    else if (roll < 0.9) this.#fill(server);
    else if (roll < 0.92) server.files.failNextSync = true;
    else if (roll < 0.93) this.#slow(server);
    else if (servers.length > 1) this.#disturb(server);
    else this.write(30);
    return 0;
  }

  #operate(): void {
    const { fate } = this;
    const { servers, damage } = this.#stage;
    const leader = servers.find((s) => s.isLeader);
    if (!leader) return;
    if (servers.length === 1) return leader.replaceState();
    const { id } = pick(fate, servers);
    const address = `${id}:8300`;
    const roll = fate.float();
    // With a damaged disk beside it, a cluster of fewer voters may be left without a quorum for good.
    if (roll < 0.35 || damage) leader.transferLeadership();
    else if (roll < 0.5) leader.changeMembership({ kind: 'demote', id });
    else if (roll < 0.6) leader.changeMembership({ kind: 'remove', id });
    else if (roll < 0.7) leader.changeMembership({ kind: 'add-nonvoter', id, address });
    else leader.changeMembership({ kind: 'add-voter', id, address });
  }

  write(count: number): void {
    for (const server of this.#stage.servers) {
      if (!server.isLeader) continue;
      for (let i = 0; i < count; i++) this.#writeOne(server);
    }
  }

  #writeOne(server: NodeServer): void {
    const { fate } = this;
    const { history, events } = this.#stage;
    const id = ++this.#ids;
    const key = anyKey(fate);
    const value = `v${id}${'x'.repeat(fate.int(40))}`;
    const acknowledged = history.write(key, value, events.now);
    server.propose(id, key, value, (outcome) => {
      // When nothing was done it is no operation at all, like one that nobody ever sees.
      if (outcome === 'acknowledged') acknowledged(events.now);
    });
  }

  #read(): void {
    const { history, events, servers } = this.#stage;
    const key = anyKey(this.fate);
    for (const server of servers) {
      const startedAt = events.now;
      server.read(key, this.fate.float() < 0.5, (value) => history.read(key, value, startedAt, events.now));
    }
  }

  #crash(server: NodeServer): void {
    const isPowerCut = this.fate.float() < 0.6;
    const victims = this.fate.float() < 0.2 ? this.#stage.servers : [server];
    for (const victim of victims) {
      if (isPowerCut) victim.cutPower();
      else victim.kill();
      if (this.#stage.damage && this.fate.float() < 0.15) this.#harm(victim);
    }
    if (this.fate.float() < 0.7) this.restart();
  }

  /**
   * A minority of servers is harmed at most: more than that may lose data in any system. Stray writes spare the segment that is
   * being written: where one wipes all that stands after it, no content tells that from a write that never finished. Several bits
   * flip where something sound follows, for the same reason.
   */
  #harm(server: NodeServer): void {
    const isHarmed = this.#stage.damaged.has(server);
    if (!isHarmed && this.#stage.damaged.size + 1 > Math.max(1, Math.floor((this.#stage.servers.length - 1) / 2)))
      return;
    const roll = this.fate.float();
    const [how, path] =
      roll < 0.6
        ? ['a bit flips', server.files.flipBit()]
        : roll < 0.8
          ? ['some bits flip', server.files.scramble()]
          : ['a stray write', server.files.misdirect((file) => server.isBeingWritten(file))];
    if (path === undefined) return;
    this.#stage.note(server.id, `${path}: ${how}`);
    this.#stage.damaged.set(server, [...(this.#stage.damaged.get(server) ?? []), path]);
  }

  restart(): void {
    for (const server of this.#stage.servers) {
      if (server.isUp || server.damage) continue;
      if (server.hasFailed) {
        if (this.fate.float() < 0.5) server.cutPower();
        else server.kill();
      }
      server.files.failNextSync = false;
      server.start();
    }
  }

  #fill(server: NodeServer): void {
    this.#stage.note(server.id, 'disk is full');
    server.files.isFull = true;
    this.#stage.events.after(this.fate.float() * 2500, () => {
      this.#stage.note(server.id, 'disk has space');
      server.files.isFull = false;
    });
  }

  /** A disk that is slow for a while: everything on it takes half a second and more. */
  #slow(server: NodeServer): void {
    const { latencyMs } = server.files;
    if (latencyMs >= SLOW_DISK_MS) return;
    this.#stage.note(server.id, 'disk is slow');
    server.files.latencyMs = SLOW_DISK_MS * (1 + this.fate.float());
    this.#stage.events.after(this.fate.float() * 4000, () => {
      server.files.latencyMs = latencyMs;
    });
  }

  #disturb(server: NodeServer): void {
    const roll = this.fate.float();
    if (roll < 0.3) server.pause(this.fate.float() * 3000);
    else if (roll < 0.42) this.#bridge();
    else if (roll < 0.54) this.#flap(server);
    else if (roll < 0.66) this.#cutOff(server);
    else if (roll < 0.78) this.#swizzle();
    else this.#disturbNetwork();
  }

  /** Two halves that see each other only through one server. */
  #bridge(): void {
    this.#stage.network.heal();
    const order = shuffle(this.fate, [...this.#stage.servers]);
    const middle = Math.floor(order.length / 2);
    for (const a of order.slice(0, middle)) {
      for (const b of order.slice(middle + 1)) {
        this.#stage.network.block(a.id, b.id);
        this.#stage.network.block(b.id, a.id);
      }
    }
  }

  #flap(server: NodeServer): void {
    const periodMs = pick(this.fate, [20, 200, 1000]);
    for (const other of this.#stage.servers) {
      if (other !== server && this.fate.float() < 0.6) this.#stage.network.flap(server.id, other.id, periodMs);
    }
  }

  /** Nothing passes to or from the leader, or whoever it is. */
  #cutOff(server: NodeServer): void {
    const victim = (this.fate.float() < 0.6 ? this.#stage.servers.find((s) => s.isLeader) : undefined) ?? server;
    const isOneWay = this.fate.float() < 0.4;
    this.#stage.note(victim.id, isOneWay ? 'is not heard' : 'is cut off');
    for (const { id } of this.#stage.servers) {
      if (id === victim.id) continue;
      this.#stage.network.block(victim.id, id);
      if (!isOneWay) this.#stage.network.block(id, victim.id);
    }
  }

  /**
   * A follower hears the leader and is not heard, while the leader forgets what a snapshot covers; then the follower forgets how much
   * is committed. For want of an answer the leader sends its snapshot to one who has all of it, and more.
   */
  #mute(): Millis {
    const { servers, network, events } = this.#stage;
    const leader = servers.find((s) => s.isLeader);
    const others = servers.filter((s) => s !== leader);
    if (!leader?.node?.hasLease() || others.length === 0) return 0;
    const victim = pick(this.fate, others);
    network.heal();
    this.restart();
    this.#stage.note(victim.id, 'hears and is not heard');
    for (const { id } of servers) if (id !== victim.id) network.block(victim.id, id);
    this.write(1 + this.fate.int(6));
    events.after(this.fate.float() * 60, () => {
      leader.snapshot();
      this.write(1 + this.fate.int(12));
    });
    events.after(100 + this.fate.float() * 500, () => {
      if (!victim.isUp) return;
      victim.kill();
      victim.start();
    });
    const forMs = 1000 + this.fate.float() * 4000;
    events.after(forMs, () => {
      for (const { id } of servers) network.unblock(victim.id, id);
    });
    return forMs;
  }

  /** Links are clogged one by one and unclogged in another order. Source: FoundationDB's "swizzle-clogging". */
  #swizzle(): void {
    const { fate } = this;
    const { servers, network, events } = this.#stage;
    const links: (readonly [string, string])[] = [];
    for (const { id: a } of servers) {
      for (const { id: b } of servers) if (a !== b && fate.float() < 0.5) links.push([a, b]);
    }
    let at: Millis = 0;
    for (const [from, to] of shuffle(fate, [...links])) {
      events.after(at, () => network.clog(from, to));
      at += fate.float() * 200;
    }
    for (const [from, to] of shuffle(fate, [...links])) {
      at += fate.float() * 200;
      events.after(at, () => network.unclog(from, to));
    }
  }

  #disturbNetwork(): void {
    const fate = this.fate;
    this.#stage.network.heal();
    this.#stage.network.loss = pick(fate, [0, 0, 0.05, 0.2]);
    this.#stage.network.delayMs = pick(fate, [1, 10, 100]);
    this.#stage.network.duplicates = pick(fate, [0, 0.2]);
    this.#stage.network.stragglers = pick(fate, [0, 0.05, 0.2]);
    for (const a of this.#stage.servers) {
      for (const b of this.#stage.servers) if (a !== b && fate.float() < 0.15) this.#stage.network.block(a.id, b.id);
    }
  }
}

export const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;
