import type { Clock, Endpoint, Rng } from '@proconsul/base';
import { shuffle } from '@proconsul/base';
import { type Delegate, type GossipNode, type GossipPool, NodeState } from '@proconsul/gossip';

const LATENCY_MS = 1;
const SPREAD_MS = 50;
const GOSSIP_MS = 200;
const FAILURE_MS = 3_000;
const PACKET_BYTES = 1_300;
const FAN_OUT = 3;

/** A pool in one process, on virtual time: what Serf needs of gossip, without its protocol. */
export class FakeGossip {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly pools = new Map<number, FakePool>();
  /** Answers true for a packet that is lost. */
  drops: (from: string, to: string) => boolean = () => false;

  constructor(clock: Clock, rng: Rng) {
    this.clock = clock;
    this.rng = rng;
  }

  pool(name: string, port: number): (delegate: Delegate) => FakePool {
    return (delegate) => new FakePool(this, delegate, name, port);
  }

  at(port: number): FakePool | undefined {
    return this.pools.get(port);
  }
}

export class FakePool implements GossipPool {
  readonly #net: FakeGossip;
  readonly delegate: Delegate;
  readonly #known = new Map<string, GossipNode>();
  #self: GossipNode;
  #timer: { cancel(): void } | undefined;
  score = 0;

  constructor(net: FakeGossip, delegate: Delegate, name: string, port: number) {
    this.#net = net;
    this.delegate = delegate;
    const versions: GossipNode['versions'] = [1, 5, 2, 2, 5, 4];
    this.#self = { name, address: '127.0.0.1', port, meta: new Uint8Array(0), state: 0, incarnation: 1, versions };
  }

  nodes(): readonly GossipNode[] {
    return [...this.#known.values()];
  }

  node(name: string): GossipNode | undefined {
    return this.#known.get(name);
  }

  get self(): GossipNode {
    return this.#self;
  }

  aliveCount(): number {
    return this.nodes().filter((node) => node.state === NodeState.alive).length;
  }

  async start(): Promise<void> {
    this.#self = { ...this.#self, meta: this.delegate.meta(512) };
    this.#net.pools.set(this.#self.port, this);
    this.learn(this.#self);
    const tick = () => {
      this.#timer = this.#net.clock.after(GOSSIP_MS, () => {
        tick();
        this.#gossip();
      });
    };
    tick();
  }

  /** Takes news of a member, tells the delegate, and passes it on. */
  learn(node: GossipNode): void {
    const known = this.#known.get(node.name);
    if (node.name === this.#self.name && node.port !== this.#self.port) {
      this.delegate.onConflict?.(this.#self, node);
      return;
    }
    if (known !== undefined && known.port !== node.port && known.state === NodeState.alive) {
      this.delegate.onConflict?.(known, node);
      return;
    }
    if (known !== undefined && known.incarnation > node.incarnation) return;
    if (known?.incarnation === node.incarnation && known.state === node.state) return;
    const isAlive = node.state === NodeState.alive;
    if (isAlive && this.delegate.onAlive?.(node) !== undefined) return;
    this.#known.set(node.name, node);
    const wasAlive = known?.state === NodeState.alive;
    if (isAlive && wasAlive) this.delegate.onUpdate(node);
    else if (isAlive) this.delegate.onJoin(node);
    else if (wasAlive) this.delegate.onLeave(node);
    this.#pass(node);
  }

  #pass(node: GossipNode): void {
    this.#net.clock.after(SPREAD_MS, () => {
      for (const other of this.#others()) this.#net.at(other.port)?.learn(node);
    });
  }

  #others(): GossipNode[] {
    return this.nodes().filter((node) => node.name !== this.#self.name && node.state === NodeState.alive);
  }

  #gossip(): void {
    for (const other of shuffle(this.#net.rng, this.#others()).slice(0, FAN_OUT)) {
      for (const message of this.delegate.broadcasts(3, PACKET_BYTES))
        this.sendPacket({ host: '', port: other.port }, message);
    }
  }

  async join(addresses: readonly Endpoint[]): Promise<{ joined: number; errors: Error[] }> {
    const errors: Error[] = [];
    let joined = 0;
    for (const { host, port } of addresses) {
      const other = this.#net.at(port);
      if (other === undefined || other === this) errors.push(new Error(`dial tcp ${host}:${port}: connection refused`));
      else {
        const refusal = this.exchange(other, true);
        if (refusal === undefined) joined++;
        else errors.push(new Error(refusal));
      }
    }
    return { joined, errors };
  }

  /** A full exchange. */
  exchange(other: FakePool, isJoin: boolean): string | undefined {
    const mine = this.nodes();
    const theirs = other.nodes();
    const myState = this.delegate.localState(isJoin);
    const theirState = other.delegate.localState(isJoin);
    const refusal = isJoin ? this.delegate.onMerge?.(theirs) : undefined;
    if (refusal !== undefined) return refusal;
    if (isJoin && other.delegate.onMerge?.(mine) !== undefined) return undefined;
    for (const node of theirs) this.learn(node);
    for (const node of mine) other.learn(node);
    this.delegate.mergeState(theirState, isJoin);
    other.delegate.mergeState(myState, isJoin);
    return undefined;
  }

  async leave(): Promise<void> {
    this.#self = { ...this.#self, state: NodeState.left, incarnation: this.#self.incarnation + 1 };
    this.learn(this.#self);
    await new Promise<void>((resolve) => this.#net.clock.after(2 * SPREAD_MS, resolve));
  }

  async stop(): Promise<void> {
    this.crash();
  }

  /** Falls silent; the others notice after a while. */
  crash(): void {
    this.#timer?.cancel();
    this.#net.pools.delete(this.#self.port);
    const dead = { ...this.#self, state: NodeState.dead };
    this.#net.clock.after(FAILURE_MS, () => {
      if (this.#net.pools.has(this.#self.port)) return;
      for (const pool of this.#net.pools.values()) {
        if (pool.node(dead.name)?.state === NodeState.alive) pool.learn(dead);
      }
    });
  }

  updateMeta(): void {
    const meta = this.delegate.meta(512);
    this.#self = { ...this.#self, meta, incarnation: this.#self.incarnation + 1 };
    this.learn(this.#self);
  }

  /** Starts again after a crash, knowing nobody, with a higher incarnation than its death. */
  async restart(): Promise<void> {
    this.#known.clear();
    this.comesBack();
    await this.start();
  }

  /** It has lived before: its incarnation is higher than that of its death. Call it before the start. */
  comesBack(): void {
    this.#self = { ...this.#self, incarnation: this.#self.incarnation + 10 };
  }

  async ping({ name, port }: Pick<GossipNode, 'name' | 'port'>): Promise<boolean> {
    await new Promise<void>((resolve) => this.#net.clock.after(2 * LATENCY_MS, resolve));
    const other = this.#net.at(port)?.self.name;
    return other === name && !this.#net.drops(this.#self.name, name) && !this.#net.drops(name, this.#self.name);
  }

  sendPacket(to: Endpoint | GossipNode, message: Uint8Array): void {
    const copy = message.slice();
    this.#net.clock.after(LATENCY_MS, () => {
      const other = this.#net.at(to.port);
      if (other === undefined || this.#net.drops(this.#self.name, other.self.name)) return;
      other.delegate.onMessage(copy);
      copy.fill(0xff); // The bytes are only valid during the call.
    });
  }

  async sendReliable(to: GossipNode, message: Uint8Array): Promise<void> {
    this.sendPacket(to, message);
  }

  healthScore(): number {
    return this.score;
  }

  readonly lookedAt: string[] = [];

  lookAt(host: string): void {
    this.lookedAt.push(host);
  }

  forget(name: string): void {
    this.#known.delete(name);
  }
}
