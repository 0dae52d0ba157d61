import { concatBytes, fromUtf8, type ProtoField, ProtoWriter, protoFields as read, utf8 } from '@proconsul/base';

/** Messages as lists of fields, so that what is not known of them stays as it is when one field is exchanged. */

/** The fields of a message in the order in which they stand. As many as it has: its size is bounded by the log. Throws ProtocolError. */
export const protoFields = (bytes: Uint8Array): ProtoField[] => [...read(bytes, { fields: Number.POSITIVE_INFINITY })];

const last = (fields: readonly ProtoField[], number: number): ProtoField | undefined =>
  fields.findLast(({ field }) => field === number);

/** The last value of a text or an embedded message; undefined when it is not there. */
export const protoBytes = (fields: readonly ProtoField[], number: number): Uint8Array | undefined =>
  last(fields, number)?.bytes;

/** A text; empty when it is not there. */
export const protoText = (fields: readonly ProtoField[], number: number): string =>
  fromUtf8(last(fields, number)?.bytes ?? NO_BYTES);

/** A number; 0 when it is not there. */
export const protoNumber = (fields: readonly ProtoField[], number: number): number =>
  Number(last(fields, number)?.value ?? 0);

const NO_BYTES = new Uint8Array(0);

/** A field with a number; nothing at all for 0. */
export const protoNumberField = (number: number, value: number): ProtoField[] =>
  protoFields(new ProtoWriter().int(number, value).finish());

/** A field with a text or an embedded message, also when it is empty. */
export function protoBytesField(number: number, value: Uint8Array | string): ProtoField {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return protoFields(new ProtoWriter().encoded(number, bytes).finish())[0]!;
}

/** A message with these fields, in the order of their numbers. */
export function protoMessage(fields: readonly ProtoField[]): Uint8Array {
  return concatBytes([...fields].sort((a, b) => a.field - b.field).map(({ raw }) => raw));
}

/** The fields with those of some numbers replaced. */
export function protoReplaced(
  fields: readonly ProtoField[],
  numbers: readonly number[],
  by: readonly ProtoField[],
): ProtoField[] {
  return [...fields.filter(({ field }) => !numbers.includes(field)), ...by];
}
