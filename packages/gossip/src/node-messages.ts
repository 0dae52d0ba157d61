import { addressBytes } from './address.ts';
import type { GossipNode } from './delegate.ts';
import { MessageType } from './wire/message-type.ts';
import { type Accusation, accusation, alive, type NodeStateRecord, type Ping } from './wire/messages.ts';

/** What others are told of a member that is alive. */
export function encodeAlive(node: GossipNode): Uint8Array {
  return alive.encode(MessageType.alive, {
    Addr: addressBytes(node.address) ?? null,
    Incarnation: node.incarnation,
    Meta: node.meta,
    Node: node.name,
    Port: node.port,
    Vsn: Uint8Array.from(node.versions),
  });
}

export function encodeSuspect(message: Accusation): Uint8Array {
  return accusation.encode(MessageType.suspect, message);
}

/** A question of `self` to who has that name. */
export function pingOf(name: string, sequence: number, self: GossipNode): Ping {
  return {
    Node: name,
    SeqNo: sequence,
    SourceAddr: addressBytes(self.address) ?? null,
    SourceNode: self.name,
    SourcePort: self.port,
  };
}

/** As others are told in a full exchange. */
export function nodeRecord(node: GossipNode): NodeStateRecord {
  return {
    Addr: addressBytes(node.address) ?? null,
    Incarnation: node.incarnation,
    Meta: node.meta,
    Name: node.name,
    Port: node.port,
    State: node.state,
    Vsn: Uint8Array.from(node.versions),
  };
}

/** Undefined when they cannot be. Missing ones are taken as before, unless all six are `demanded`. */
export function readVersions(
  vsn: Uint8Array | null,
  before: GossipNode['versions'] | undefined,
  demanded: boolean,
): GossipNode['versions'] | undefined {
  if (vsn === null || vsn.length < 6) return demanded ? undefined : (before ?? [0, 0, 0, 0, 0, 0]);
  const [min, max] = [vsn[0]!, vsn[1]!];
  if (min === 0 || max === 0 || min > max) return undefined;
  return [min, max, vsn[2]!, vsn[3]!, vsn[4]!, vsn[5]!];
}
