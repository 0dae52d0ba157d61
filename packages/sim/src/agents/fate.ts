import { type Millis, type Rng, shuffle } from '@proconsul/base';
import { LAN_WEATHER, type PacketWeather } from '../gossip/pool-network.ts';
import type { Machine } from './machine.ts';
import { pick, type Scene } from './scene.ts';

const SLOW_DISK_MS: Millis = 300;
const CALM_DISK_MS: Millis = 0.5;
/** How far the wall clock of a machine may jump, either way. */
const WALL_JUMP_MS: Millis = 3_600_000;

/** Settings of the network that a run comes across. */
const WEATHERS: readonly PacketWeather[] = [
  LAN_WEATHER,
  { delayMinMs: 1, delayMaxMs: 30, stragglers: 0.02, loss: 0, duplicates: 0.05 },
  { delayMinMs: 0.5, delayMaxMs: 10, stragglers: 0.05, loss: 0.1, duplicates: 0.2 },
  { delayMinMs: 5, delayMaxMs: 120, stragglers: 0.1, loss: 0.25, duplicates: 0 },
];

/** What goes wrong in a run, decided by its seed. */
export class Fate {
  readonly #scene: Scene;
  readonly #rng: Rng;
  /** Counts healings: what was to go on before has ended. */
  #generation = 0;
  faults = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#rng = scene.rng('fate');
  }

  /** Something happens. */
  act(): void {
    const roll = this.#rng.float();
    this.faults++;
    if (roll < 0.16) this.#crash();
    else if (roll < 0.32) this.#restart();
    else if (roll < 0.42) this.#pause();
    else if (roll < 0.5) this.#isolate();
    else if (roll < 0.57) this.#halve();
    else if (roll < 0.63) this.#swizzle();
    else if (roll < 0.68) this.#flap();
    else if (roll < 0.75) this.#change();
    else if (roll < 0.83) this.#mend();
    else if (roll < 0.86) this.#slowDisk();
    else if (roll < 0.88) pick(this.#rng, this.#scene.servers).failSync();
    else if (roll < 0.96) this.#transfer();
    else this.#jump();
  }

  /** Everything works again, and everybody is there. */
  heal(): void {
    const { machines, network } = this.#scene;
    this.#mend();
    network.weather = LAN_WEATHER;
    for (const m of machines) {
      m.files.latencyMs = CALM_DISK_MS;
      m.files.failNextSync = false;
      m.start();
    }
  }

  #note(what: string): void {
    this.#scene.note('*', what);
  }

  /** The leader more often than chance would have it. */
  #victim(): Machine {
    const { leader, machines } = this.#scene;
    return leader !== undefined && this.#rng.float() < 0.4 ? leader : pick(this.#rng, machines);
  }

  #crash(): void {
    const { servers } = this.#scene;
    const isAll = this.#rng.float() < 0.08;
    const isPowerCut = this.#rng.float() < 0.4;
    for (const m of isAll ? servers : [this.#victim()]) {
      if (isPowerCut) m.cutPower();
      else m.kill();
      // Most agents are started again by whoever watches over them.
      const { starts } = m;
      if (this.#rng.float() < 0.7) {
        this.#scene.events.after(this.#rng.float() * 4000, () => {
          if (!m.isUp && m.starts === starts) m.start();
        });
      }
    }
  }

  #restart(): void {
    for (const m of this.#scene.machines) if (!m.isUp && this.#rng.float() < 0.7) m.start();
  }

  #pause(): void {
    this.#victim().pause(this.#rng.float() < 0.7 ? this.#rng.float() * 1500 : this.#rng.float() * 12_000);
  }

  /** One machine is cut off, or is not heard, or hears nothing. */
  #isolate(): void {
    const { machines, network } = this.#scene;
    const victim = this.#victim();
    const way = this.#rng.int(3);
    this.#note(`${victim.name} is ${['cut off', 'not heard', 'deaf'][way]}`);
    for (const { address } of machines) {
      if (way !== 2) network.cut(victim.address, address);
      if (way !== 1) network.cut(address, victim.address);
    }
  }

  /** Two parts that do not see each other, or only by way of one machine. */
  #halve(): void {
    const { machines, network } = this.#scene;
    const order = shuffle(this.#rng, [...machines]);
    const middle = 1 + this.#rng.int(order.length - 1);
    const hasBridge = this.#rng.float() < 0.3;
    const [left, right] = [order.slice(0, middle), order.slice(middle + (hasBridge ? 1 : 0))];
    this.#note(`${names(left)} and ${names(right)} are parted${hasBridge ? ` but for ${order[middle]?.name}` : ''}`);
    for (const a of left) {
      for (const b of right) {
        network.cut(a.address, b.address);
        network.cut(b.address, a.address);
      }
    }
  }

  /**
   * Machines lose their network one after the other and get it back in another order. Source: Zhou et al., "FoundationDB: A
   * Distributed Unbundled Transactional Key Value Store" (2021), section 4: swizzle-clogging.
   */
  #swizzle(): void {
    const { events, machines, network } = this.#scene;
    const chosen = shuffle(this.#rng, [...machines]).slice(0, 1 + this.#rng.int(machines.length));
    this.#note(`swizzle ${names(chosen)}`);
    const generation = this.#generation;
    const others = (m: Machine, what: 'cut' | 'mend'): void => {
      for (const { address } of machines) {
        network[what](m.address, address);
        network[what](address, m.address);
      }
    };
    let at = 0;
    for (const m of chosen) {
      at += this.#rng.float() * 800;
      events.after(at, () => generation === this.#generation && others(m, 'cut'));
    }
    for (const m of shuffle(this.#rng, [...chosen])) {
      at += this.#rng.float() * 800;
      events.after(at, () => generation === this.#generation && others(m, 'mend'));
    }
  }

  #flap(): void {
    const { machines, network, events } = this.#scene;
    const [a, b] = shuffle(this.#rng, [...machines]) as [Machine, Machine];
    const periodMs = pick(this.#rng, [30, 300, 1500]);
    const generation = this.#generation;
    this.#note(`the link between ${a.name} and ${b.name} flaps`);
    let isCut = false;
    const turn = (): void => {
      if (generation !== this.#generation) return;
      isCut = !isCut;
      network[isCut ? 'cut' : 'mend'](a.address, b.address);
      if (this.#rng.float() < 0.7) network[isCut ? 'cut' : 'mend'](b.address, a.address);
      events.after(this.#rng.float() * 2 * periodMs, turn);
    };
    turn();
  }

  #change(): void {
    const weather = pick(this.#rng, WEATHERS);
    this.#note(`weather: ${weather.loss} lost, up to ${weather.delayMaxMs} ms`);
    this.#scene.network.weather = weather;
  }

  #mend(): void {
    this.#generation++;
    this.#note('the network is mended');
    this.#scene.network.heal();
  }

  #slowDisk(): void {
    const m = this.#victim();
    if (m.files.latencyMs > CALM_DISK_MS) return;
    this.#note(`the disk of ${m.name} is slow`);
    m.files.latencyMs = SLOW_DISK_MS * (0.1 + this.#rng.float());
    this.#scene.events.after(this.#rng.float() * 6000, () => {
      m.files.latencyMs = CALM_DISK_MS;
    });
  }

  #transfer(): void {
    const at = pick(this.#rng, this.#scene.machines);
    this.#note(`an operator at ${at.name} hands the leadership over`);
    void this.#scene.change(at, 'PUT', '/v1/operator/raft/transfer-leader');
  }

  #jump(): void {
    const m = this.#victim();
    this.#note(`the wall clock of ${m.name} jumps`);
    m.clock.wallAheadMs += (this.#rng.float() * 2 - 1) * WALL_JUMP_MS;
  }
}

const names = (of: readonly Machine[]): string => of.map((m) => m.name).join(' ');
