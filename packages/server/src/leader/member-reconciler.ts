import { type Clock, errorText, type Log, type Metrics, type Millis, type Timer } from '@proconsul/base';
import { DeregisterRequest, MessageType } from '@proconsul/schema';
import { isApplyError, SERF_HEALTH, type Store } from '@proconsul/store';
import type { Consensus } from '../consensus.ts';
import type { PoolMember } from '../servers/member.ts';
import { parseServerTags, type ServerInfo } from '../servers/server-tags.ts';
import { aliveRegistration, failedRegistration, missingRegistration } from './registration.ts';

/** How often the whole pool is compared with the catalog. Source: semantics, nodes. */
export const RECONCILE_PERIOD_MS: Millis = 60_000;

/**
 * A node that the pool does not know is deregistered only after this time. A leader that has just started knows few members:
 * those that it has not met yet, or that failed while it was away, are no less there for that.
 */
export const ABSENT_MS: Millis = 600_000;

/** Changes of members that may wait; those beyond it are found by the next comparison of the whole. */
export const RECONCILE_QUEUE_MAX = 256;

/** What became of a member, as gossip tells it. */
export type MemberChange = 'join' | 'update' | 'failed' | 'leave' | 'reap';

export interface ReconcilerOptions {
  readonly datacenter: string;
  readonly nodeName: string;
  readonly nodeId: string;
}

export interface ReconcilerDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly consensus: Consensus;
  /** The LAN pool, ourselves included. */
  members(): readonly PoolMember[];
}

/** Shown with every member: there are no other partitions. */
const partition = 'default';

/**
 * Keeps the catalog and the Raft configuration equal to the LAN pool, as long as we lead: who lives is registered with a
 * passing check, who failed gets a critical one, who left or was reaped is deregistered and no longer a peer. Members
 * that are no agents of this datacenter are passed over, and we never deregister ourselves.
 * Source: semantics, nodes; life cycle, membership states.
 */
export class MemberReconciler {
  readonly #options: ReconcilerOptions;
  readonly #d: ReconcilerDependencies;
  /** Turns with every start and stop: work of an earlier leadership ends. */
  #epoch = 0;
  #isRunning = false;
  #queue: { readonly what: MemberChange; readonly member: PoolMember }[] = [];
  #isWorking = false;
  #timer: Timer | undefined;
  /** Nodes that the pool does not know, with when that was first seen. */
  #absent = new Map<string, Millis>();

  constructor(options: ReconcilerOptions, dependencies: ReconcilerDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** Compares everything now and then again and again. Resolves after the first time. */
  async start(): Promise<void> {
    this.stop();
    this.#isRunning = true;
    await this.#periodically(this.#epoch);
  }

  stop(): void {
    this.#epoch++;
    this.#isRunning = false;
    this.#queue = [];
    this.#absent.clear();
    this.#timer?.cancel();
  }

  /** A member changed. Harmless while we do not lead. */
  changed(what: MemberChange, member: PoolMember): void {
    if (!this.#isRunning || this.#queue.length >= RECONCILE_QUEUE_MAX) return;
    this.#queue.push({ what, member });
    if (!this.#isWorking) void this.#work(this.#epoch);
  }

  async #periodically(epoch: number): Promise<void> {
    await this.#reconcileAll(epoch);
    if (epoch !== this.#epoch) return;
    this.#timer = this.#d.clock.after(RECONCILE_PERIOD_MS, () => void this.#periodically(epoch));
  }

  async #work(epoch: number): Promise<void> {
    this.#isWorking = true;
    while (epoch === this.#epoch) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      await this.#reconcile(next.member, next.what);
    }
    this.#isWorking = false;
    if (epoch !== this.#epoch && this.#queue.length > 0) void this.#work(this.#epoch);
  }

  /** Every member, then every node in the catalog that was one and is gone. */
  async #reconcileAll(epoch: number): Promise<void> {
    const startedAt = this.#d.clock.now();
    const members = this.#d.members();
    for (const member of members) {
      if (epoch !== this.#epoch) return;
      await this.#reconcile(member, CHANGE_OF[member.status]);
    }
    await this.#reconcileAbsent(new Set(members.map((member) => member.name.toLowerCase())), epoch);
    this.#d.metrics.sample('leader.reconcile', this.#d.clock.now() - startedAt);
  }

  /** Nodes that were members: critical when the pool does not know them the second time, gone after {@link ABSENT_MS}. */
  async #reconcileAbsent(present: ReadonlySet<string>, epoch: number): Promise<void> {
    const { clock, store } = this.#d;
    const before = this.#absent;
    this.#absent = new Map();
    for (const { Node } of store.health.checksInState('any').value.filter((c) => c.CheckID === SERF_HEALTH)) {
      if (epoch !== this.#epoch) return;
      const name = Node.toLowerCase();
      if (present.has(name)) continue;
      const since = before.get(name);
      this.#absent.set(name, since ?? clock.now());
      if (since === undefined) continue;
      if (clock.now() - since >= ABSENT_MS) await this.#attempt(Node, () => this.#deregister(Node, 'reaped'));
      else await this.#attempt(Node, () => this.#missing(Node));
    }
  }

  async #missing(Node: string): Promise<void> {
    const { log, store } = this.#d;
    const request = missingRegistration(store, this.#options.datacenter, Node);
    if (request === null) return;
    log.info('member is not in the pool, marking health critical', { member: Node, partition });
    await this.#commit(MessageType.Register, request);
  }

  async #reconcile(member: PoolMember, what: MemberChange | undefined): Promise<void> {
    if (what === undefined || !this.#isAgentOfOurs(member)) return;
    const startedAt = this.#d.clock.now();
    await this.#attempt(member.name, async () => {
      // What was true when it was queued may have changed: a member that came back is not failed.
      const now = this.#d.members().find((m) => m.name === member.name);
      const subject = now ?? member;
      const change = now === undefined ? what : (CHANGE_OF[now.status] ?? what);
      if (change === 'join' || change === 'update') await this.#alive(subject);
      else if (change === 'failed') await this.#failed(subject);
      else await this.#gone(subject, change === 'reap' ? 'reaped' : 'left');
    });
    this.#d.metrics.sample('leader.reconcileMember', this.#d.clock.now() - startedAt);
  }

  async #attempt(member: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#isRunning)
        this.#d.log.error('failed to reconcile member', { member, partition, error: errorText(error) });
    }
  }

  #isAgentOfOurs({ tags }: PoolMember): boolean {
    if (tags['dc'] !== this.#options.datacenter) return false;
    return tags['role'] === 'node' || tags['role'] === 'consul';
  }

  async #alive(member: PoolMember): Promise<void> {
    const { log, store } = this.#d;
    const server = parseServerTags(member);
    if (server !== undefined) await this.#joinRaft(server);
    const request = aliveRegistration(store, this.#options.datacenter, member, server);
    if (request === null) return;
    log.info('member joined, marking health alive', { member: member.name, partition });
    await this.#commit(MessageType.Register, request);
  }

  async #failed(member: PoolMember): Promise<void> {
    const { log, store } = this.#d;
    if (!this.#isInCatalog(member)) {
      log.info('ignoring failed event for member because it does not exist in the catalog', {
        member: member.name,
        partition,
      });
      return;
    }
    const request = failedRegistration(store, this.#options.datacenter, member);
    if (request === null) return;
    log.info('member failed, marking health critical', { member: member.name, partition });
    await this.#commit(MessageType.Register, request);
  }

  /** The node of that name may by now be another agent's. */
  #isInCatalog(member: PoolMember): boolean {
    const node = this.#d.store.catalog.node(member.name);
    if (node === undefined) return false;
    const id = member.tags['id'] ?? '';
    return node.ID === '' || id === '' || node.ID.toLowerCase() === id.toLowerCase();
  }

  async #gone(member: PoolMember, reason: 'left' | 'reaped'): Promise<void> {
    if (member.name === this.#options.nodeName) {
      this.#d.log.warn('deregistering self should be done by follower', { name: member.name, partition });
      return;
    }
    const server = parseServerTags(member);
    if (server !== undefined) await this.#leaveRaft(server);
    if (this.#isInCatalog(member)) await this.#deregister(member.name, reason);
  }

  async #deregister(Node: string, reason: 'left' | 'reaped'): Promise<void> {
    if (Node.toLowerCase() === this.#options.nodeName.toLowerCase()) return;
    this.#d.log.info('deregistering member', { member: Node, partition, reason });
    const request = DeregisterRequest.make({ Datacenter: this.#options.datacenter, Node });
    await this.#commit(MessageType.Deregister, request);
  }

  /** A server begins without a vote; autopilot gives it one once it has proved itself. Source: raft wire, joining. */
  async #joinRaft(server: ServerInfo): Promise<void> {
    const { consensus, log } = this.#d;
    if (server.id === '') return;
    if (server.bootstrap && this.#isSecondBootstrap(server)) return;
    const members = consensus.members();
    const known = members.find((m) => m.id === server.id);
    if (known?.address === server.address) return;
    // With one other server a change of our own address could leave us without it; alone we need nobody. Recorded: runs of the reference.
    const isRisky = members.length > 1 && members.length < SELF_MOVE_MIN;
    if (server.id === this.#options.nodeId && isRisky) return;
    const squatter = members.find((m) => m.address === server.address && m.id !== server.id);
    if (squatter !== undefined) {
      log.info('removing server with duplicate address', { address: squatter.address, id: squatter.id });
      await consensus.removeMember(squatter.id);
    }
    await consensus.addNonvoter(server.id, server.address);
  }

  #isSecondBootstrap(server: ServerInfo): boolean {
    const other = this.#d
      .members()
      .map(parseServerTags)
      .find(
        (s) => s?.bootstrap && s.name !== server.name && s.datacenter === server.datacenter && s.status === 'alive',
      );
    if (other === undefined) return false;
    this.#d.log.error(
      'Two nodes are in bootstrap mode. Only one node should be in bootstrap mode, not adding Raft peer.',
      { node_to_add: server.name, other: other.name },
    );
    return true;
  }

  async #leaveRaft(server: ServerInfo): Promise<void> {
    const { consensus, log } = this.#d;
    if (server.id === '' || server.id === this.#options.nodeId) return;
    if (!consensus.members().some((m) => m.id === server.id)) return;
    // The same server under another name lives on.
    const isElsewhere = this.#d.members().some((m) => m.status === 'alive' && m.tags['id'] === server.id);
    if (isElsewhere) return;
    log.info('removing server by ID', { id: server.id });
    await consensus.removeMember(server.id);
  }

  async #commit(type: number, request: unknown): Promise<void> {
    const result = await this.#d.consensus.propose({ type, request } as Parameters<Consensus['propose']>[0]);
    if (isApplyError(result as never)) throw new Error((result as { error: string }).error);
  }
}

/** Servers from which on a leader that is not alone may change its own address in the configuration. */
const SELF_MOVE_MIN = 3;

/** What a comparison makes of a member's state. Those that are leaving are left alone until they have. */
const CHANGE_OF: Readonly<Record<PoolMember['status'], MemberChange | undefined>> = {
  none: undefined,
  alive: 'join',
  leaving: undefined,
  left: 'leave',
  failed: 'failed',
};
