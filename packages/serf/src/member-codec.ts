import { ProtocolError } from '@proconsul/base';
import { addressBytes, addressText, type GossipNode, NodeState } from '@proconsul/gossip';
import { Writer } from '@proconsul/msgpack';
import type { SerfMember } from './events.ts';
import { readFields, readUint } from './fields.ts';
import { bodyOf, MessageType } from './messages.ts';
import { decodeTags, readTags, writeTags } from './tags.ts';

/** The numbers of a status on the wire are the indexes. */
const STATUSES: readonly SerfMember['status'][] = ['none', 'alive', 'leaving', 'left', 'failed'];

/** A member as everybody else describes it when two claim one name. */
export function encodeConflictResponse(m: SerfMember): Uint8Array {
  const w = new Writer('gossip');
  w.byte(MessageType.conflictResponse);
  w.mapHeader(11);
  const uint = (name: string, value: number) => {
    w.key(name);
    w.uint(value);
  };
  w.key('Addr');
  w.bytes(addressBytes(m.address) ?? new Uint8Array(0));
  uint('DelegateCur', m.delegate[2]);
  uint('DelegateMax', m.delegate[1]);
  uint('DelegateMin', m.delegate[0]);
  w.key('Name');
  w.str(m.name);
  uint('Port', m.port);
  uint('ProtocolCur', m.protocol[2]);
  uint('ProtocolMax', m.protocol[1]);
  uint('ProtocolMin', m.protocol[0]);
  uint('Status', STATUSES.indexOf(m.status));
  w.key('Tags');
  writeTags(w, m.tags);
  return w.finish();
}

/** Throws ProtocolError. */
export function decodeConflictResponse(message: Uint8Array): SerfMember {
  const r = bodyOf(message, MessageType.conflictResponse);
  let name = '';
  let address: string | undefined;
  let port = 0;
  let status: SerfMember['status'] = 'none';
  let tags: Record<string, string> = Object.create(null);
  const protocol: [number, number, number] = [0, 0, 0];
  const delegate: [number, number, number] = [0, 0, 0];
  readFields(r, {
    Addr: () => (address = addressText(r.bytes() ?? new Uint8Array(0))),
    DelegateCur: () => (delegate[2] = readUint(r, 255)),
    DelegateMax: () => (delegate[1] = readUint(r, 255)),
    DelegateMin: () => (delegate[0] = readUint(r, 255)),
    Name: () => (name = r.str()),
    Port: () => (port = readUint(r, 0xffff)),
    ProtocolCur: () => (protocol[2] = readUint(r, 255)),
    ProtocolMax: () => (protocol[1] = readUint(r, 255)),
    ProtocolMin: () => (protocol[0] = readUint(r, 255)),
    Status: () => (status = STATUSES[readUint(r, STATUSES.length - 1)] ?? 'none'),
    Tags: () => (tags = readTags(r)),
  });
  if (address === undefined) throw new ProtocolError('SERF_ADDRESS', 'serf: a member without an address');
  return { name, address, port, tags, status, protocol, delegate };
}

/** A member of the gossip pool as Serf shows it. Throws ProtocolError when its tags cannot be read. */
export function memberOf(node: GossipNode, status: SerfMember['status'] = statusOf(node)): SerfMember {
  const [pmin, pmax, pcur, dmin, dmax, dcur] = node.versions;
  return {
    name: node.name,
    address: node.address,
    port: node.port,
    tags: decodeTags(node.meta),
    status,
    protocol: [pmin, pmax, pcur],
    delegate: [dmin, dmax, dcur],
  };
}

function statusOf(node: GossipNode): SerfMember['status'] {
  if (node.state === NodeState.left) return 'left';
  return node.state === NodeState.dead ? 'failed' : 'alive';
}
