import { concatBytes, type Datagrams, type Endpoint, type Metrics } from '@proconsul/base';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Crypt } from './crypt.ts';
import type { Delegate, GossipNode } from './delegate.ts';
import type { MemberlistOptions } from './options.ts';
import { COMPOUND_HEADER_BYTES, COMPOUND_PART_BYTES, COMPOUND_PARTS_MAX, encodeCompound } from './wire/compound.ts';
import { userMessage } from './wire/user-message.ts';
import { addCrc, compressMessage, labelHeader } from './wire/wrappers.ts';

/** From this memberlist protocol on a member understands checksums. */
const CRC_PROTOCOL = 5;
/** The type byte in front of a delegate's message. */
const USER_BYTES = 1;
/** Shorter messages never get shorter by compression: its own frame costs about as much. */
const COMPRESS_FROM_BYTES = 32;

export interface PacketSenderDependencies {
  readonly metrics: Metrics;
  readonly delegate: Delegate;
  readonly queue: BroadcastQueue;
  readonly crypt: Crypt;
}

/** Puts packets together: broadcasts ride along, then compression, checksum, encryption and label. */
export class PacketSender {
  readonly #options: MemberlistOptions;
  readonly #d: PacketSenderDependencies;
  readonly #label: Uint8Array;
  #socket: Datagrams | undefined;

  constructor(options: MemberlistOptions, dependencies: PacketSenderDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#label = labelHeader(options.label);
  }

  /** Before it is called, and after it was called with undefined, packets go nowhere. */
  attach(socket: Datagrams | undefined): void {
    this.#socket = socket;
  }

  /** Sends a message with as much gossip as fits. */
  send(to: Endpoint, message: Uint8Array): void {
    const room = this.#room() - message.length - COMPOUND_PART_BYTES;
    const gossip = this.broadcasts(room);
    this.sendAlone(to, gossip.length === 0 ? message : encodeCompound([message, ...gossip]));
  }

  /** Sends only this; `node` is given where the receiver is known for sure, and gets a checksum if it takes one. */
  sendAlone(to: Endpoint, message: Uint8Array, node?: GossipNode): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    let packet = this.#options.compress ? compressIfSmaller(message) : message;
    if (node !== undefined && node.versions[1] >= CRC_PROTOCOL) packet = addCrc(packet);
    packet = this.#d.crypt.sealPacket(packet);
    if (this.#label.length > 0) packet = concatBytes([this.#label, packet]);
    this.#d.metrics.count('memberlist.udp.sent', packet.length, this.#options.metricLabels);
    socket.send(packet, to);
  }

  /** A packet of nothing but gossip. False when there is none. */
  sendGossip(node: GossipNode): boolean {
    const gossip = this.broadcasts(this.#room());
    if (gossip.length === 0) return false;
    const only = gossip.length === 1 ? gossip[0]! : encodeCompound(gossip);
    this.sendAlone({ host: node.address, port: node.port }, only, node);
    return true;
  }

  /** Messages to spread that fit, as parts of a compound, into `room` bytes: first our own, then the delegate's. */
  broadcasts(room: number): Uint8Array[] {
    const { queue, delegate } = this.#d;
    const own = queue.take(COMPOUND_PART_BYTES, room, COMPOUND_PARTS_MAX - 1);
    let left = room;
    for (const message of own) left -= message.length + COMPOUND_PART_BYTES;
    if (left <= COMPOUND_PART_BYTES + USER_BYTES) return own;
    for (const message of delegate.broadcasts(COMPOUND_PART_BYTES + USER_BYTES, left)) {
      if (own.length < COMPOUND_PARTS_MAX - 1) own.push(userMessage(message));
    }
    return own;
  }

  #room(): number {
    return this.#options.packetBytes - COMPOUND_HEADER_BYTES - this.#label.length - this.#d.crypt.overheadBytes;
  }
}

function compressIfSmaller(message: Uint8Array): Uint8Array {
  if (message.length < COMPRESS_FROM_BYTES) return message;
  const smaller = compressMessage(message);
  return smaller.length < message.length ? smaller : message;
}
