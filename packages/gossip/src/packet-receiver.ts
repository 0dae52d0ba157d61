import {
  type Clock,
  EMPTY_BYTES,
  type Endpoint,
  errorText,
  type Log,
  type Metrics,
  ProtocolError,
} from '@proconsul/base';
import { addressText, hostPort } from './address.ts';
import type { Crypt } from './crypt.ts';
import type { Delegate } from './delegate.ts';
import { Handoff } from './handoff.ts';
import { PACKET_DEPTH_MAX, PACKET_PARTS_MAX, PACKET_PLAIN_BYTES_MAX } from './limits.ts';
import type { MemberlistOptions } from './options.ts';
import type { PacketSender } from './packet-sender.ts';
import type { PendingAcks } from './pending-acks.ts';
import type { StateRules } from './state-rules.ts';
import { decodeCompound } from './wire/compound.ts';
import { MessageType } from './wire/message-type.ts';
import { accusation, ack, alive, indirectPing, nack, type Ping, ping } from './wire/messages.ts';
import { decompressMessage, splitLabel, stripCrc } from './wire/wrappers.ts';

export interface PacketReceiverDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly delegate: Delegate;
  readonly crypt: Crypt;
  readonly sender: PacketSender;
  readonly acks: PendingAcks;
  readonly rules: StateRules;
}

/**
 * Share of the probe timeout after which a nack is sent: it must be back before the asker's interval is over.
 * Source: Lifeguard (2018), section IV.A.
 */
export const NACK_AFTER = 0.8;

/** What is left of one packet's allowance of parts. */
interface Budget {
  parts: number;
}

/** Takes packets apart and acts on what is in them. Nothing that arrives makes it throw. */
export class PacketReceiver {
  readonly #options: MemberlistOptions;
  readonly #d: PacketReceiverDependencies;
  readonly #handoff: Handoff;

  constructor(options: MemberlistOptions, dependencies: PacketReceiverDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#handoff = new Handoff(dependencies.clock, dependencies.log, (message, from) => this.#change(message, from));
  }

  receive(datagram: Uint8Array, from: Endpoint): void {
    const { log, metrics, crypt } = this.#d;
    // A Buffer's slices share its memory; a plain array's are copies, and may be kept.
    const bytes = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.length);
    metrics.count('memberlist.udp.received', bytes.length, this.#options.metricLabels);
    const source = hostPort(from.host, from.port);
    if (bytes.length === 0) {
      log.error(`memberlist: UDP packet too short (0 bytes) from=${source}`);
      return;
    }
    let message: Uint8Array;
    try {
      const split = splitLabel(bytes);
      if (split === undefined) throw new ProtocolError('LABEL', 'cannot decode label; packet has been truncated');
      if (split.label !== this.#options.label) {
        log.error(`memberlist: discarding packet with unacceptable label "${split.label}": from=${source}`);
        return;
      }
      message = crypt.openPacket(split.rest);
    } catch (error) {
      const what = error instanceof ProtocolError && error.code === 'LABEL' ? '' : 'Decrypt packet failed: ';
      log.error(`memberlist: ${what}${errorText(error)} from=${source}`);
      return;
    }
    this.#open(message, from, 0, { parts: PACKET_PARTS_MAX });
  }

  stop(): void {
    this.#handoff.stop();
  }

  #open(message: Uint8Array, from: Endpoint, depth: number, budget: Budget): void {
    try {
      this.#dispatch(message, from, depth, budget);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const source = hostPort(from.host, from.port);
      this.#d.log.error(`memberlist: ${FAILURES.get(message[0] ?? -1) ?? 'Failed'}: ${error.message} from=${source}`);
    }
  }

  #dispatch(message: Uint8Array, from: Endpoint, depth: number, budget: Budget): void {
    const type = message[0];
    const source = hostPort(from.host, from.port);
    if (type === undefined) {
      this.#d.log.error(`memberlist: missing message type byte from=${source}`);
      return;
    }
    if (depth > PACKET_DEPTH_MAX) throw new ProtocolError('PACKET_DEPTH', 'message is nested too deep');
    switch (type) {
      case MessageType.compound:
        return this.#compound(message, from, depth, budget);
      case MessageType.compress:
        return this.#open(decompressMessage(message, PACKET_PLAIN_BYTES_MAX), from, depth + 1, budget);
      case MessageType.hasCrc:
        return this.#open(stripCrc(message), from, depth + 1, budget);
      case MessageType.ping:
        return this.#ping(ping.decode(message), from);
      case MessageType.indirectPing:
        return this.#indirectPing(message, from);
      case MessageType.ack: {
        const { SeqNo, Payload } = ack.decode(message);
        return this.#d.acks.ack(SeqNo, Payload ?? EMPTY_BYTES, this.#d.clock.now());
      }
      case MessageType.nack:
        return this.#d.acks.nack(nack.decode(message).SeqNo);
      case MessageType.alive:
        return this.#handoff.add(message, source, true);
      case MessageType.suspect:
      case MessageType.dead:
      case MessageType.user:
        return this.#handoff.add(message, source, false);
      default:
        this.#d.log.error(`memberlist: msg type (${type}) not supported from=${source}`);
    }
  }

  #compound(message: Uint8Array, from: Endpoint, depth: number, budget: Budget): void {
    const { messages, truncated } = decodeCompound(message);
    if (truncated > 0) {
      const source = hostPort(from.host, from.port);
      this.#d.log.warn(`memberlist: Compound request had ${truncated} truncated messages from=${source}`);
    }
    for (const part of messages) {
      if (budget.parts-- <= 0) throw new ProtocolError('PACKET_PARTS', 'too many messages in one packet');
      this.#open(part, from, depth + 1, budget);
    }
  }

  #ping(request: Ping, from: Endpoint): void {
    const { log, delegate, sender } = this.#d;
    if (request.Node !== '' && request.Node !== this.#options.name) {
      const source = hostPort(from.host, from.port);
      log.warn(`memberlist: Got ping for unexpected node '${request.Node}' from=${source}`);
      return;
    }
    const Payload = delegate.ackPayload?.() ?? null;
    sender.send(replyTo(request, from), ack.encode(MessageType.ack, { SeqNo: request.SeqNo, Payload }));
  }

  /** Pings somebody for somebody else, under a sequence number of ours. */
  #indirectPing(message: Uint8Array, from: Endpoint): void {
    const { clock, acks, sender } = this.#d;
    const request = indirectPing.decode(message);
    const host = addressText(request.Target);
    if (host === undefined || request.Port === 0) return;
    const asker = replyTo(request, from);
    const sequence = acks.expect({
      onAck: () => {
        timer.cancel();
        sender.send(asker, ack.encode(MessageType.ack, { SeqNo: request.SeqNo, Payload: null }));
      },
    });
    if (sequence === undefined) return;
    const timer = clock.after(this.#options.probeTimeoutMs * NACK_AFTER, () => {
      acks.forget(sequence);
      if (request.Nack) sender.send(asker, nack.encode(MessageType.nack, { SeqNo: request.SeqNo }));
    });
    const own = { Node: request.Node, SeqNo: sequence, SourceAddr: null, SourceNode: '', SourcePort: 0 };
    sender.send({ host, port: request.Port }, ping.encode(MessageType.ping, own));
  }

  /** A state message whose turn has come. */
  #change(message: Uint8Array, from: string): void {
    const { rules, delegate, log } = this.#d;
    try {
      if (message[0] === MessageType.alive) rules.alive(alive.decode(message));
      else if (message[0] === MessageType.suspect) rules.suspect(accusation.decode(message));
      else if (message[0] === MessageType.dead) rules.dead(accusation.decode(message));
      else delegate.onMessage(message.subarray(1));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      log.error(`memberlist: ${FAILURES.get(message[0]!) ?? 'Failed'}: ${error.message} from=${from}`);
    }
  }
}

/** How the log names what could not be read. */
const FAILURES: ReadonlyMap<number, string> = new Map([
  [MessageType.ping, 'Failed to decode ping request'],
  [MessageType.indirectPing, 'Failed to decode indirect ping request'],
  [MessageType.ack, 'Failed to decode ack response'],
  [MessageType.nack, 'Failed to decode nack response'],
  [MessageType.suspect, 'Failed to decode suspect message'],
  [MessageType.alive, 'Failed to decode alive message'],
  [MessageType.dead, 'Failed to decode dead message'],
  [MessageType.compound, 'Failed to decode compound request'],
  [MessageType.compress, 'Failed to decompress packet'],
  [MessageType.hasCrc, 'Got invalid checksum for UDP packet'],
  [MessageType.user, 'Failed to handle user message'],
]);

/** Where the answer is wanted: a member behind another address than its packets come from says so. */
function replyTo(request: Ping, from: Endpoint): Endpoint {
  const host = addressText(request.SourceAddr);
  return host !== undefined && request.SourcePort > 0 ? { host, port: request.SourcePort } : from;
}
