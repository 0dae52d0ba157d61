import { type Millis, noMetrics, type Rng, seededRng } from '@proconsul/base';
import { MEMBERLIST_DEFAULTS, Memberlist } from '@proconsul/gossip';
import { EventQueue, PoolNetwork, SimFiles, SimProcess } from '@proconsul/sim';
import type { SerfEvent, SerfMember } from '../events.ts';
import { SERF_DEFAULTS, type SerfOptions } from '../options.ts';
import { Serf } from '../serf.ts';
import { recordingLog } from './world.ts';

const PORT = 7946;
const TURNS = 40;
/** Clocks run up to a tenth of a percent fast or slow. */
const DRIFT = 0.001;
/** A start has read its files by then. */
const DISK_BUSY_MS = 100;

/** One member over all its lives. */
export interface SimSerf {
  readonly name: string;
  readonly address: string;
  readonly files: SimFiles;
  process: SimProcess;
  serf: Serf;
  /** Of the present life. */
  events: SerfEvent[];
  logged: string[];
  /** When the present life began. */
  since: Millis;
  hasLeft: boolean;
}

/** Serf on its gossip on a simulated network. Everything that happens follows from the seed. */
export class SerfSim {
  readonly queue = new EventQueue();
  readonly network: PoolNetwork;
  readonly rng: Rng;
  readonly members: SimSerf[] = [];
  readonly #seed: number | string;
  readonly #options: Partial<SerfOptions>;
  /** Until then promises may wait for a disk. */
  #diskBusyUntil: Millis = 0;

  constructor(seed: number | string, options: Partial<SerfOptions> = {}) {
    this.#seed = seed;
    this.#options = options;
    this.rng = seededRng(seed);
    this.network = new PoolNetwork(this.queue, seededRng(`${seed} network`));
  }

  get live(): SimSerf[] {
    return this.members.filter((m) => m.process.isUp && !m.hasLeft);
  }

  one(from: readonly SimSerf[] = this.live): SimSerf {
    return from[this.rng.int(from.length)]!;
  }

  /** A new member that knows nobody. */
  async add(): Promise<SimSerf> {
    const index = this.members.length;
    const blank = {
      name: `n${index}`,
      address: `10.0.${index >> 8}.${index & 255}`,
      files: new SimFiles(this.queue, seededRng(`${this.#seed} disk ${index}`)),
    };
    const member = { ...blank, hasLeft: false, since: this.queue.now } as SimSerf;
    this.#boot(member);
    this.members.push(member);
    await this.#start(member);
    return member;
  }

  async grow(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const through = this.live.length > 0 ? this.one() : undefined;
      const member = await this.add();
      if (through !== undefined) this.join(member, through);
      await this.run(50);
    }
    await this.until(() => this.knowsLive(), 120_000, 'everybody knows everybody');
  }

  join(member: SimSerf, through: SimSerf): void {
    const join = member.serf.join([{ host: through.address, port: PORT }], { ignoreOldEvents: true });
    join.catch(() => {}); // It may be stopped meanwhile.
  }

  /** Ends the process without a word. With `power`, what its disk had not synced may be lost or torn. */
  kill(member: SimSerf, power = false): void {
    member.process.kill();
    if (power) member.files.cutPower();
    else member.files.kill();
  }

  /** A new life of a member that was killed or has left. It finds the pool by its snapshot file, if it has one. */
  async restart(member: SimSerf): Promise<void> {
    member.process.kill();
    this.#boot(member);
    member.hasLeft = false;
    member.since = this.queue.now;
    await this.#start(member);
  }

  leave(member: SimSerf): void {
    member.hasLeft = true;
    void member.serf.leave().then(() => member.process.kill());
  }

  async #start(member: SimSerf): Promise<void> {
    let isDone = false;
    this.#diskBusyUntil = this.queue.now + DISK_BUSY_MS;
    const started = member.serf.start().then(() => {
      isDone = true;
    });
    while (!isDone) await this.run(1);
    await started;
  }

  #boot(member: SimSerf): void {
    const { name, address } = member;
    const drift = { offsetMs: this.rng.float() * 1e6, rate: 1 + (this.rng.float() * 2 - 1) * DRIFT };
    const process = new SimProcess(this.queue, drift);
    const events: SerfEvent[] = [];
    const logged: string[] = [];
    const rng = seededRng(`${this.#seed} ${name} ${this.queue.now}`);
    const io = { clock: process, rng, metrics: noMetrics, log: recordingLog(logged) };
    const network = this.network.attach(address, process);
    member.serf = new Serf(
      { ...SERF_DEFAULTS, name, tags: { name }, ...this.#options },
      {
        ...io,
        disk: member.files.mount(),
        pool: (delegate) =>
          new Memberlist(
            { ...MEMBERLIST_DEFAULTS, name, bind: { host: address, port: PORT } },
            { ...io, network, delegate },
          ),
        onEvent: (event) => {
          events.push(event);
        },
      },
    );
    Object.assign(member, { process, events, logged });
  }

  async run(forMs: Millis): Promise<void> {
    const until = this.queue.now + forMs;
    await this.#settle();
    while (this.queue.step(until)) {
      if (this.network.hasStreamNews || this.queue.now < this.#diskBusyUntil) await this.#settle();
    }
    await this.#settle();
  }

  async #settle(): Promise<void> {
    this.network.hasStreamNews = false;
    for (let turn = 0; turn < TURNS; turn++) await undefined;
  }

  async until(fact: () => boolean, withinMs: Millis, what: string): Promise<void> {
    const end = this.queue.now + withinMs;
    while (!fact()) {
      if (this.queue.now > end)
        throw new Error(`seed ${this.#seed}: not within ${withinMs} ms: ${what}\n${this.dump()}`);
      await this.run(100);
    }
  }

  /** Every live member holds exactly the live members to be alive. */
  knowsLive(): boolean {
    const names = new Set(this.live.map((m) => m.name));
    return this.live.every(({ serf }) => {
      const present = serf.members().filter(({ status }) => status === 'alive' || status === 'leaving');
      return present.length === names.size && present.every((m) => names.has(m.name) && m.status === 'alive');
    });
  }

  /** By member that is gone: the statuses that live members hold it to have. */
  gone(): Map<string, Set<SerfMember['status']>> {
    const seen = new Map<string, Set<SerfMember['status']>>();
    for (const { serf } of this.live) {
      for (const { name, status } of serf.members()) {
        if (status === 'alive') continue;
        seen.set(name, (seen.get(name) ?? new Set()).add(status));
      }
    }
    return seen;
  }

  dump(): string {
    const line = (m: SimSerf) =>
      `${m.name}: ${m.serf
        .members()
        .map((other) => `${other.name} ${other.status}`)
        .sort()
        .join(', ')}`;
    return this.live.map(line).join('\n');
  }
}
