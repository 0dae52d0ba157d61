import {
  type AesGcm,
  type Clock,
  type Datagrams,
  type Endpoint,
  errorText,
  invariant,
  type Listener,
  type Log,
  type Metrics,
  type Network,
  type Rng,
} from '@proconsul/base';
import { addressBytes, addressText, hostPort, parseCidr } from './address.ts';
import { Awareness } from './awareness.ts';
import { BroadcastQueue } from './broadcast-queue.ts';
import { Crypt } from './crypt.ts';
import type { Delegate, GossipNode } from './delegate.ts';
import { GossipError } from './errors.ts';
import { Exchange } from './exchange.ts';
import { transmitLimit } from './formulas.ts';
import type { Keyring } from './keyring.ts';
import { META_BYTES_MAX } from './limits.ts';
import { isLive, Members } from './members.ts';
import type { MemberlistOptions } from './options.ts';
import { PacketReceiver } from './packet-receiver.ts';
import { PacketSender } from './packet-sender.ts';
import { PendingAcks } from './pending-acks.ts';
import { Pinger, type Whereabouts } from './pinger.ts';
import type { GossipPool } from './pool.ts';
import { Prober } from './prober.ts';
import { Spreader } from './spreader.ts';
import { StateRules } from './state-rules.ts';
import { userMessage } from './wire/user-message.ts';

export interface MemberlistDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly network: Network;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly delegate: Delegate;
  /** Both are needed for encryption; an empty keyring is none. */
  readonly aesGcm?: AesGcm;
  readonly keyring?: Keyring;
}

/** Ports tried until one is free for packets and streams both. */
const BIND_TRIES = 10;

/**
 * A member of a gossip pool: finds out who is there and who has failed, and spreads the messages of the layer above.
 * Speaks the protocol of memberlist, as Consul's and Serf's agents do.
 */
export class Memberlist implements GossipPool {
  readonly #options: MemberlistOptions;
  readonly #d: MemberlistDependencies;
  readonly #members: Members;
  readonly #queue: BroadcastQueue;
  readonly #awareness: Awareness;
  readonly #rules: StateRules;
  readonly #sender: PacketSender;
  readonly #receiver: PacketReceiver;
  readonly #exchange: Exchange;
  readonly #prober: Prober;
  readonly #pinger: Pinger;
  readonly #spreader: Spreader;
  #listener: Listener | undefined;
  #socket: Datagrams | undefined;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #hasLeft = false;

  /** Throws GossipError for a CIDR that is none. */
  constructor(options: MemberlistOptions, dependencies: MemberlistDependencies) {
    this.#options = options;
    this.#d = dependencies;
    const { clock, rng, log, metrics, network, delegate } = dependencies;
    const members = new Members(rng);
    const queue = new BroadcastQueue(() => transmitLimit(options.retransmitMult, members.size));
    const awareness = new Awareness(options.awarenessMaxMultiplier, metrics, options.metricLabels);
    const crypt = new Crypt(options, dependencies);
    const acks = new PendingAcks(rng.int(2 ** 31));
    const cidrs = options.cidrsAllowed?.map((text) => {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new GossipError('CIDR', `invalid CIDR address: ${text}`);
      return cidr;
    });
    const onAccused = (name: string): void => this.#prober.verify(name);
    const common = {
      onAccused,
      clock,
      rng,
      log,
      metrics,
      network,
      delegate,
      members,
      queue,
      awareness,
      crypt,
      acks,
      cidrs,
    };
    const rules = new StateRules(options, common);
    const sender = new PacketSender(options, common);
    const exchange = new Exchange(options, { ...common, rules });
    this.#receiver = new PacketReceiver(options, { ...common, rules, sender });
    this.#prober = new Prober(options, { ...common, rules, sender, exchange });
    this.#pinger = new Pinger(options, { ...common, sender });
    this.#spreader = new Spreader(options, { ...common, sender, exchange, queued: () => queue.size });
    this.#members = members;
    this.#queue = queue;
    this.#awareness = awareness;
    this.#rules = rules;
    this.#sender = sender;
    this.#exchange = exchange;
  }

  nodes(): readonly GossipNode[] {
    return this.#members.all().map(({ node }) => node);
  }

  node(name: string): GossipNode | undefined {
    return this.#members.get(name)?.node;
  }

  get self(): GossipNode {
    const member = this.#members.get(this.#options.name);
    invariant(member !== undefined, 'the pool has not been started');
    return member.node;
  }

  aliveCount(): number {
    return this.#members.live;
  }

  lookAt(host: string): void {
    if (this.#state !== 'running' || this.#hasLeft) return;
    const there = this.#members.all().filter(({ node }) => node.address === host && node.name !== this.#options.name);
    this.#prober.look(there.map(({ node }) => node.name));
  }

  /** Messages of our own that wait to be spread. */
  queued(): number {
    return this.#queue.size;
  }

  /** Rejects with NetworkError when a socket cannot be bound, with GossipError NO_ADVERTISE without an address to tell. */
  async start(): Promise<void> {
    invariant(this.#state === 'new', 'a pool is started once');
    await this.#bind();
    this.#state = 'running';
    this.#announce();
    this.#prober.start(this.#d.rng.float() * this.#options.probeIntervalMs);
    this.#spreader.start();
  }

  async join(addresses: readonly Endpoint[]): Promise<{ readonly joined: number; readonly errors: readonly Error[] }> {
    let joined = 0;
    const errors: Error[] = [];
    for (const address of addresses) {
      try {
        await this.#exchange.pushPull(address, '', true);
        joined++;
      } catch (error) {
        const where = hostPort(address.host, address.port);
        const text = `Failed to join ${where}: ${errorText(error)}`;
        this.#d.log.debug(`memberlist: ${text}`);
        errors.push(new GossipError('JOIN', text, { address: where }));
      }
    }
    return { joined, errors };
  }

  async leave(timeoutMs: number): Promise<void> {
    if (this.#hasLeft || this.#state !== 'running') return;
    this.#hasLeft = true;
    const isAlone = this.#members.live <= 1;
    await new Promise<void>((resolve) => {
      const timer = this.#d.clock.after(timeoutMs, () => {
        this.#d.log.warn('memberlist: timeout waiting for leave broadcast');
        resolve();
      });
      const finished = (): void => {
        timer.cancel();
        resolve();
      };
      this.#rules.leave(isAlone ? () => undefined : finished);
      if (isAlone) finished();
    });
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#prober.stop();
    this.#pinger.stop();
    this.#spreader.stop();
    this.#receiver.stop();
    this.#exchange.stop();
    this.#sender.attach(undefined);
    for (const member of this.#members.all()) member.suspicion?.cancel();
    await Promise.all([this.#listener?.close(), this.#socket?.close()]);
  }

  updateMeta(): void {
    if (this.#state === 'running' && !this.#hasLeft) this.#announce();
  }

  sendPacket(to: Endpoint | GossipNode, message: Uint8Array): void {
    const endpoint = 'host' in to ? to : { host: to.address, port: to.port };
    this.#sender.send(endpoint, userMessage(message));
  }

  sendReliable(to: GossipNode, message: Uint8Array): Promise<void> {
    return this.#exchange.sendUser({ host: to.address, port: to.port }, message);
  }

  ping(there: Whereabouts): Promise<boolean> {
    return this.#state === 'running' ? this.#pinger.ping(there) : Promise.resolve(false);
  }

  healthScore(): number {
    return this.#awareness.score;
  }

  forget(name: string): void {
    const member = this.#members.get(name);
    if (member !== undefined && !isLive(member.node) && name !== this.#options.name) {
      this.#members.remove(new Set([name]));
    }
  }

  #announce(): void {
    const { name, versions } = this.#options;
    const { host, port } = this.#advertised();
    const meta = this.#d.delegate.meta(META_BYTES_MAX);
    invariant(meta.length <= META_BYTES_MAX, 'meta of a member is longer than its limit');
    this.#rules.announce({ name, address: host, port, meta, versions });
  }

  #advertised(): Endpoint {
    const { advertise } = this.#options;
    const { local } = this.#socket!;
    const bytes = addressBytes(advertise?.host ?? local.host);
    const host = addressText(bytes ?? null);
    if (host === undefined || bytes!.every((b) => b === 0)) {
      throw new GossipError('NO_ADVERTISE', `Failed to get advertise address: ${advertise?.host ?? local.host}`);
    }
    return { host, port: advertise?.port || local.port };
  }

  async #bind(): Promise<void> {
    const { network } = this.#d;
    const { host, port } = this.#options.bind;
    for (let tries = 1; ; tries++) {
      const listener = await network.listen({ host, port }, (stream) => this.#exchange.accept(stream));
      try {
        this.#socket = await network.bindUdp({ host, port: listener.local.port }, (bytes, from) => {
          if (this.#state === 'running') this.#receiver.receive(bytes, from);
        });
        this.#listener = listener;
        this.#sender.attach(this.#socket);
        this.#advertised();
        return;
      } catch (error) {
        await Promise.all([listener.close(), this.#socket?.close()]);
        this.#sender.attach(undefined);
        if (port !== 0 || tries >= BIND_TRIES || error instanceof GossipError) throw error;
      }
    }
  }
}
