import { concatBytes, fromUtf8, utf8 } from './bytes.ts';
import { ProtocolError } from './errors.ts';

/** Kinds of values on the wire. Source: the Protocol Buffers encoding page. */
export const ProtoWire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * Writes a message field by field. As the proto3 encoders do, a field with the value of its type's zero is left out.
 * Source: the Protocol Buffers encoding page.
 */
export class ProtoWriter {
  readonly #chunks: Uint8Array[] = [];
  #open: number[] = [];

  /** An integer of up to 64 bits; negative ones take ten bytes, as int32 and int64 do. */
  int(field: number, value: number | bigint): this {
    if (value === 0 || value === 0n) return this;
    this.#tag(field, ProtoWire.varint);
    this.#varint(value);
    return this;
  }

  bool(field: number, value: boolean): this {
    return this.int(field, value ? 1 : 0);
  }

  /** The one value of a choice, which is written even when it is zero. */
  choice(field: number, value: number | boolean | string): this {
    if (typeof value === 'string') return this.#sized(field, utf8(value));
    this.#tag(field, ProtoWire.varint);
    this.#varint(Number(value));
    return this;
  }

  /** A double of a choice, zero too. */
  double(field: number, value: number): this {
    this.#tag(field, ProtoWire.fixed64);
    this.#close();
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#chunks.push(bytes);
    return this;
  }

  /** A message that has been encoded already; also when it is empty. */
  encoded(field: number, message: Uint8Array): this {
    return this.#sized(field, message);
  }

  text(field: number, value: string): this {
    return value === '' ? this : this.#sized(field, utf8(value));
  }

  texts(field: number, values: readonly string[] | null): this {
    for (const value of values ?? []) this.#sized(field, utf8(value));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.#sized(field, value);
  }

  /** A message inside; written even when it is empty, unless it is undefined. */
  message(field: number, value: ProtoWriter | undefined): this {
    return value === undefined ? this : this.#sized(field, value.finish());
  }

  /** A map: each pair is a message of key 1 and value 2, which stand there even when they are empty. */
  map<T>(
    field: number,
    values: Readonly<Record<string, T>> | null,
    write: (entry: ProtoWriter, value: T) => void,
  ): this {
    for (const [key, value] of Object.entries(values ?? {})) {
      const entry = new ProtoWriter().choice(1, key);
      write(entry, value);
      this.message(field, entry);
    }
    return this;
  }

  finish(): Uint8Array {
    this.#close();
    return concatBytes(this.#chunks);
  }

  #sized(field: number, bytes: Uint8Array): this {
    this.#tag(field, ProtoWire.bytes);
    this.#varint(bytes.length);
    this.#close();
    this.#chunks.push(bytes);
    return this;
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire);
  }

  #varint(value: number | bigint): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#open.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#open.push(Number(rest));
  }

  #close(): void {
    if (this.#open.length === 0) return;
    this.#chunks.push(Uint8Array.from(this.#open));
    this.#open = [];
  }
}

/** A field as it stands in a message; a nested message is in `bytes`. Arrays are views of the input. */
export interface ProtoField {
  readonly field: number;
  /** See {@link ProtoWire}. */
  readonly wire: number;
  /** Of a varint or fixed-width number. */
  readonly value: bigint;
  /** Of everything with a length. */
  readonly bytes: Uint8Array;
  /** Tag and value, to be written again as they are. */
  readonly raw: Uint8Array;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
const FIELD_MAX = 2 ** 29 - 1;

/** Fields of a message and of those nested in it. Requests have a few; what is longer only keeps us busy. */
export const PROTO_FIELDS_MAX = 4_096;

/** How many fields may still be read; shared by a message and those nested in it. */
export interface FieldBudget {
  fields: number;
}

export const fieldBudget = (): FieldBudget => ({ fields: PROTO_FIELDS_MAX });

/** The fields of a message in order. Throws ProtocolError PROTOBUF. */
export function* protoFields(bytes: Uint8Array, budget: FieldBudget = fieldBudget()): Iterable<ProtoField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff_ffff_ffffn) throw malformed();
        return value;
      }
    }
    throw malformed();
  };
  const take = (size: number): Uint8Array => {
    if (size > bytes.length - at) throw malformed();
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    if (budget.fields-- <= 0) throw new ProtocolError('PROTOBUF', `proto: more than ${PROTO_FIELDS_MAX} fields`);
    const start = at;
    const tag = varint();
    const field = Number(tag >> 3n);
    if (field === 0 || field > FIELD_MAX) throw malformed();
    const wire = Number(tag & 7n);
    let value = 0n;
    let content = NO_BYTES;
    if (wire === ProtoWire.varint) value = varint();
    else if (wire === ProtoWire.fixed64) value = littleEndian(take(8));
    else if (wire === ProtoWire.fixed32) value = littleEndian(take(4));
    else if (wire === ProtoWire.bytes) {
      const size = varint();
      content = take(size > 0xffff_ffffn ? Number.POSITIVE_INFINITY : Number(size));
    } else throw malformed();
    yield { field, wire, value, bytes: content, raw: bytes.subarray(start, at) };
  }
}

/** Every text of a message by its field, the last one where it came twice; for messages that hold no more than that. */
export function protoTexts(bytes: Uint8Array): ReadonlyMap<number, string> {
  const texts = new Map<number, string>();
  for (const { field, bytes: value } of protoFields(bytes)) texts.set(field, fromUtf8(value));
  return texts;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

const malformed = (): ProtocolError => new ProtocolError('PROTOBUF', 'proto: cannot parse invalid wire-format data');
