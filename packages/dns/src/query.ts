import { ProtocolError } from '@proconsul/base';
import {
  type ClientSubnet,
  decodeClientSubnet,
  decodeLabels,
  decodeMessage,
  type Edns,
  HEADER_BYTES,
  OPTION_CLIENT_SUBNET,
  Opcode,
  Rcode,
  RRType,
} from '@proconsul/dns-wire';

/** A query as far as it must be understood before anything is looked up. */
export interface Query {
  readonly id: number;
  /** Opcode, RD and CD, at their places in the header: what a reply repeats. */
  readonly flags: number;
  readonly labels: readonly string[];
  readonly type: number;
  /** Name, type and class, a piece of the datagram. */
  readonly question: Uint8Array;
  readonly edns: Edns | undefined;
  readonly subnet: ClientSubnet | undefined;
}

/** `drop`: no reply at all; bytes: the reply that says what is wrong. */
export type Parsed = { readonly query: Query } | { readonly reply: Uint8Array } | 'drop';

/** Repeated in a reply that is only a header: opcode, TC, RD, RA, AD and CD. */
const ECHO_BARE = 0x7bb0;
/** Repeated in every other reply: opcode, and RD and CD for queries. */
const ECHO = 0x7910;
const ECHO_NOTIFY = 0x7800;

/**
 * Rules of the reference agent: replies and packets without a header are dropped, other opcodes than QUERY and NOTIFY get
 * NOTIMP, wrong counts and a damaged question a bare FORMERR, and damage behind the question a FORMERR that repeats it.
 */
export function parseQuery(bytes: Uint8Array): Parsed {
  if (bytes.length < HEADER_BYTES) return 'drop';
  const bits = u16(bytes, 2);
  if (bits & 0x8000) return 'drop';
  const opcode = (bits >> 11) & 15;
  if (opcode !== Opcode.QUERY && opcode !== Opcode.NOTIFY) return { reply: bareReply(bytes, Rcode.NOTIMP) };
  if (u16(bytes, 4) !== 1 || u16(bytes, 6) > 1 || u16(bytes, 8) > 1 || u16(bytes, 10) > 2) {
    return { reply: bareReply(bytes, Rcode.FORMERR) };
  }
  const flags = bits & (opcode === Opcode.NOTIFY ? ECHO_NOTIFY : ECHO);
  // As if no question had been announced, and that is nobody's to answer. Source: answers of the reference.
  if (bytes.length === HEADER_BYTES) return { reply: bareReply(bytes, Rcode.REFUSED) };
  let end: number;
  let labels: string[];
  let question: Uint8Array;
  try {
    ({ labels, end } = decodeLabels(bytes, HEADER_BYTES));
    question = wholeQuestion(bytes, end);
  } catch {
    return { reply: bareReply(bytes, Rcode.FORMERR) };
  }
  const type = u16(question, question.length - 4);
  const head = { id: u16(bytes, 0), flags, labels, type, question };
  if (end + 4 > bytes.length) return { query: { ...head, edns: undefined, subnet: undefined } };
  if (u16(bytes, 6) + u16(bytes, 8) + u16(bytes, 10) === 0)
    return { query: { ...head, edns: undefined, subnet: undefined } };
  try {
    const edns = decodeMessage(bytes).edns;
    const option = edns?.options?.find(({ code }) => code === OPTION_CLIENT_SUBNET);
    const subnet = option === undefined ? undefined : decodeClientSubnet(option.data);
    return { query: { ...head, edns, subnet } };
  } catch {
    return { reply: plainReply({ ...head, flags: bits & ECHO_MALFORMED }, Rcode.FORMERR, 0) };
  }
}

const OPCODE = 0x7800;
/** TC, RD, RA, Z, AD and CD come back when a query is refused as malformed, whatever they mean in it. Source: answers of the reference. */
const ECHO_MALFORMED = 0x03f0;

/** A message that ends behind the name or the type, or within the class, has 0 for what is missing. Source: answers of the reference. */
function wholeQuestion(bytes: Uint8Array, nameEnd: number): Uint8Array {
  const question = bytes.subarray(HEADER_BYTES, nameEnd + 4);
  const missing = nameEnd + 4 - bytes.length;
  if (missing <= 0) return question;
  if (missing === 3) throw new ProtocolError('DNS_SHORT', 'question is cut short');
  const whole = new Uint8Array(nameEnd + 4 - HEADER_BYTES);
  // Half a class is none.
  whole.set(missing === 1 ? question.subarray(0, -1) : question);
  return whole;
}

function bareReply(bytes: Uint8Array, rcode: number): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES);
  out[0] = bytes[0]!;
  out[1] = bytes[1]!;
  // What is malformed is nobody's notification. Source: answers of the reference.
  const echo = rcode === Rcode.FORMERR ? ECHO_BARE & ~OPCODE : ECHO_BARE;
  const bits = 0x8000 | (u16(bytes, 2) & echo) | rcode;
  out[2] = bits >> 8;
  out[3] = bits;
  return out;
}

/** A reply of header and question. `bits` adds flags. */
export function plainReply(query: Pick<Query, 'id' | 'flags' | 'question'>, rcode: number, bits: number): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + query.question.length);
  const flags = 0x8000 | query.flags | bits | rcode;
  out[0] = query.id >> 8;
  out[1] = query.id;
  out[2] = flags >> 8;
  out[3] = flags;
  out[5] = 1;
  out.set(query.question, HEADER_BYTES);
  return out;
}

/**
 * For the quick path: where the question of a query that is nothing but a header, a question and perhaps an OPT record
 * without options ends, or -1. Then the rest is decided by {@link parseQuery}.
 */
export function simpleQuestionEnd(bytes: Uint8Array): number {
  const size = bytes.length;
  if (size < HEADER_BYTES + 5 || (bytes[2]! & 0xf8) !== 0 || bytes[4] !== 0 || bytes[5] !== 1) return -1;
  if ((bytes[6]! | bytes[7]! | bytes[8]! | bytes[9]! | bytes[10]!) !== 0 || bytes[11]! > 1) return -1;
  let at = HEADER_BYTES;
  for (;;) {
    const length = bytes[at]!;
    if (length > 63) return -1;
    at += length + 1;
    if (at + 4 > size) return -1;
    if (length === 0) break;
  }
  const end = at + 4;
  if (bytes[11] === 0) return end;
  const isOpt =
    size === end + 11 && bytes[end] === 0 && u16(bytes, end + 1) === RRType.OPT && u16(bytes, end + 9) === 0;
  return isOpt ? end : -1;
}

/** The size that the OPT record behind a question announces; 0 without one. For what `simpleQuestionEnd` accepted. */
export function simpleUdpBytes(bytes: Uint8Array, questionEnd: number): number {
  return bytes[11] === 0 ? 0 : u16(bytes, questionEnd + 3);
}

/** Flags of a query that a reply repeats. For what `simpleQuestionEnd` accepted. */
export function simpleFlags(bytes: Uint8Array): number {
  return u16(bytes, 2) & ECHO;
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
