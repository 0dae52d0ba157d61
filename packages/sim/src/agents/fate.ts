import { type Millis, type Rng, shuffle } from '@proconsul/base';
import { LAN_WEATHER, type PacketWeather } from '../weather.ts';
import type { Machine } from './machine.ts';
import { Operators } from './operators.ts';
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
  /** What may happen, and how often compared to the rest. */
  readonly #acts: (readonly [number, () => void])[] = [
    [16, () => this.#crash()],
    [16, () => this.#restart()],
    [10, () => this.#pause()],
    [8, () => this.#isolate()],
    [7, () => this.#halve()],
    [6, () => this.#swizzle()],
    [5, () => this.#flap()],
    [7, () => this.#change()],
    [10, () => this.#mend()],
    [3, () => this.#slowDisk()],
    [2, () => pick(this.#rng, this.#scene.servers).failSync()],
    [4, () => this.#fillDisk()],
    [4, () => this.#jump()],
    [8, () => this.#operators.transfer()],
    [4, () => this.#operators.removePeer()],
    [3, () => this.#operators.forceLeave()],
    [5, () => this.#leave()],
    [3, () => this.#terminate()],
  ];
  readonly #operators: Operators;
  /** Counts healings: what was to go on before has ended. */
  #generation = 0;
  faults = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#rng = scene.rng('fate');
    this.#operators = new Operators(scene);
    const { far } = scene;
    if (far !== undefined) this.#acts.push([10, () => this.#far(far)]);
  }

  /** Something happens. */
  act(): void {
    this.faults++;
    weighted(this.#rng, this.#acts)();
  }

  /** Everything works again, and everybody is there. */
  heal(): void {
    const { everywhere, network } = this.#scene;
    this.#mend();
    network.weather = LAN_WEATHER;
    for (const m of everywhere) {
      m.files.latencyMs = CALM_DISK_MS;
      m.files.failNextSync = false;
      m.files.isFull = false;
      m.isKept = true;
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
      if (this.#rng.float() < 0.7) this.#startWithin(m, 4000);
    }
  }

  /** Starts the machine at some time, if it does not run any more by then. */
  #startWithin(m: Machine, ms: Millis): void {
    const { starts } = m;
    this.#scene.events.after(this.#rng.float() * ms, () => {
      if (!m.isUp && m.starts === starts) m.start();
    });
  }

  /** A server, or the client of which nothing hangs, leaves the cluster, and comes back. */
  #leave(): void {
    const { servers, wanderer } = this.#scene;
    const m = pick(this.#rng, wanderer === undefined ? servers : [...servers, wanderer]);
    this.#operators.leave(m);
    if (this.#rng.float() < 0.8) this.#startWithin(m, 12_000);
  }

  #terminate(): void {
    const m = this.#victim();
    m.terminate();
    if (this.#rng.float() < 0.8) this.#startWithin(m, 6000);
  }

  /** What happens to the other datacenter. */
  #far(far: Machine): void {
    const roll = this.#rng.float();
    if (roll < 0.6) return this.#cutOff(far);
    if (roll < 0.8) return far.pause(this.#rng.float() * 8000);
    far.kill();
    this.#startWithin(far, 4000);
  }

  #restart(): void {
    for (const m of this.#scene.everywhere) if (!m.isUp && this.#rng.float() < 0.7) m.start();
  }

  #pause(): void {
    this.#victim().pause(this.#rng.float() < 0.7 ? this.#rng.float() * 1500 : this.#rng.float() * 12_000);
  }

  /** One machine is cut off, or is not heard, or hears nothing. */
  #isolate(): void {
    this.#cutOff(this.#victim());
  }

  #cutOff(victim: Machine): void {
    const { everywhere, network } = this.#scene;
    const way = this.#rng.int(3);
    this.#note(`${victim.name} is ${['cut off', 'not heard', 'deaf'][way]}`);
    for (const { address } of everywhere) {
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

  /** No write fits for some time. */
  #fillDisk(): void {
    const { leader, servers } = this.#scene;
    const m = leader !== undefined && this.#rng.float() < 0.4 ? leader : pick(this.#rng, servers);
    if (m.files.isFull) return;
    this.#note(`the disk of ${m.name} is full`);
    m.files.isFull = true;
    this.#scene.events.after(this.#rng.float() * 8000, () => {
      m.files.isFull = false;
      // It could not start without space.
      if (!m.isUp) m.start();
    });
  }

  #jump(): void {
    const m = this.#victim();
    this.#note(`the wall clock of ${m.name} jumps`);
    m.clock.wallAheadMs += (this.#rng.float() * 2 - 1) * WALL_JUMP_MS;
  }
}

/** One of them, each as often as its weight says. */
function weighted<T>(rng: Rng, of: readonly (readonly [number, T])[]): T {
  let roll = rng.float() * of.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, one] of of) {
    roll -= weight;
    if (roll < 0) return one;
  }
  return (of.at(-1) as readonly [number, T])[1];
}

const names = (of: readonly Machine[]): string => of.map((m) => m.name).join(' ');
