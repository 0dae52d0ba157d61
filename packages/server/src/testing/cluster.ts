import { type Disk, type Log, type Rng, seededRng } from '@proconsul/base';
import { settle } from '@proconsul/base/testing';
import type { Caller, ReadDone, ReadMeta, View } from '@proconsul/endpoints';
import { RaftError } from '@proconsul/raft';
import { EventQueue, SimClock, SimFiles } from '@proconsul/sim';
import type { MemberChange } from '../leader/member-reconciler.ts';
import type { PoolMember } from '../servers/member.ts';
import { type Life, makeLife } from './life.ts';
import { TestNetwork } from './network.ts';

/** Tags of a server, as gossip carries them. */
export function tagsOf(id: string, given: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    ...{ role: 'consul', dc: 'dc1', id, port: '8300', vsn: '2', vsn_min: '2', vsn_max: '3', raft_vsn: '3' },
    ...{ build: '1.21.0:', segment: '', acls: '0', wan_join_port: '8302' },
    ...given,
  };
}

export interface ClusterOptions {
  readonly seed: number;
  readonly size: number;
  readonly datacenter?: string;
  /** 0: the first server writes the configuration of all by itself. */
  readonly expect?: number;
  readonly tags?: (id: string) => Readonly<Record<string, string>>;
}

/** Several servers in one process on virtual time: real Raft nodes and stores, a network that can be cut. */
export class TestCluster {
  readonly events = new EventQueue();
  readonly clock = new SimClock(this.events);
  readonly rng: Rng;
  readonly options: ClusterOptions;
  readonly members: PoolMember[] = [];
  readonly lives = new Map<string, Life>();
  readonly logged: string[] = [];
  /** Names of servers that announced that they lead, in order. */
  readonly announced: string[] = [];
  readonly #disks = new Map<string, SimFiles>();
  readonly #starting = new Set<string>();
  readonly network: TestNetwork;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.rng = seededRng(options.seed);
    this.network = new TestNetwork(this.events, this.rng, (id) => this.lives.has(id));
    for (let i = 1; i <= options.size; i++) this.addMember(`s${i}`);
  }

  get ids(): string[] {
    return this.members.map((m) => m.tags['id'] as string);
  }

  addMember(id: string): void {
    const expect = this.options.expect ?? 0;
    const tags = tagsOf(id, {
      dc: this.options.datacenter ?? 'dc1',
      ...(expect > 0 ? { expect: String(expect) } : {}),
      ...this.options.tags?.(id),
    });
    const address = `10.0.0.${this.members.length + 1}`;
    this.members.push({ name: id, address, port: 8301, status: 'alive', tags });
  }

  addressOf = (id: string): string => `${this.members.find((m) => m.tags['id'] === id)?.address}:8300`;

  life(id: string): Life {
    const life = this.lives.get(id);
    if (life === undefined) throw new Error(`${id} is not up`);
    return life;
  }

  /** Starts every server and waits until one leads. */
  async start(): Promise<void> {
    for (const id of this.ids) await this.boot(id);
    if ((this.options.expect ?? 0) === 0) {
      const servers = this.ids.map((id) => ({ id, address: this.addressOf(id), suffrage: 'voter' as const }));
      for (const id of this.ids) await this.settled(this.life(id).node.bootstrap({ servers }));
    }
    await this.until(() => this.leader() !== undefined, 30_000);
  }

  /** Starts a server and lets time pass until it takes part. */
  async boot(id: string): Promise<void> {
    await this.settled(this.begin(id));
  }

  /** The same for code that runs while time passes. */
  async begin(id: string): Promise<void> {
    if (this.#starting.has(id)) return;
    this.#starting.add(id);
    const life = this.#makeLife(id);
    try {
      await life.node.open();
    } finally {
      this.#starting.delete(id);
    }
    if (life.isOver) return;
    this.lives.set(id, life);
    await life.node.start();
    life.bootstrap.check();
  }

  /** kill -9: what is on the disk stays. */
  crash(id: string): void {
    const life = this.life(id);
    life.isOver = true;
    life.duties.stop();
    this.network.forget(id);
    this.lives.delete(id);
    this.#disks.get(id)?.kill();
  }

  /** What gossip learns of a member, at every server at once. */
  setStatus(id: string, status: PoolMember['status'], what: MemberChange): void {
    const at = this.members.findIndex((m) => m.tags['id'] === id);
    const member = { ...(this.members[at] as PoolMember), status };
    this.members[at] = member;
    for (const life of this.lives.values()) life.reconciler.changed(what, member);
    for (const life of this.lives.values()) life.bootstrap.check();
  }

  /** The server that leads and has taken up all its duties. */
  leader(): string | undefined {
    return this.ids.find((id) => this.lives.get(id)?.duties.isEstablished && this.lives.get(id)?.server.leads());
  }

  /** Lets virtual time pass. */
  async advance(ms: number): Promise<void> {
    const until = this.events.now + ms;
    for (;;) {
      await settle();
      if (!this.events.step(until)) break;
    }
    await settle();
  }

  async until(condition: () => boolean, withinMs: number): Promise<void> {
    const until = this.events.now + withinMs;
    for (;;) {
      await settle();
      if (condition()) return;
      if (!this.events.step(until)) throw new Error(`not within ${withinMs} ms`);
    }
  }

  /** Waits for a promise while virtual time passes. */
  async settled<T>(work: Promise<T>, withinMs = 60_000): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    work.then(over, over);
    await this.until(() => isOver, withinMs);
    return await work;
  }

  #makeLife(id: string): Life {
    return makeLife({
      id,
      datacenter: this.options.datacenter ?? 'dc1',
      expect: this.options.expect ?? 0,
      address: this.addressOf(id),
      clock: this.clock,
      rng: this.rng,
      log: this.#log(id),
      disk: this.#diskOf(id),
      transport: (isAlive) => this.network.transport(id, isAlive),
      members: () => this.members,
      whenRunning: (run) => this.network.whenRunning(id, run),
      reach: async (other) => {
        await this.network.travel(id, other);
        return this.life(other);
      },
      callerTo: (other) => this.callerTo(other, id),
      left: (other) => this.setStatus(other, 'left', 'leave'),
      announce: () => this.announced.push(id),
    });
  }

  #log(id: string): Log {
    const write = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
      const rest = Object.entries(fields ?? {}).map(([key, value]) => ` ${key}=${String(value)}`);
      this.logged.push(`${id} ${level} ${message}${rest.join('')}`);
    };
    const log: Log = {
      trace() {},
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      named: () => log,
    };
    return log;
  }

  /** The disk of a server. A new life mounts it anew, so that a dead one can write no more. */
  #diskOf(id: string): Disk {
    const files = this.#disks.get(id) ?? new SimFiles(this.events, this.rng);
    this.#disks.set(id, files);
    return files.mount();
  }

  /** Calls to a server over the network, as a connection makes them: texts of errors tell the hop. */
  callerTo(to: string, from: string): Caller {
    const hop = (error: unknown): Error => {
      const text = (error as Error).message;
      if (error instanceof RaftError || !text.startsWith('rpc error'))
        return new Error(`rpc error making call: ${text}`);
      return error as Error;
    };
    return {
      peek: () => undefined,
      leads: () => false,
      read: (method, args, options, done) =>
        this.#readOver(from, to, hop, (life, told) => life.server.read(method, args, options, told), done),
      write: async (method, args) => {
        await this.network.travel(from, to);
        const life = this.life(to);
        const result = await life.server.write(method, args).catch((error) => {
          throw hop(error);
        });
        if (life.isOver || !this.network.isConnected(to, from)) throw new Error('rpc error making call: EOF');
        await this.network.travel(to, from);
        return result;
      },
    };
  }

  #readOver<T>(
    from: string,
    to: string,
    hop: (error: unknown) => Error,
    ask: (life: Life, told: ReadDone<T>) => () => void,
    done: ReadDone<T>,
  ): () => void {
    let isOver = false;
    let cancel: () => void = () => {};
    const tell = (error: Error | null, view: View<T> | null, meta: ReadMeta) => {
      if (isOver) return;
      isOver = true;
      done(error, view, meta);
    };
    const nobody = { knownLeader: false, lastContactMs: 0 };
    this.network.travel(from, to).then(
      () => {
        if (isOver) return;
        const life = this.life(to);
        cancel = ask(life, (error, view, meta) => {
          this.network.travel(to, from).then(
            () => !life.isOver && tell(error === null ? null : hop(error), view, meta),
            () => undefined,
          );
        });
        // A process that dies takes its connections with it.
        const watch = () => {
          if (isOver) return;
          if (life.isOver) tell(new Error('rpc error making call: EOF'), null, nobody);
          else this.events.after(50, watch);
        };
        watch();
      },
      (error) => tell(error, null, nobody),
    );
    return () => {
      isOver = true;
      cancel();
    };
  }
}
