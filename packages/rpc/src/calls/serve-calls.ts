import { errorText } from '@proconsul/base';
import {
  type AnyWireMethod,
  type Caller,
  type ReadMeta,
  type ReadMethod,
  type View,
  WIRE_SERVICES,
  type WireMeta,
  type WireRequest,
  type WriteMethod,
  wireMethods,
} from '@proconsul/endpoints';
import { type MsgpackKind, Reader } from '@proconsul/msgpack';
import type { RpcHandlers } from '../peer.ts';

/** Calls that are answered from elsewhere than the state: from gossip pools, for instance. */
export type ExtraCalls = ReadonlyMap<string, (body: Uint8Array) => Promise<Uint8Array>>;

/** Of writes: their answers tell nothing about themselves. */
const NO_META: WireMeta = { index: 0, knownLeader: false, lastContactMs: 0 };

/**
 * Answers calls from the wire by the table of methods. What it rejects with goes back as text, the reference's for
 * unknown methods and for bodies that cannot be read. A read whose caller is gone is cancelled.
 */
export function serveCalls(caller: Caller, extra: ExtraCalls = new Map()): RpcHandlers['call'] {
  return async (name, body, _from, signal) => {
    const wire = wireMethods.get(name);
    if (wire === undefined) {
      const other = extra.get(name);
      if (other === undefined) throw unknownMethod(name);
      return await other(body);
    }
    const { args, options } = decoded(wire, body);
    if (wire.method.kind === 'write') {
      const value = await caller.write(wire.method as WriteMethod<never, unknown>, args as never);
      return wire.encodeReply(value, NO_META, args);
    }
    const method = wire.method as ReadMethod<never, unknown>;
    return await new Promise<Uint8Array>((resolve, reject) => {
      let isOver = false;
      let isListening = false;
      let cancel: (() => void) | null = null;
      const abort = () => {
        isOver = true;
        cancel?.();
        reject(new Error('the caller is gone'));
      };
      cancel = caller.read(method, args as never, options, (error, view, meta) => {
        isOver = true;
        if (isListening) signal.removeEventListener('abort', abort);
        if (error !== null || view === null) return reject(error ?? new Error('no answer'));
        try {
          resolve(encoded(wire, view, meta, args));
        } catch (fault) {
          reject(fault);
        }
      });
      if (isOver) return;
      if (signal.aborted) return abort();
      isListening = true;
      signal.addEventListener('abort', abort, { once: true });
    });
  };
}

interface Kept {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** The bytes of a current answer are made once and go to everybody who asks the same. */
function encoded(wire: AnyWireMethod, view: View<unknown>, meta: ReadMeta, args: unknown): Uint8Array {
  const index = view.index;
  const isKept = view.valid && meta.knownLeader && meta.lastContactMs === 0;
  if (isKept) {
    const kept = view.memo.get(wire) as Kept | undefined;
    if (kept !== undefined && kept.index === index) return kept.bytes;
  }
  const bytes = wire.encodeReply(view.value, { ...meta, index }, args);
  if (isKept) view.memo.set(wire, { index, bytes } satisfies Kept);
  return bytes;
}

/** Numbers of kinds of values in the reference's decoder. Source: recorded answers. */
const VALUE_TYPES: Partial<Record<MsgpackKind, number>> = { int: 2, float: 4, bool: 5, str: 6 };
const UNSIGNED_TYPE = 3;
const isUnsignedForm = (code: number): boolean => code >= 0xcc && code <= 0xcf;

function valueType(body: Uint8Array): number | undefined {
  if (isUnsignedForm(body[0] ?? 0)) return UNSIGNED_TYPE;
  try {
    return VALUE_TYPES[new Reader(body).peekKind()];
  } catch {
    return undefined;
  }
}

function decoded(wire: AnyWireMethod, body: Uint8Array): WireRequest<unknown> {
  try {
    return wire.decodeRequest(body);
  } catch (error) {
    const type = valueType(body);
    if (type === undefined) throw new Error(`codec.decoder: ${errorText(error)}`);
    throw new Error(`codec.decoder: Only encoded map or array can be decoded into a struct. (valueType: ${type})`);
  }
}

/** Texts: recorded. */
function unknownMethod(name: string): Error {
  const dot = name.lastIndexOf('.');
  if (dot < 0) return new Error(`rpc: service/method request ill-formed: ${name}`);
  const what = WIRE_SERVICES.has(name.slice(0, dot)) ? 'method' : 'service';
  return new Error(`rpc: can't find ${what} ${name}`);
}
