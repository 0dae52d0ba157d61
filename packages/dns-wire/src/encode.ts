import { ProtocolError } from '@proconsul/base';
import type { Message, ResourceRecord } from './message.ts';
import { MESSAGE_BYTES_MAX } from './numbers.ts';
import { MessageWriter } from './writer.ts';

export interface EncodeOptions {
  /** Point to names written before. Default true. */
  readonly compress?: boolean;
  /** Leave out records from the end until the message fits. Default 65,535. */
  readonly maxBytes?: number;
}

/**
 * A whole message. What does not fit into `maxBytes` is left out record by record, the additional section first; TC is set
 * when an answer or an authority record had to go (RFC 2181 section 9). The question and EDNS always stay.
 * Throws ProtocolError DNS_TOO_LONG when even they do not fit, DNS_NAME and DNS_VALUE for values that DNS cannot carry.
 */
export function encodeMessage(message: Message, options: EncodeOptions = {}): Uint8Array {
  const maxBytes = Math.min(options.maxBytes ?? MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX);
  const writer = new MessageWriter(options.compress === false ? undefined : new Map());
  const opt = new MessageWriter(undefined, 64);
  if (message.edns !== undefined) opt.edns(message.edns);
  const budget = maxBytes - opt.at;
  for (let i = 0; i < 6; i++) writer.u16(0);
  for (const question of message.questions) {
    writer.name(question.name);
    writer.u16(question.type);
    writer.u16(question.class);
  }
  if (writer.at > budget) throw new ProtocolError('DNS_TOO_LONG', 'the question alone does not fit', { maxBytes });
  const answers = writeSome(writer, message.answers, budget);
  const allAnswers = answers === message.answers.length;
  const authority = allAnswers ? writeSome(writer, message.authority, budget) : 0;
  const allAuthority = allAnswers && authority === message.authority.length;
  const additional = allAuthority ? writeSome(writer, message.additional, budget) : 0;
  writer.raw(opt.finish());
  const end = writer.at;
  writer.at = 0;
  writer.u16(message.id);
  writer.u16(flagBits(message) | (allAuthority ? 0 : FLAG.TC));
  writer.u16(message.questions.length);
  writer.u16(answers);
  writer.u16(authority);
  writer.u16(additional + (message.edns === undefined ? 0 : 1));
  writer.at = end;
  return writer.finish();
}

/** Writes records until one does not fit. No name follows it, so what it left in the table does no harm. */
function writeSome(writer: MessageWriter, records: readonly ResourceRecord[], budget: number): number {
  for (let i = 0; i < records.length; i++) {
    const start = writer.at;
    try {
      writer.record(records[i]!);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'DNS_TOO_LONG') throw error;
      writer.at = budget + 1;
    }
    if (writer.at > budget) {
      writer.at = start;
      return i;
    }
  }
  return records.length;
}

/** Bits of the second pair of bytes of the header. RFC 1035 section 4.1.1, RFC 4035 section 3. */
export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;

function flagBits(message: Message): number {
  return (
    (message.response ? FLAG.QR : 0) |
    (((message.opcode ?? 0) & 15) << 11) |
    (message.authoritative ? FLAG.AA : 0) |
    (message.truncated ? FLAG.TC : 0) |
    (message.recursionDesired ? FLAG.RD : 0) |
    (message.recursionAvailable ? FLAG.RA : 0) |
    (message.authenticData ? FLAG.AD : 0) |
    (message.checkingDisabled ? FLAG.CD : 0) |
    ((message.rcode ?? 0) & 15)
  );
}
