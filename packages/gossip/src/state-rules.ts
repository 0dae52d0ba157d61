import { type Clock, equalBytes, type Log, type Metrics } from '@proconsul/base';
import { addressBytes, addressText, type Cidr, hostPort, isWithin } from './address.ts';
import type { Awareness } from './awareness.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import { type Delegate, type GossipNode, NodeState } from './delegate.ts';
import { confirmationsWanted, suspicionMinMs } from './formulas.ts';
import { MEMBERS_MAX, META_BYTES_MAX, NAME_CHARS_MAX } from './limits.ts';
import { isLive, type Member, type Members } from './members.ts';
import { encodeAlive, encodeSuspect, readVersions } from './node-messages.ts';
import type { MemberlistOptions } from './options.ts';
import { Suspicion } from './suspicion.ts';
import { MessageType } from './wire/message-type.ts';
import { type Accusation, type Alive, accusation, type NodeStateRecord } from './wire/messages.ts';

export interface StateRulesDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly delegate: Delegate;
  readonly members: Members;
  readonly queue: BroadcastQueue;
  readonly awareness: Awareness;
  readonly cidrs: readonly Cidr[] | undefined;
  /** Somebody else has become the first to accuse a member. */
  readonly onAccused: (name: string) => void;
}

const INCARNATION_MAX = 0xffff_ffff;
const NO_BYTES = new Uint8Array(0);

/**
 * Who is in which state, and what is spread about it. An incarnation is raised only by the member itself; a newer one
 * beats an older one; at the same incarnation dead beats suspect beats alive.
 * Source: SWIM (2002), section 4.2; gossip wire, section 3, state rules.
 */
export class StateRules {
  readonly #options: MemberlistOptions;
  readonly #d: StateRulesDependencies;
  #incarnation = 0;
  #leaving = false;

  constructor(options: MemberlistOptions, dependencies: StateRulesDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** We have begun to leave: our own death is not refuted any more. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Puts ourselves into the pool, or spreads what has changed about us. */
  announce(self: Omit<GossipNode, 'state' | 'incarnation'>): void {
    const { members, clock, delegate } = this.#d;
    const node: GossipNode = { ...self, state: NodeState.alive, incarnation: this.#nextIncarnation() };
    const member = members.get(self.name);
    if (member === undefined) {
      members.add({ node, changedAt: clock.now(), suspicion: undefined });
      this.#spread(node.name, encodeAlive(node));
      delegate.onJoin(node);
      return;
    }
    members.set(member, node, clock.now());
    this.#spread(node.name, encodeAlive(node));
    delegate.onUpdate(node);
  }

  alive(message: Alive): void {
    const { members, metrics, clock, delegate } = this.#d;
    const isSelf = message.Node === this.#options.name;
    if (isSelf && this.#leaving) return;
    const known = members.get(message.Node);
    if (known !== undefined && !isSelf && isStale(known.node, message)) return;
    const claimed = this.#claim(message, known);
    if (claimed === undefined) return;
    const member = known ?? this.#welcome(claimed);
    if (member === undefined) return;
    const old = member.node;
    const hasMoved = known !== undefined && (claimed.address !== old.address || claimed.port !== old.port);
    if (hasMoved && !this.#mayMove(member, claimed)) return;
    if (isSelf) return this.#compareSelf(old, claimed);
    if (claimed.incarnation <= old.incarnation && !hasMoved && known !== undefined) return;
    metrics.count('memberlist.msg.alive', 1, this.#options.metricLabels);
    member.suspicion?.cancel();
    member.suspicion = undefined;
    members.set(member, claimed, clock.now());
    this.#spread(claimed.name, encodeAlive(claimed));
    if (known === undefined || !isLive(old)) delegate.onJoin(claimed);
    else if (!equalBytes(old.meta, claimed.meta) || hasMoved) delegate.onUpdate(claimed);
  }

  suspect(message: Accusation): void {
    const { members, metrics, clock, log } = this.#d;
    const member = members.get(message.Node);
    if (member === undefined || message.Incarnation < member.node.incarnation) return;
    if (member.suspicion !== undefined) {
      if (member.suspicion.confirm(message.From)) this.#spread(message.Node, encodeSuspect(message));
      return;
    }
    if (member.node.state !== NodeState.alive) return;
    if (message.Node === this.#options.name) {
      this.#refute(message.Incarnation);
      log.warn(`memberlist: Refuting a suspect message (from: ${message.From})`);
      return;
    }
    metrics.count('memberlist.msg.suspect', 1, this.#options.metricLabels);
    this.#spread(message.Node, encodeSuspect(message));
    members.set(member, { ...member.node, state: NodeState.suspect, incarnation: message.Incarnation }, clock.now());
    this.#watch(member, message.From);
    if (message.From !== this.#options.name) this.#d.onAccused(message.Node);
  }

  /** `finished` is called when the death of ourselves has been told, or nobody is there to tell. */
  dead(message: Accusation, finished?: () => void): void {
    const { members, metrics, clock, delegate, log } = this.#d;
    const member = members.get(message.Node);
    if (member === undefined || message.Incarnation < member.node.incarnation) return finished?.();
    if (this.#isHearsay(message, member)) return this.suspect(message);
    member.suspicion?.cancel();
    member.suspicion = undefined;
    if (!isLive(member.node)) return finished?.();
    if (message.Node === this.#options.name && !this.#leaving) {
      this.#refute(message.Incarnation);
      log.warn(`memberlist: Refuting a dead message (from: ${message.From})`);
      return;
    }
    metrics.count('memberlist.msg.dead', 1, this.#options.metricLabels);
    this.#spread(message.Node, accusation.encode(MessageType.dead, message), finished);
    const state = message.From === message.Node ? NodeState.left : NodeState.dead;
    const node = { ...member.node, state, incarnation: message.Incarnation };
    members.set(member, node, clock.now());
    delegate.onLeave(node);
  }

  /**
   * Somebody else declares a member dead whom we do not even suspect: then the accusation has not reached us, so perhaps
   * not the accused either. It counts as the accusation, and the accused gets its time to deny it.
   */
  #isHearsay({ Node, From }: Accusation, { node }: Member): boolean {
    const { name } = this.#options;
    return node.state === NodeState.alive && From !== Node && From !== name && Node !== name;
  }

  /** Declares that we leave. `finished` as for {@link StateRules.dead}. */
  leave(finished: () => void): void {
    this.#leaving = true;
    const { name } = this.#options;
    this.dead({ Node: name, From: name, Incarnation: this.#incarnation }, finished);
  }

  /** One member as another one knows it. */
  merge(record: NodeStateRecord): void {
    const { Name: Node, Incarnation } = record;
    if (record.State === NodeState.alive) this.alive({ ...record, Node });
    else if (record.State === NodeState.left) this.dead({ Node, From: Node, Incarnation });
    // Let the others have their say before somebody is buried on one member's word.
    else this.suspect({ Node, From: this.#options.name, Incarnation });
  }

  #nextIncarnation(): number {
    this.#incarnation = Math.min(INCARNATION_MAX, this.#incarnation + 1);
    return this.#incarnation;
  }

  /** What an alive message says, unless it cannot be right or somebody refuses it. */
  #claim(message: Alive, known: Member | undefined): GossipNode | undefined {
    const { delegate, log } = this.#d;
    const { Node: name, Incarnation: incarnation } = message;
    const meta = message.Meta ?? NO_BYTES;
    const address = addressText(message.Addr);
    if (name === '' || name.length > NAME_CHARS_MAX || meta.length > META_BYTES_MAX) return undefined;
    const versions = readVersions(message.Vsn, known?.node.versions, delegate.onMerge !== undefined);
    if (address === undefined || versions === undefined) {
      log.warn(`memberlist: ignoring an alive message for '${name}' with bad address or protocol versions`);
      return undefined;
    }
    const port = message.Port || this.#selfPort();
    const node: GossipNode = { name, address, port, meta, state: NodeState.alive, incarnation, versions };
    if (name === this.#options.name) return node;
    const refusal = delegate.onAlive?.(node);
    if (refusal !== undefined) {
      log.warn(`memberlist: ignoring alive message for '${name}': ${refusal}`);
      return undefined;
    }
    return node;
  }

  #selfPort(): number {
    return this.#d.members.get(this.#options.name)?.node.port ?? 0;
  }

  /** A member of which we have not heard yet; undefined when it may not be one. */
  #welcome(node: GossipNode): Member | undefined {
    const { members, clock, log } = this.#d;
    if (!this.#isAllowed(node)) return undefined;
    if (members.size >= MEMBERS_MAX) {
      log.warn(`memberlist: Too many members, ignoring '${node.name}'`);
      return undefined;
    }
    const member: Member = { node: { ...node, state: NodeState.dead }, changedAt: clock.now(), suspicion: undefined };
    members.add(member);
    return member;
  }

  #isAllowed({ name, address, port }: GossipNode): boolean {
    const { cidrs, log } = this.#d;
    const bytes = addressBytes(address);
    if (cidrs === undefined || (bytes !== undefined && cidrs.some((cidr) => isWithin(bytes, cidr)))) return true;
    log.warn(
      `memberlist: Rejected node '${name}' (${hostPort(address, port)}): address is not in the allowed networks`,
    );
    return false;
  }

  /** A known name at another address: fine when its former holder is gone. */
  #mayMove(member: Member, claimed: GossipNode): boolean {
    const { clock, log, delegate } = this.#d;
    const old = member.node;
    const { deadNodeReclaimMs } = this.#options;
    const isExpired = deadNodeReclaimMs > 0 && clock.now() - member.changedAt > deadNodeReclaimMs;
    if (old.state === NodeState.left || (old.state === NodeState.dead && isExpired)) {
      if (!this.#isAllowed(claimed)) return false;
      const [from, to] = [hostPort(old.address, old.port), hostPort(claimed.address, claimed.port)];
      log.info(`memberlist: Updating address for left or failed node ${old.name} from ${from} to ${to}`);
      return true;
    }
    const mine = hostPort(old.address, old.port);
    const theirs = hostPort(claimed.address, claimed.port);
    log.error(
      `memberlist: Conflicting address for ${old.name}. Mine: ${mine} Theirs: ${theirs} Old state: ${old.state}`,
    );
    delegate.onConflict?.(old, claimed);
    return false;
  }

  /** Somebody tells about us. What is newer or different comes from an earlier life of ours, or from a namesake. */
  #compareSelf(own: GossipNode, claimed: GossipNode): void {
    if (claimed.incarnation < own.incarnation) return;
    const isSame = equalBytes(claimed.meta, own.meta) && claimed.versions.every((v, i) => v === own.versions[i]);
    if (claimed.incarnation === own.incarnation && isSame) return;
    this.#refute(claimed.incarnation);
    const where = hostPort(claimed.address, claimed.port);
    const meta = `[${claimed.meta.join(' ')}] VS [${own.meta.join(' ')}]`;
    const vsn = `[${claimed.versions.join(' ')}] VS [${own.versions.join(' ')}]`;
    this.#d.log.warn(`memberlist: Refuting an alive message for '${own.name}' (${where}) meta:(${meta}), vsn:(${vsn})`);
  }

  #refute(accused: number): void {
    const { members, clock, awareness } = this.#d;
    const self = members.get(this.#options.name)!;
    this.#incarnation = Math.max(this.#incarnation, accused);
    const node = { ...self.node, incarnation: this.#nextIncarnation() };
    members.set(self, node, clock.now());
    awareness.add(1);
    this.#spread(node.name, encodeAlive(node));
  }

  #spread(name: string, message: Uint8Array, finished?: () => void): void {
    this.#d.queue.add(finished === undefined ? { name, message } : { name, message, finished });
  }

  #watch(member: Member, from: string): void {
    const { clock, members, log, metrics } = this.#d;
    const { suspicionMult, suspicionMaxTimeoutMult, probeIntervalMs, name, metricLabels } = this.#options;
    const n = members.size;
    const wanted = confirmationsWanted(suspicionMult, n);
    const minMs = suspicionMinMs(suspicionMult, n, probeIntervalMs);
    const options = { from, wanted, minMs, maxMs: suspicionMaxTimeoutMult * minMs };
    member.suspicion = new Suspicion(clock, options, (confirmations) => {
      const { node } = member;
      if (confirmations < wanted) metrics.count('memberlist.degraded.timeout', 1, metricLabels);
      log.info(
        `memberlist: Marking ${node.name} as failed, suspect timeout reached (${confirmations} peer confirmations)`,
      );
      this.dead({ Node: node.name, From: name, Incarnation: node.incarnation });
    });
  }
}

/** Most alive messages tell what is known: those are passed over before anybody is asked about them. */
function isStale(known: GossipNode, message: Alive): boolean {
  if (message.Incarnation > known.incarnation) return false;
  return addressText(message.Addr) === known.address && message.Port === known.port;
}
