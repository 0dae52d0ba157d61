import { Writer } from '@proconsul/msgpack';
import { readFields } from './fields.ts';
import { bodyOf, MessageType } from './messages.ts';

/** Names of the queries that every member answers itself. */
export const InternalQuery = {
  prefix: '_serf_',
  ping: '_serf_ping',
  conflict: '_serf_conflict',
  installKey: '_serf_install-key',
  useKey: '_serf_use-key',
  removeKey: '_serf_remove-key',
  listKeys: '_serf_list-keys',
} as const;

export interface KeyResponseMessage {
  /** Base64. */
  readonly Keys: readonly string[] | null;
  readonly Message: string;
  readonly PrimaryKey: string;
  readonly Result: boolean;
}

/** The payload of a key query: the key's bytes; empty to list keys. */
export function encodeKeyRequest(key: Uint8Array): Uint8Array {
  const w = new Writer('gossip');
  w.byte(MessageType.keyRequest);
  w.mapHeader(1);
  w.key('Key');
  w.bytes(key);
  return w.finish();
}

/** Throws ProtocolError. */
export function decodeKeyRequest(message: Uint8Array): Uint8Array {
  const r = bodyOf(message, MessageType.keyRequest);
  let key = new Uint8Array(0);
  readFields(r, { Key: () => (key = new Uint8Array(r.bytes() ?? [])) });
  return key;
}

export function encodeKeyResponse(m: KeyResponseMessage): Uint8Array {
  const w = new Writer('gossip');
  w.byte(MessageType.keyResponse);
  w.mapHeader(4);
  w.key('Keys');
  if (m.Keys === null) w.nil();
  else {
    w.arrayHeader(m.Keys.length);
    for (const key of m.Keys) w.str(key);
  }
  w.key('Message');
  w.str(m.Message);
  w.key('PrimaryKey');
  w.str(m.PrimaryKey);
  w.key('Result');
  w.bool(m.Result);
  return w.finish();
}

/** Throws ProtocolError. */
export function decodeKeyResponse(message: Uint8Array): KeyResponseMessage {
  const r = bodyOf(message, MessageType.keyResponse);
  const m = { Keys: null as string[] | null, Message: '', PrimaryKey: '', Result: false };
  readFields(r, {
    Keys: () => {
      m.Keys = [];
      for (let count = r.arrayHeader(); count > 0; count--) m.Keys.push(r.str());
    },
    Message: () => (m.Message = r.str()),
    PrimaryKey: () => (m.PrimaryKey = r.str()),
    Result: () => (m.Result = r.bool()),
  });
  return m;
}
