import { ProtocolError } from '@proconsul/base';
import { FLAG } from './encode.ts';
import type { Edns, EdnsOption, Message, Question, RecordData, ResourceRecord } from './message.ts';
import { decodeLabels, labelsName, type Name } from './name.ts';
import { HEADER_BYTES, RRType } from './numbers.ts';

/**
 * Reads a message. Throws ProtocolError (DNS_SHORT, DNS_NAME, DNS_RECORD, DNS_EDNS) and nothing else, whatever the bytes.
 * Lenient where the reference agent is: bytes behind the last record are ignored, and a message that ends between two
 * records is taken to have no more of them, whatever its counts say. Byte arrays in the result alias `bytes`.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length < HEADER_BYTES) throw new ProtocolError('DNS_SHORT', 'message is shorter than its header');
  const flags = u16(bytes, 2);
  const reader: Reader = { bytes, at: HEADER_BYTES, edns: undefined };
  const questions: Question[] = [];
  for (let i = u16(bytes, 4); i > 0; i--) {
    const name = readName(reader);
    const type = take16(reader);
    questions.push({ name, type, class: take16(reader) });
  }
  const answers = readRecords(reader, u16(bytes, 6));
  const authority = readRecords(reader, u16(bytes, 8));
  const additional = readRecords(reader, u16(bytes, 10));
  return {
    id: u16(bytes, 0),
    response: (flags & FLAG.QR) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & FLAG.AA) !== 0,
    truncated: (flags & FLAG.TC) !== 0,
    recursionDesired: (flags & FLAG.RD) !== 0,
    recursionAvailable: (flags & FLAG.RA) !== 0,
    authenticData: (flags & FLAG.AD) !== 0,
    checkingDisabled: (flags & FLAG.CD) !== 0,
    rcode: flags & 15,
    questions,
    answers,
    authority,
    additional,
    ...(reader.edns === undefined ? {} : { edns: reader.edns }),
  };
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
  edns: Edns | undefined;
}

/** Every record takes at least eleven bytes, so the length of the message bounds the loop, not the count. */
function readRecords(reader: Reader, count: number): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (let i = 0; i < count && reader.at < reader.bytes.length; i++) {
    const record = readRecord(reader);
    if (record !== undefined) records.push(record);
  }
  return records;
}

function readRecord(reader: Reader): ResourceRecord | undefined {
  const name = readName(reader);
  const type = take16(reader);
  const rrClass = take16(reader);
  const ttl = take16(reader) * 0x10000 + take16(reader);
  const length = take16(reader);
  const end = reader.at + length;
  if (end > reader.bytes.length) throw recordError('cut short', type);
  if (type === RRType.OPT) {
    // Of several the last one counts. Source: answers of the reference.
    reader.edns = readEdns(reader, rrClass, ttl, end);
    reader.at = end;
    return undefined;
  }
  const data = readData(reader, type, end);
  if (reader.at !== end) throw recordError('data of the wrong length', type);
  return { name, class: rrClass, ttl, ...data };
}

function readData(reader: Reader, type: number, end: number): RecordData {
  switch (type) {
    case RRType.A:
      return { kind: 'A', address: takeBytes(reader, 4, end) };
    case RRType.AAAA:
      return { kind: 'AAAA', address: takeBytes(reader, 16, end) };
    case RRType.NS:
      return { kind: 'NS', target: readName(reader) };
    case RRType.CNAME:
      return { kind: 'CNAME', target: readName(reader) };
    case RRType.PTR:
      return { kind: 'PTR', target: readName(reader) };
    case RRType.MX:
      return { kind: 'MX', preference: take16(reader), target: readName(reader) };
    case RRType.SRV:
      return {
        kind: 'SRV',
        priority: take16(reader),
        weight: take16(reader),
        port: take16(reader),
        target: readName(reader),
      };
    case RRType.SOA: {
      const [mname, rname] = [readName(reader), readName(reader)];
      const [serial, refresh, retry] = [take32(reader), take32(reader), take32(reader)];
      return { kind: 'SOA', mname, rname, serial, refresh, retry, expire: take32(reader), minimum: take32(reader) };
    }
    case RRType.TXT: {
      const texts: Uint8Array[] = [];
      while (reader.at < end) texts.push(takeBytes(reader, reader.bytes[reader.at++]!, end));
      return { kind: 'TXT', texts };
    }
    default:
      return { kind: 'OTHER', type, data: takeBytes(reader, end - reader.at, end) };
  }
}

function readEdns(reader: Reader, udpBytes: number, ttl: number, end: number): Edns {
  const options: EdnsOption[] = [];
  while (reader.at < end) {
    if (reader.at + 4 > end) throw new ProtocolError('DNS_EDNS', 'an option of EDNS is cut short');
    const code = take16(reader);
    options.push({ code, data: takeBytes(reader, take16(reader), end) });
  }
  return {
    udpBytes,
    extendedRcode: Math.floor(ttl / 0x1000000),
    version: (ttl >>> 16) & 0xff,
    dnssecOk: (ttl & 0x8000) !== 0,
    options,
  };
}

function readName(reader: Reader): Name {
  const { labels, end } = decodeLabels(reader.bytes, reader.at);
  reader.at = end;
  return labelsName(labels);
}

function takeBytes(reader: Reader, size: number, end: number): Uint8Array {
  if (reader.at + size > end) throw recordError('cut short', 0);
  const bytes = reader.bytes.subarray(reader.at, reader.at + size);
  reader.at += size;
  return bytes;
}

function take16(reader: Reader): number {
  if (reader.at + 2 > reader.bytes.length) throw new ProtocolError('DNS_SHORT', 'message is cut short');
  const value = u16(reader.bytes, reader.at);
  reader.at += 2;
  return value;
}

function take32(reader: Reader): number {
  return take16(reader) * 0x10000 + take16(reader);
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function recordError(what: string, type: number): ProtocolError {
  return new ProtocolError('DNS_RECORD', `record is not valid: ${what}`, { type });
}
