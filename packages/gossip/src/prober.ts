import {
  type Clock,
  errorText,
  formatDuration,
  type Log,
  type Metrics,
  type Millis,
  NetworkError,
  type Rng,
  type Timer,
} from '@proconsul/base';
import { addressBytes } from './address.ts';
import type { Awareness } from './awareness.ts';
import { type Delegate, type GossipNode, NodeState } from './delegate.ts';
import type { Exchange } from './exchange.ts';
import { isLive, type Member, type Members } from './members.ts';
import { encodeSuspect, pingOf } from './node-messages.ts';
import type { MemberlistOptions } from './options.ts';
import type { PacketSender } from './packet-sender.ts';
import { patientTimer } from './patient-timer.ts';
import type { PendingAcks } from './pending-acks.ts';
import type { StateRules } from './state-rules.ts';
import { encodeCompound } from './wire/compound.ts';
import { MessageType } from './wire/message-type.ts';
import { indirectPing, type Ping, ping } from './wire/messages.ts';

/** From these memberlist protocols on a member answers pings over a stream, and says when it got no answer itself. */
const TCP_PING_PROTOCOL = 3;
const NACK_PROTOCOL = 4;

/** Share of the wait for an answer after which a silent member is tried over a stream, too: is there anybody at all? */
const STREAM_AFTER = 1 / 4;

/** Members, on average, that look after a suspect themselves at once. */
export const VERIFIERS = 4;
/** Suspects that wait for that. */
export const VERIFY_MAX = 32;
/** Members that are looked at out of turn at a time. */
export const LOOKS_MAX = 8;

export interface ProberDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly delegate: Delegate;
  readonly members: Members;
  readonly sender: PacketSender;
  readonly acks: PendingAcks;
  readonly rules: StateRules;
  readonly awareness: Awareness;
  readonly exchange: Exchange;
}

/** One probe under way. */
interface Probe {
  readonly sequence: number;
  readonly target: GossipNode;
  readonly startedAt: Millis;
  readonly intervalMs: Millis;
  readonly request: Ping;
  /** Others have been asked: an ack may be theirs. */
  hasAskedOthers: boolean;
  isReachedByStream: boolean;
  nacksWanted: number;
  nacks: number;
  timer: Timer;
}

/**
 * Asks one member after the other whether it is there. Silent ones are asked through others, and over a stream; who does
 * not answer at all becomes suspect. Source: SWIM (2002), section 4.3; Lifeguard (2018), section IV.A.
 */
export class Prober {
  readonly #options: MemberlistOptions;
  readonly #d: ProberDependencies;
  #timer: Timer | undefined;
  #current: Probe | undefined;
  readonly #toVerify = new Set<string>();
  #hasVerified = false;
  /** Members that somebody has a reason to think gone. */
  readonly #toLookAt = new Set<string>();
  #lookedAt: Millis = Number.NEGATIVE_INFINITY;
  /** Judged probes whose nacks are still counted. */
  readonly #waiting = new Set<Timer>();

  constructor(options: MemberlistOptions, dependencies: ProberDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  start(staggerMs: Millis): void {
    this.#timer = this.#d.clock.after(staggerMs, () => this.#round());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#current?.timer.cancel();
    this.#current = undefined;
    for (const timer of this.#waiting) timer.cancel();
  }

  /**
   * Somebody has been accused. A few members, whoever chance picks, make it the next one that they probe: an accusation by
   * a slow member is refuted sooner, since a suspect hears of it with the ping, and a just one is confirmed sooner.
   */
  verify(name: string): void {
    const { rng, members } = this.#d;
    if (!this.#options.verifySuspects || this.#toVerify.size >= VERIFY_MAX) return;
    if (rng.float() * Math.max(1, members.live - 2) < VERIFIERS) this.#toVerify.add(name);
  }

  /**
   * There is a reason to think that one of these is gone. They are probed at once, one after another: when no other probe is under way,
   * and once in an interval at most, so that the round goes on.
   */
  look(names: readonly string[]): void {
    for (const name of names) if (this.#toLookAt.size < LOOKS_MAX) this.#toLookAt.add(name);
    this.#lookNow();
  }

  #lookNow(): void {
    const now = this.#d.clock.now();
    if (this.#timer === undefined || this.#current !== undefined) return;
    if (this.#toLookAt.size === 0 || now - this.#lookedAt < this.#options.probeIntervalMs) return;
    this.#timer.cancel();
    this.#round(true);
  }

  /** The next to be probed. Suspects take every second turn at most, so that the round goes on. */
  #next(now: Millis, isLook: boolean): Member | undefined {
    const { members } = this.#d;
    for (const name of isLook ? this.#toLookAt : []) {
      this.#toLookAt.delete(name);
      if (this.#toLookAt.size === 0) this.#lookedAt = now;
      const member = members.get(name);
      if (member !== undefined && isLive(member.node) && name !== this.#options.name) return member;
    }
    if (!this.#hasVerified) {
      for (const name of this.#toVerify) {
        this.#toVerify.delete(name);
        const member = members.get(name);
        if (member?.node.state !== NodeState.suspect) continue;
        this.#hasVerified = true;
        return member;
      }
    }
    this.#hasVerified = false;
    return members.next(
      ({ node }) => isLive(node) && node.name !== this.#options.name,
      () => this.#forgetTheDead(now),
    );
  }

  #round(isLook = false): void {
    const { clock, awareness } = this.#d;
    const startedAt = clock.now();
    const intervalMs = awareness.scale(this.#options.probeIntervalMs);
    this.#timer = clock.after(intervalMs, () =>
      this.#whenDone(() => {
        this.#round();
        this.#lookNow();
      }),
    );
    const member = this.#next(startedAt, isLook);
    if (member !== undefined) this.#probe(member.node, startedAt, intervalMs);
  }

  /** A probe that was given a grace is finished before the next begins. */
  #whenDone(go: () => void): void {
    if (this.#current === undefined) return go();
    this.#timer = this.#d.clock.after(this.#options.probeTimeoutMs / 4, () => this.#whenDone(go));
  }

  #forgetTheDead(now: Millis): void {
    const { members } = this.#d;
    const keepMs = this.#options.gossipToTheDeadMs;
    const isGone = ({ node, changedAt }: Member): boolean =>
      !isLive(node) && now - changedAt > keepMs && node.name !== this.#options.name;
    members.remove(
      new Set(
        members
          .all()
          .filter(isGone)
          .map(({ node }) => node.name),
      ),
    );
  }

  #probe(target: GossipNode, startedAt: Millis, intervalMs: Millis): void {
    const { clock, acks, members, metrics, awareness } = this.#d;
    const { probeTimeoutMs, metricLabels } = this.#options;
    if (awareness.score > 0) metrics.count('memberlist.degraded.probe', 1, metricLabels);
    const sequence = acks.expect({
      onAck: (payload, at) => this.#acknowledged(probe, payload, at),
      onNack: () => {
        probe.nacks++;
      },
    });
    if (sequence === undefined) return;
    const probe: Probe = {
      sequence,
      target,
      startedAt,
      intervalMs,
      request: pingOf(target.name, sequence, members.get(this.#options.name)!.node),
      hasAskedOthers: false,
      isReachedByStream: false,
      nacksWanted: 0,
      nacks: 0,
      timer: patientTimer(clock, probeTimeoutMs * STREAM_AFTER, probeTimeoutMs, () => this.#tryStream(probe)),
    };
    this.#current = probe;
    this.#ping(probe);
  }

  /** A suspect hears of the accusation along with the ping, so that it can refute at once. */
  #ping({ target, request }: Probe): void {
    const { sender } = this.#d;
    const to = { host: target.address, port: target.port };
    const message = ping.encode(MessageType.ping, request);
    if (target.state === NodeState.alive) return sender.send(to, message);
    const { name: Node, incarnation: Incarnation } = target;
    const accused = encodeSuspect({ Node, From: this.#options.name, Incarnation });
    sender.sendAlone(to, encodeCompound([message, accused]), target);
  }

  /** Acks of the target itself, or forwarded by somebody whom we asked. */
  #acknowledged(probe: Probe, payload: Uint8Array, at: Millis): void {
    if (this.#current !== probe) return;
    const { awareness, delegate, metrics, members } = this.#d;
    const rttMs = at - probe.startedAt;
    this.#finish(probe);
    awareness.add(-1);
    metrics.sample('memberlist.probeNode', rttMs, this.#options.metricLabels);
    const node = members.get(probe.target.name)?.node;
    if (!probe.hasAskedOthers && node !== undefined) delegate.onPingDone?.(node, rttMs, payload);
    this.#lookNow();
  }

  #finish(probe: Probe): void {
    probe.timer.cancel();
    this.#d.acks.forget(probe.sequence);
    if (this.#current === probe) this.#current = undefined;
  }

  /** The answer takes longer than answers do. A process that is gone refuses a stream at once; one that is well takes it. */
  #tryStream(probe: Probe): void {
    const { clock } = this.#d;
    const { probeTimeoutMs, tcpProbes } = this.#options;
    const { target, startedAt, intervalMs } = probe;
    const leftMs = probeTimeoutMs * (1 - STREAM_AFTER);
    probe.timer = patientTimer(clock, leftMs, probeTimeoutMs, () => this.#askOthers(probe));
    if (!tcpProbes || target.versions[1] < TCP_PING_PROTOCOL) return;
    this.#pingByStream(probe, Math.max(0, startedAt + intervalMs - clock.now()));
  }

  #askOthers(probe: Probe): void {
    const { clock, log, members, sender } = this.#d;
    const { target, request, startedAt, intervalMs } = probe;
    probe.timer.cancel();
    probe.hasAskedOthers = true;
    log.debug(`memberlist: Failed UDP ping: ${target.name} (timeout reached)`);
    const isHelper = ({ node }: Member): boolean =>
      node.state === NodeState.alive && node.name !== target.name && node.name !== this.#options.name;
    for (const { node } of members.sample(this.#options.indirectChecks, isHelper)) {
      const Nack = node.versions[1] >= NACK_PROTOCOL;
      if (Nack) probe.nacksWanted++;
      const body = { ...request, Nack, Port: target.port, Target: addressBytes(target.address) ?? null };
      sender.send({ host: node.address, port: node.port }, indirectPing.encode(MessageType.indirectPing, body));
    }
    const leftMs = Math.max(0, startedAt + intervalMs - clock.now());
    probe.timer = patientTimer(clock, leftMs, this.#options.probeTimeoutMs, () => this.#judge(probe));
  }

  #pingByStream(probe: Probe, timeoutMs: Millis): void {
    const { exchange, log } = this.#d;
    const { target, request } = probe;
    exchange.ping({ host: target.address, port: target.port }, request, timeoutMs).then(
      () => {
        probe.isReachedByStream = true;
      },
      (error) => {
        if (!(error instanceof NetworkError)) {
          const text = `timeout ${formatDuration(probe.intervalMs * 1e6)}: ${errorText(error)}`;
          log.error(`memberlist: Failed fallback TCP ping: ${text}`);
        } else if (error.code === 'ECONNREFUSED' && this.#current === probe) this.#hurry(probe);
      },
    );
  }

  /**
   * Helpers that are well say that they saw nothing either; then the fault is not ours. Their nacks begin their way when
   * our time is nearly up, so they are counted a little later than the target is judged.
   */
  #watchNacks(probe: Probe): void {
    const { clock, awareness, acks } = this.#d;
    const { probeTimeoutMs } = this.#options;
    const waitMs = Math.max(0, probe.startedAt + probe.intervalMs - clock.now()) + probeTimeoutMs / 2;
    const timer = clock.after(waitMs, () => {
      this.#waiting.delete(timer);
      acks.forget(probe.sequence);
      if (probe.isReachedByStream) return;
      awareness.add(probe.nacksWanted > 0 ? Math.max(0, probe.nacksWanted - probe.nacks) : 1);
    });
    this.#waiting.add(timer);
  }

  /** Nobody listens where the target should: its process is gone. Others are asked now, and get only a moment. */
  #hurry(probe: Probe): void {
    const { clock } = this.#d;
    if (!probe.hasAskedOthers) this.#askOthers(probe);
    const graceMs = this.#options.probeTimeoutMs / 2;
    const leftMs = probe.startedAt + probe.intervalMs - clock.now();
    if (leftMs <= graceMs) return;
    probe.timer.cancel();
    probe.timer = patientTimer(clock, graceMs, this.#options.probeTimeoutMs, () => this.#judge(probe));
  }

  /** The time is over and nobody has seen the target. */
  #judge(probe: Probe): void {
    const { log, rules, metrics, clock } = this.#d;
    const { target } = probe;
    this.#current = undefined;
    this.#watchNacks(probe);
    metrics.sample('memberlist.probeNode', clock.now() - probe.startedAt, this.#options.metricLabels);
    if (probe.isReachedByStream) {
      log.warn(
        `memberlist: Was able to connect to ${target.name} over TCP but UDP probes failed, network may be misconfigured`,
      );
      return;
    }
    log.info(`memberlist: Suspect ${target.name} has failed, no acks received`);
    // Of the incarnation that was probed: a refutation in the meantime stands.
    rules.suspect({ Node: target.name, From: this.#options.name, Incarnation: target.incarnation });
  }
}
