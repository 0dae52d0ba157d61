import {
  type Clock,
  errorText,
  type Labels,
  type Log,
  type Metrics,
  type Millis,
  parseDuration,
} from '@proconsul/base';
import { type GossipNode, hostPort, NodeState } from '@proconsul/gossip';
import type { MemberEventKind, SerfMember } from './events.ts';
import { LamportClock } from './lamport-clock.ts';
import { memberOf } from './member-codec.ts';
import type { JoinIntent, LeaveIntent } from './messages.ts';
import type { SerfOptions } from './options.ts';
import { RecentIntents } from './recent-intents.ts';

/**
 * A member that goes is gone soon. One that is still there after this time does not mean to: its word against a leave in its name may
 * have been lost.
 */
export const LEAVING_MAX_MS: Millis = 60_000;

interface Known {
  /** Replaced, never changed. */
  member: SerfMember;
  /** Time of the last intent that was applied. */
  statusTime: number;
  /**
   * Of a member that has left: the time of a later word that it is here, which counts once gossip finds it. Told with the later time,
   * the leave would win over that very word.
   */
  joinTime: number;
  /** When it failed or left. */
  goneAt: Millis;
  /** When it was first known to be leaving. */
  leavingAt: Millis;
  /** It is to be forgotten some time after it has gone. */
  isPruned: boolean;
}

export interface MemberTableDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  emit(what: MemberEventKind, member: SerfMember): void;
  /** We are in the pool and mean to stay: a leave about us is an error. */
  isStaying(): boolean;
  /** Tell everybody that we are here. */
  refuteLeave(): void;
  /** A member that had failed is alive. */
  returned(): void;
  /** The member was erased. */
  erased(name: string): void;
}

/**
 * Who is in the pool, from two sources: gossip says who answers, intents say who means to come and go. A member that
 * stops answering after a leave intent has left; without one it has failed. Source: gossip wire notes, section 4.
 */
export class MemberTable {
  readonly clock = new LamportClock();
  readonly #options: SerfOptions;
  readonly #d: MemberTableDependencies;
  readonly #labels: Labels;
  readonly #members = new Map<string, Known>();
  readonly #intents: RecentIntents;

  constructor(options: SerfOptions, dependencies: MemberTableDependencies) {
    this.#options = options;
    this.#labels = options.metricLabels;
    this.#d = dependencies;
    this.#intents = new RecentIntents(dependencies.clock, options.recentIntentTimeoutMs);
  }

  all(): SerfMember[] {
    return Array.from(this.#members.values(), (known) => known.member);
  }

  get(name: string): SerfMember | undefined {
    return this.#members.get(name)?.member;
  }

  /** Members that failed in the last `ms`. Not those at whose address somebody else is by now. */
  failedWithin(ms: Millis): SerfMember[] {
    const now = this.#d.clock.now();
    const failed = [...this.#members.values()].filter((k) => k.member.status === 'failed' && now - k.goneAt <= ms);
    if (failed.length === 0) return [];
    const taken = new Set(this.all().flatMap((member) => (isGone(member) ? [] : [place(member)])));
    return failed.flatMap(({ member }) => (taken.has(place(member)) ? [] : [member]));
  }

  count(status: SerfMember['status']): number {
    let n = 0;
    for (const known of this.#members.values()) if (known.member.status === status) n++;
    return n;
  }

  get size(): number {
    return this.#members.size;
  }

  /** By name: the time of its last intent. */
  statusTimes(): Map<string, number> {
    return new Map(Array.from(this.#members, ([name, known]) => [name, known.statusTime]));
  }

  left(): string[] {
    return this.all().flatMap((member) => (member.status === 'left' ? [member.name] : []));
  }

  /** Gossip has found the member alive. */
  joined(node: GossipNode): void {
    const known = this.#members.get(node.name);
    if (known === undefined) this.#add(node);
    else {
      if (known.member.status === 'failed') this.#returned(known);
      known.member = this.#view(node, 'alive');
      known.statusTime = Math.max(known.statusTime, known.joinTime);
      known.isPruned = false;
    }
    this.#d.log.info(`serf: EventMemberJoin: ${node.name} ${node.address}`);
    this.#count('join');
    this.#emit('join', node.name);
  }

  #returned({ goneAt }: Known): void {
    if (this.#d.clock.now() - goneAt < this.#options.flapTimeoutMs) this.#count('flap');
    this.#d.returned();
  }

  /** Gossip has lost the member, or was told that it goes. */
  gone(node: GossipNode): void {
    const known = this.#members.get(node.name);
    if (known === undefined || known.member.status === 'left' || known.member.status === 'failed') return;
    const left = known.member.status === 'leaving' || node.state === NodeState.left;
    known.member = { ...known.member, status: left ? 'left' : 'failed' };
    known.goneAt = this.#d.clock.now();
    this.#d.log.info(`serf: ${left ? 'EventMemberLeave' : 'EventMemberFailed'}: ${node.name} ${node.address}`);
    this.#count(left ? 'left' : 'failed');
    this.#emit(left ? 'leave' : 'failed', node.name);
    if (known.isPruned) this.#pruneLater(node.name);
  }

  /** Its tags or its address have changed. */
  updated(node: GossipNode): void {
    const known = this.#members.get(node.name);
    if (known === undefined) return;
    known.member = this.#view(node, known.member.status);
    this.#d.log.info(`serf: EventMemberUpdate: ${node.name}`);
    this.#count('update');
    this.#emit('update', node.name);
  }

  /** The stamp of news that we have come, or are still here. */
  announceSelf(): JoinIntent {
    const intent = { LTime: this.clock.next(), Node: this.#options.name };
    const known = this.#members.get(intent.Node);
    if (known !== undefined) known.statusTime = intent.LTime;
    return intent;
  }

  /** A member says that it has come. True when that is news, which is to be spread. */
  joinIntent(intent: JoinIntent): boolean {
    this.clock.witness(intent.LTime);
    const known = this.#members.get(intent.Node);
    if (known === undefined) return this.#intents.add(intent.Node, 'join', intent.LTime);
    if (intent.LTime <= Math.max(known.statusTime, known.joinTime)) return false;
    if (known.member.status === 'left') {
      known.joinTime = intent.LTime;
      known.isPruned = false;
      return true;
    }
    known.statusTime = intent.LTime;
    if (intent.Node === this.#options.name && this.#d.isStaying()) {
      // Somebody has applied an intent about us that is newer than our last one: it may have been a leave.
      this.#d.refuteLeave();
      return false;
    }
    known.isPruned = false;
    if (known.member.status === 'leaving') this.#stays(known);
    return true;
  }

  #stays(known: Known): void {
    known.member = { ...known.member, status: 'alive' };
    this.#emit('update', known.member.name);
  }

  /** A member goes, or somebody says so of a failed one. True when that is news, which is to be spread. */
  leaveIntent(intent: LeaveIntent): boolean {
    this.clock.witness(intent.LTime);
    const known = this.#members.get(intent.Node);
    if (known === undefined) return this.#intents.add(intent.Node, 'leave', intent.LTime);
    if (intent.LTime <= Math.max(known.statusTime, known.joinTime)) return false;
    if (intent.Node === this.#options.name && this.#d.isStaying()) {
      this.#d.log.debug('serf: Refuting an older leave intent');
      // Whoever has us as left tells that with a time one later than it has it; ours must be later still.
      this.clock.witness(intent.LTime + 1);
      this.#d.refuteLeave();
      return false;
    }
    const { status } = known.member;
    if (status === 'alive') {
      known.member = { ...known.member, status: 'leaving' };
      known.leavingAt = this.#d.clock.now();
    } else if (status === 'failed') this.#leftAfterFailure(known);
    else if (!intent.Prune) return false;
    known.statusTime = intent.LTime;
    if (intent.Prune) this.#prune(known);
    return true;
  }

  /** Forgets failed and left members after their time, and what was said of leaving when nobody left. */
  reap(): void {
    const now = this.#d.clock.now();
    for (const known of this.#members.values()) {
      const { member } = known;
      const isOurs = member.name === this.#options.name;
      if (member.status !== 'leaving' || isOurs || now - known.leavingAt <= LEAVING_MAX_MS) continue;
      this.#d.log.info(`serf: ${member.name} was said to leave and is still here`);
      this.#stays(known);
    }
    for (const { member, goneAt } of [...this.#members.values()]) {
      if (!isGone(member)) continue;
      const keepMs = member.status === 'left' ? this.#options.tombstoneTimeoutMs : this.#reconnectTimeoutMs(member);
      if (now - goneAt > keepMs) this.#erase(member, 'EventMemberReap');
    }
    this.#intents.expire();
  }

  #add(node: GossipNode): void {
    const intent = this.#intents.take(node.name);
    const status = intent?.kind === 'leave' ? 'leaving' : 'alive';
    this.#members.set(node.name, {
      member: this.#view(node, status),
      statusTime: intent?.time ?? 0,
      joinTime: 0,
      goneAt: 0,
      leavingAt: this.#d.clock.now(),
      isPruned: false,
    });
  }

  #view(node: GossipNode, status: SerfMember['status']): SerfMember {
    try {
      return memberOf(node, status);
    } catch (error) {
      this.#d.log.error(`serf: Failed to decode tags: ${errorText(error)}`);
      return memberOf({ ...node, meta: NO_TAGS }, status);
    }
  }

  #leftAfterFailure(known: Known): void {
    known.member = { ...known.member, status: 'left' };
    known.goneAt = this.#d.clock.now();
    this.#d.log.info(`serf: EventMemberLeave (forced): ${known.member.name} ${known.member.address}`);
    this.#emit('leave', known.member.name);
  }

  #prune(known: Known): void {
    if (isGone(known.member)) this.#erase(known.member, 'EventMemberReap (forced)');
    else known.isPruned = true; // It is still there, and may refute the leave.
  }

  /** Its leave has to finish everywhere first. */
  #pruneLater(name: string): void {
    this.#d.clock.after(this.#options.broadcastTimeoutMs + this.#options.leavePropagateDelayMs, () => {
      const known = this.#members.get(name);
      if (known?.isPruned && isGone(known.member)) this.#erase(known.member, 'EventMemberReap (forced)');
    });
  }

  #erase(member: SerfMember, text: string): void {
    this.#d.log.info(`serf: ${text}: ${member.name} ${member.address}`);
    this.#members.delete(member.name);
    this.#d.erased(member.name);
    this.#d.emit('reap', member);
  }

  #reconnectTimeoutMs(member: SerfMember): Millis {
    const text = member.tags[this.#options.reconnectTimeoutTag];
    const ns = text === undefined ? undefined : parseDuration(text);
    return ns === undefined ? this.#options.reconnectTimeoutMs : ns / 1e6;
  }

  #emit(what: MemberEventKind, name: string): void {
    const member = this.get(name);
    if (member !== undefined) this.#d.emit(what, member);
  }

  #count(what: string): void {
    this.#d.metrics.count(`serf.member.${what}`, 1, this.#labels);
  }
}

const NO_TAGS = Uint8Array.of(255, 0x80);

const place = ({ address, port }: SerfMember): string => hostPort(address, port);

function isGone(member: SerfMember): boolean {
  return member.status === 'failed' || member.status === 'left';
}
