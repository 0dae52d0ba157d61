import { type Clock, errorText, type Log, type Metrics, type Millis, type Timer } from '@proconsul/base';
import { addressBytes } from './address.ts';
import type { Awareness } from './awareness.ts';
import { type Delegate, type GossipNode, NodeState } from './delegate.ts';
import type { Exchange } from './exchange.ts';
import { isLive, type Member, type Members } from './members.ts';
import type { MemberlistOptions } from './options.ts';
import type { PacketSender } from './packet-sender.ts';
import { patientTimer } from './patient-timer.ts';
import type { PendingAcks } from './pending-acks.ts';
import { encodeSuspect, type StateRules } from './state-rules.ts';
import { encodeCompound } from './wire/compound.ts';
import { MessageType } from './wire/message-type.ts';
import { indirectPing, type Ping, ping } from './wire/messages.ts';

/** From these memberlist protocols on a member answers pings over a stream, and says when it got no answer itself. */
const TCP_PING_PROTOCOL = 3;
const NACK_PROTOCOL = 4;

export interface ProberDependencies {
  readonly clock: Clock;
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

  constructor(options: MemberlistOptions, dependencies: ProberDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  start(staggerMs: Millis): void {
    this.#timer = this.#d.clock.after(staggerMs, () => this.#round());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#current?.timer.cancel();
    this.#current = undefined;
  }

  #round(): void {
    const { clock, members, awareness } = this.#d;
    const startedAt = clock.now();
    const intervalMs = awareness.scale(this.#options.probeIntervalMs);
    this.#timer = clock.after(intervalMs, () => this.#whenDone(() => this.#round()));
    const member = members.next(
      ({ node }) => isLive(node) && node.name !== this.#options.name,
      () => this.#forgetTheDead(startedAt),
    );
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
    const { clock, acks, metrics, awareness } = this.#d;
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
      request: this.#request(target.name, sequence),
      hasAskedOthers: false,
      isReachedByStream: false,
      nacksWanted: 0,
      nacks: 0,
      timer: patientTimer(clock, probeTimeoutMs, probeTimeoutMs, () => this.#askOthers(probe, intervalMs)),
    };
    this.#current = probe;
    this.#ping(probe);
  }

  #request(name: string, sequence: number): Ping {
    const self = this.#d.members.get(this.#options.name)!.node;
    return {
      Node: name,
      SeqNo: sequence,
      SourceAddr: addressBytes(self.address) ?? null,
      SourceNode: self.name,
      SourcePort: self.port,
    };
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
  }

  #finish(probe: Probe): void {
    probe.timer.cancel();
    this.#d.acks.forget(probe.sequence);
    if (this.#current === probe) this.#current = undefined;
  }

  #askOthers(probe: Probe, intervalMs: Millis): void {
    const { clock, log, members, sender } = this.#d;
    const { target, request, startedAt } = probe;
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
    if (this.#options.tcpProbes && target.versions[1] >= TCP_PING_PROTOCOL) this.#pingByStream(probe, leftMs);
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
        if (this.#current === probe) log.debug(`memberlist: Failed fallback TCP ping: ${errorText(error)}`);
      },
    );
  }

  /** The interval is over and nobody has seen the target. */
  #judge(probe: Probe): void {
    const { log, awareness, rules, metrics, clock } = this.#d;
    const { target } = probe;
    this.#finish(probe);
    metrics.sample('memberlist.probeNode', clock.now() - probe.startedAt, this.#options.metricLabels);
    if (probe.isReachedByStream) {
      log.warn(
        `memberlist: Was able to connect to ${target.name} over TCP but UDP probes failed, network may be misconfigured`,
      );
      return;
    }
    // Helpers that are well say that they saw nothing either: then the fault is not ours.
    awareness.add(probe.nacksWanted > 0 ? Math.max(0, probe.nacksWanted - probe.nacks) : 1);
    log.info(`memberlist: Suspect ${target.name} has failed, no acks received`);
    // Of the incarnation that was probed: a refutation in the meantime stands.
    rules.suspect({ Node: target.name, From: this.#options.name, Incarnation: target.incarnation });
  }
}
