import { Reader } from '@proconsul/msgpack';
import { encoded, type Kind, type QueryMeta, type Struct } from '@proconsul/schema';
import { BARE_META, metaFields, metaOf, type ReplyCodec, setMeta } from './wire-method.ts';

/** A structure without fields. */
export const EMPTY_MAP: Uint8Array = new Uint8Array([0x80]);

/** Passes over one value of any kind. Throws ProtocolError. */
export function readEmpty(body: Uint8Array): void {
  new Reader(body).skip();
}

export interface MemberOptions<T> {
  /** What absent means here. Without it: null. */
  readonly absent?: T;
  /** Absent is written for an empty list, as peers do. */
  readonly emptyIsNil?: boolean;
}

/** An answer in one field of a structure, with `+QM` beside it. */
export function member<R extends QueryMeta, K extends keyof R & string, T = R[K]>(
  reply: Struct<R>,
  name: K,
  { absent, emptyIsNil }: MemberOptions<T> = {},
): ReplyCodec<unknown, T> {
  return {
    encodeReply: (value, meta) => {
      const held = emptyIsNil && Array.isArray(value) && value.length === 0 ? null : value;
      const record = reply.make();
      record[name] = held as R[K];
      setMeta(record, meta);
      return reply.encodeWire(record);
    },
    decodeReply: (body) => {
      const fields = reply.decodeWire(body);
      return { value: (fields[name] ?? absent ?? null) as T, meta: metaOf(fields) };
    },
  };
}

/** An answer whose fields lie between those of `+QM`. */
export function merged<R extends QueryMeta, T>(
  reply: Struct<R>,
  write: (value: T) => Omit<R, keyof QueryMeta>,
  read: (fields: R) => T,
): ReplyCodec<unknown, T> {
  return {
    encodeReply: (value, meta) => reply.encodeWire({ ...write(value), ...metaFields(meta) } as R),
    decodeReply: (body) => {
      const fields = reply.decodeWire(body);
      return { value: read(fields), meta: metaOf(fields) };
    },
  };
}

/** An answer that is a value and nothing else. */
export function bare<V, T = V>(
  kind: Kind<V>,
  write: (value: T) => V = (value) => value as unknown as V,
  read: (value: V) => T = (value) => value as unknown as T,
): ReplyCodec<unknown, T> {
  return {
    encodeReply: (value) => encodeKind(kind, write(value)),
    decodeReply: (body) => ({ value: read(kind.read(new Reader(body))), meta: BARE_META }),
  };
}

/** Whether a change took effect. `asked`: only then the answer says so; changes without a condition are told as false. */
export function outcome<A>(asked: (args: A) => boolean): ReplyCodec<A, boolean> {
  return {
    encodeReply: (value, _meta, args) => (value && asked(args) ? TRUE : FALSE),
    decodeReply: (body, args) => {
      const done = readBool(body);
      return { value: asked(args) ? done : true, meta: BARE_META };
    },
  };
}

const TRUE = new Uint8Array([0xc3]);
const FALSE = new Uint8Array([0xc2]);

function readBool(body: Uint8Array): boolean {
  const reader = new Reader(body);
  return reader.isNil() ? false : reader.bool();
}

/** An answer without anything in it. */
export const nothing: ReplyCodec<unknown, null> = {
  encodeReply: () => EMPTY_MAP,
  decodeReply: (body) => {
    readEmpty(body);
    return { value: null, meta: BARE_META };
  },
};

export const encodeKind = <V>(kind: Kind<V>, value: V): Uint8Array => encoded((w) => kind.write(w, value));
