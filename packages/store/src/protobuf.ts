import { concatBytes, ProtocolError, utf8 } from '@proconsul/base';

/** One field of a protobuf message, as it stands. */
export interface ProtoField {
  readonly number: number;
  /** Tag and value. */
  readonly bytes: Uint8Array;
  /** The value behind the tag: of a text or an embedded message without its length, of a number as it is written. */
  readonly value: Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/** A number of 64 bits takes this many bytes at most. */
const VARINT_BYTES_MAX = 10;

function truncated(): ProtocolError {
  return new ProtocolError('PROTOBUF', 'protobuf message ends inside a field');
}

/** Where the number that starts at `at` ends, and what it is. */
function varintAt(bytes: Uint8Array, at: number): { end: number; value: number } {
  let value = 0;
  let scale = 1;
  for (let end = at; end < at + VARINT_BYTES_MAX; end++) {
    const byte = bytes[end];
    if (byte === undefined) throw truncated();
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) return { end: end + 1, value };
  }
  throw new ProtocolError('PROTOBUF', 'protobuf number is too long');
}

/**
 * The fields of a message in the order in which they stand, whatever schema it has. They alias `bytes`.
 * Throws ProtocolError. Source: protobuf encoding documentation.
 */
export function protoFields(bytes: Uint8Array): ProtoField[] {
  const fields: ProtoField[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = varintAt(bytes, at);
    const number = Math.floor(tag.value / 8);
    if (number === 0) throw new ProtocolError('PROTOBUF', 'protobuf field without a number');
    let start = tag.end;
    let end: number;
    switch (tag.value % 8) {
      case VARINT:
        end = varintAt(bytes, start).end;
        break;
      case FIXED64:
        end = start + 8;
        break;
      case FIXED32:
        end = start + 4;
        break;
      case BYTES: {
        const size = varintAt(bytes, start);
        start = size.end;
        end = start + size.value;
        break;
      }
      default:
        throw new ProtocolError('PROTOBUF', 'protobuf field of an unknown kind');
    }
    if (end > bytes.length) throw truncated();
    fields.push({ number, bytes: bytes.subarray(at, end), value: bytes.subarray(start, end) });
    at = end;
  }
  return fields;
}

/** The last value of a text or an embedded message; undefined when it is not there. */
export function protoBytes(fields: readonly ProtoField[], number: number): Uint8Array | undefined {
  return fields.findLast((field) => field.number === number)?.value;
}

const decoder = new TextDecoder();

/** A text; empty when it is not there. */
export function protoText(fields: readonly ProtoField[], number: number): string {
  const value = protoBytes(fields, number);
  return value === undefined ? '' : decoder.decode(value);
}

/** A number; 0 when it is not there. */
export function protoNumber(fields: readonly ProtoField[], number: number): number {
  const value = protoBytes(fields, number);
  return value === undefined ? 0 : varintAt(value, 0).value;
}

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
  return new Uint8Array(out);
}

/** A field with a number; nothing at all for 0. */
export function protoNumberField(number: number, value: number): ProtoField[] {
  if (value === 0) return [];
  const digits = varint(value);
  return [{ number, bytes: concatBytes([varint(number * 8 + VARINT), digits]), value: digits }];
}

/** A field with a text or an embedded message. */
export function protoBytesField(number: number, value: Uint8Array | string): ProtoField {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  const head = [varint(number * 8 + BYTES), varint(bytes.length)];
  return { number, bytes: concatBytes([...head, bytes]), value: bytes };
}

/** A message with these fields, in the order of their numbers. */
export function protoMessage(fields: readonly ProtoField[]): Uint8Array {
  return concatBytes([...fields].sort((a, b) => a.number - b.number).map((field) => field.bytes));
}

/** The fields with those of some numbers replaced. */
export function protoReplaced(
  fields: readonly ProtoField[],
  numbers: readonly number[],
  by: readonly ProtoField[],
): ProtoField[] {
  return [...fields.filter((field) => !numbers.includes(field.number)), ...by];
}
