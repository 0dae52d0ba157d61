import { type Log, type Millis, noMetrics, type Rng, seededRng, silentLog } from '@proconsul/base';
import {
  type Delegate,
  type GossipNode,
  MEMBERLIST_DEFAULTS,
  Memberlist,
  type MemberlistOptions,
  NodeState,
} from '@proconsul/gossip';
import { EventQueue } from '../event-queue.ts';
import { PoolNetwork } from './pool-network.ts';
import { SimProcess } from './process.ts';

/** Turns of promises after an event on a stream. What is not done by then goes on after the next one. */
const TURNS = 32;
const PORT = 8301;
/** Wait after a first join that failed. */
const REJOIN_MS = 1000;
const EMPTY = new Uint8Array(0);

/** What one member has seen of another. */
export interface PoolEvent {
  readonly at: Millis;
  readonly by: number;
  readonly about: number;
  readonly what: 'join' | 'failed' | 'left' | 'update';
}

export interface SimMember {
  readonly index: number;
  readonly address: string;
  process: SimProcess;
  pool: Memberlist;
  /** Messages of the layer above that it has heard, by their text. */
  readonly heard: Set<string>;
  readonly toSpread: Uint8Array[];
}

export interface PoolSimOptions {
  readonly seed: number | string;
  readonly options?: Partial<MemberlistOptions>;
  /** Share by which clocks differ from the true rate, at most. */
  readonly drift?: number;
  /** Members cannot notice that they stood still. */
  readonly hidesStalls?: boolean;
  readonly log?: (index: number) => Log;
  /** Fewer events are kept when nobody looks at joins. */
  readonly keepJoins?: boolean;
}

/** A pool of members on virtual time. Everything that happens follows from the seed. */
export class PoolSim {
  readonly events: EventQueue = new EventQueue();
  readonly rng: Rng;
  readonly network: PoolNetwork;
  readonly members: SimMember[] = [];
  readonly seen: PoolEvent[] = [];
  readonly #settings: PoolSimOptions;
  /** Of all members, and may change while they run. */
  retransmitMult: number;

  constructor(settings: PoolSimOptions) {
    this.#settings = settings;
    this.retransmitMult = settings.options?.retransmitMult ?? MEMBERLIST_DEFAULTS.retransmitMult;
    this.rng = seededRng(settings.seed);
    this.network = new PoolNetwork(this.events, seededRng(`${settings.seed} network`));
  }

  get now(): Millis {
    return this.events.now;
  }

  /** Starts another member, which knows nobody yet. */
  async add(): Promise<SimMember> {
    const index = this.members.length;
    const member = this.#boot(index, `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`);
    this.members.push(member);
    await member.pool.start();
    return member;
  }

  /** Starts `count` members, each joining through a random one before it, and waits until all know all. */
  async grow(count: number, everyMs: Millis = 20): Promise<void> {
    for (let i = 0; i < count; i++) {
      const member = await this.add();
      if (member.index > 0) void this.#joinFirmly(member);
      await this.run(everyMs);
    }
    await this.#untilConverged();
  }

  /**
   * The same for a large pool, without gossip: all join through the first member, and once more when it knows all. With a
   * `retransmitMult` of 0 nobody repeats meanwhile what all get to know in this way.
   */
  async growAround(count: number, everyMs: Millis = 20): Promise<void> {
    for (let i = 0; i < count; i++) {
      const member = await this.add();
      if (i > 0) void this.join(member, this.members[0]!);
      await this.run(everyMs);
    }
    for (const member of this.members.slice(1)) {
      void this.join(member, this.members[0]!);
      await this.run(everyMs);
    }
    await this.#untilConverged();
  }

  async #untilConverged(): Promise<void> {
    await this.until(() => this.isConverged(), 300_000, 'the pool has not converged');
  }

  join(member: SimMember, through: SimMember): Promise<unknown> {
    return member.pool.join([{ host: through.address, port: PORT }]);
  }

  /** Tries random members until one takes it in, as a start does in earnest. */
  async #joinFirmly(member: SimMember): Promise<void> {
    const through = this.members[this.rng.int(member.index)]!;
    const { joined } = await member.pool.join([{ host: through.address, port: PORT }]);
    if (joined === 0) member.process.after(REJOIN_MS, () => void this.#joinFirmly(member));
  }

  /** Ends the process without a word. */
  kill(member: SimMember): void {
    member.process.kill();
  }

  /** A new process at the same address, with the same name. It knows nobody. */
  async restart(member: SimMember): Promise<void> {
    member.process.kill();
    const fresh = this.#boot(member.index, member.address);
    member.process = fresh.process;
    member.pool = fresh.pool;
    await member.pool.start();
  }

  get live(): SimMember[] {
    return this.members.filter((m) => m.process.isUp);
  }

  /** Every live member holds exactly the live members to be there. */
  isConverged(): boolean {
    const live = this.live;
    if (live.some((m) => m.pool.aliveCount() !== live.length)) return false;
    return live.every((m) => m.pool.nodes().every((n) => n.state !== NodeState.suspect));
  }

  /** Lets virtual time pass. */
  async run(forMs: Millis): Promise<void> {
    const until = this.now + forMs;
    await this.#settle();
    while (this.events.step(until)) if (this.network.hasStreamNews) await this.#settle();
  }

  /** Lets time pass until `fact` holds; it is looked at every 10 ms. Returns how long that took. */
  async until(fact: () => boolean, withinMs: Millis, what: string): Promise<Millis> {
    const start = this.now;
    while (!fact()) {
      if (this.now - start > withinMs) throw new Error(`seed ${this.#settings.seed}: ${what} within ${withinMs} ms`);
      await this.run(10);
    }
    return this.now - start;
  }

  /** When each member held `about` to be failed for the first time after `from`. */
  failures(about: number, from: Millis): PoolEvent[] {
    return this.seen.filter((e) => e.about === about && e.at >= from && e.what === 'failed');
  }

  async #settle(): Promise<void> {
    this.network.hasStreamNews = false;
    for (let turn = 0; turn < TURNS; turn++) await undefined;
  }

  #boot(index: number, address: string): SimMember {
    const { seed, drift = 0, options, log } = this.#settings;
    const rate = 1 + (this.rng.float() * 2 - 1) * drift;
    const process = new SimProcess(this.events, { offsetMs: this.rng.float() * 1e6, rate });
    process.hidesStalls = this.#settings.hidesStalls ?? false;
    const heard = new Set<string>();
    const toSpread: Uint8Array[] = [];
    const own = { ...MEMBERLIST_DEFAULTS, ...options, name: `n${index}`, bind: { host: address, port: PORT } };
    Object.defineProperty(own, 'retransmitMult', { get: () => this.retransmitMult });
    const pool = new Memberlist(own, {
      clock: process,
      rng: seededRng(`${seed} member ${index} ${this.now}`),
      network: this.network.attach(address, process),
      log: log?.(index) ?? silentLog,
      metrics: noMetrics,
      delegate: this.#delegate(index, heard, toSpread),
    });
    return { index, address, process, pool, heard, toSpread };
  }

  #delegate(by: number, heard: Set<string>, toSpread: Uint8Array[]): Delegate {
    const note = (what: PoolEvent['what'], node: GossipNode): void => {
      if (what === 'join' && this.#settings.keepJoins === false) return;
      this.seen.push({ at: this.now, by, about: Number(node.name.slice(1)), what });
    };
    return {
      meta: () => META,
      onMessage: (message) => {
        const text = decoder.decode(message);
        if (heard.has(text)) return;
        heard.add(text);
      },
      broadcasts: (overhead, limit) => {
        const first = toSpread[0];
        if (first === undefined || first.length + overhead > limit) return [];
        return [toSpread.shift()!];
      },
      localState: () => EMPTY,
      mergeState: () => undefined,
      onJoin: (node) => note('join', node),
      onLeave: (node) => note(node.state === NodeState.left ? 'left' : 'failed', node),
      onUpdate: (node) => note('update', node),
    };
  }
}

const decoder = new TextDecoder();
/** As long as the tags of a client agent. */
const META = new Uint8Array(150).fill(120);
