import { ProtocolError } from '@proconsul/base';
import type { Edns, ResourceRecord } from './message.ts';
import { labelsName, type Name, nameLabels } from './name.ts';
import { CLASS_IN, LABEL_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, RRType } from './numbers.ts';

/** Pointers have fourteen bits. */
const POINTER_MAX = 0x3fff;

/** Where names and their endings already stand in a message. Keys are names with their dot
 * at the end; they keep their case, so that spelling survives compression. */
export type NameTable = Map<string, number>;

/**
 * A message in the making. With a `table`, names are compressed against it; names written later are added to it as long as
 * `learn` is true. Throws ProtocolError DNS_TOO_LONG above 65,535 bytes, DNS_NAME and DNS_VALUE for values that do not fit.
 */
export class MessageWriter {
  bytes: Uint8Array;
  at = 0;
  readonly table: NameTable | undefined;
  learn = true;
  /** How much longer the message would be without compression. */
  savedBytes = 0;

  constructor(table: NameTable | undefined, sizeHint = 512) {
    this.table = table;
    this.bytes = new Uint8Array(sizeHint);
  }

  finish(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  reserve(more: number): void {
    const need = this.at + more;
    if (need <= this.bytes.length) return;
    if (need > MESSAGE_BYTES_MAX)
      throw new ProtocolError('DNS_TOO_LONG', 'message is longer than 65535 bytes', { need });
    const grown = new Uint8Array(Math.min(MESSAGE_BYTES_MAX, Math.max(need, this.bytes.length * 2)));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  u16(value: number): void {
    if (!(value >= 0 && value <= 0xffff))
      throw new ProtocolError('DNS_VALUE', 'number does not fit 16 bits', { value });
    this.reserve(2);
    this.bytes[this.at++] = value >>> 8;
    this.bytes[this.at++] = value;
  }

  u32(value: number): void {
    if (!(value >= 0 && value <= 0xffffffff)) {
      throw new ProtocolError('DNS_VALUE', 'number does not fit 32 bits', { value });
    }
    this.reserve(4);
    this.bytes[this.at++] = value >>> 24;
    this.bytes[this.at++] = value >>> 16;
    this.bytes[this.at++] = value >>> 8;
    this.bytes[this.at++] = value;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** `compress` false writes the name in full (as RFC 2782 wants for SRV), yet later names may point into it. */
  name(name: Name, compress = true): void {
    if (name.includes('\\')) {
      this.labels(nameLabels(name), compress);
      return;
    }
    const text = name.endsWith('.') ? name : `${name}.`;
    const size = text.length;
    if (size > NAME_BYTES_MAX - 1) nameLabels(text);
    let start = text === '.' ? 1 : 0;
    while (start < size) {
      if (this.point(start === 0 ? text : text.slice(start), size - start + 1, compress)) return;
      const end = text.indexOf('.', start);
      if (end === start || end - start > LABEL_BYTES_MAX) nameLabels(text);
      this.reserve(end - start + 1);
      this.bytes[this.at++] = end - start;
      for (; start < end; start++) this.char(text.charCodeAt(start));
      start++;
    }
    this.u8(0);
  }

  private labels(labels: readonly string[], compress: boolean): void {
    for (let i = 0; i < labels.length; i++) {
      const rest = labels.slice(i);
      const wireBytes = rest.reduce((sum, label) => sum + label.length + 1, 1);
      if (this.point(labelsName(rest), wireBytes, compress)) return;
      const label = labels[i]!;
      this.reserve(label.length + 1);
      this.bytes[this.at++] = label.length;
      for (let k = 0; k < label.length; k++) this.char(label.charCodeAt(k));
    }
    this.u8(0);
  }

  /** Writes a pointer when the name is known and pointers are wanted; else remembers that it will stand here. */
  private point(name: Name, wireBytes: number, compress: boolean): boolean {
    const table = this.table;
    if (table === undefined || !(compress || this.learn)) return false;
    const known = table.get(name);
    if (known === undefined) {
      if (this.learn && this.at <= POINTER_MAX) table.set(name, this.at);
      return false;
    }
    if (!compress) return false;
    this.u16(0xc000 | known);
    this.savedBytes += wireBytes - 2;
    return true;
  }

  private char(code: number): void {
    if (code > 0xff) throw new ProtocolError('DNS_NAME', 'name is not valid: a character outside a byte', { code });
    this.bytes[this.at++] = code;
  }

  record(record: ResourceRecord): void {
    this.name(record.name);
    this.recordAfterName(record);
  }

  /** Type, class, TTL and data; the owner has been written. Returns where the data begins. */
  recordAfterName(record: ResourceRecord): number {
    this.u16(record.kind === 'OTHER' ? record.type : RRType[record.kind]);
    this.u16(record.class ?? CLASS_IN);
    this.u32(record.ttl);
    const lengthAt = this.at;
    this.u16(0);
    this.data(record);
    const length = this.at - lengthAt - 2;
    if (length > 0xffff) throw new ProtocolError('DNS_TOO_LONG', 'record is longer than 65535 bytes');
    this.bytes[lengthAt] = length >>> 8;
    this.bytes[lengthAt + 1] = length;
    return lengthAt + 2;
  }

  private data(record: ResourceRecord): void {
    switch (record.kind) {
      case 'A':
      case 'AAAA':
        if (record.address.length !== (record.kind === 'A' ? 4 : 16)) {
          throw new ProtocolError('DNS_VALUE', 'address has the wrong size', { kind: record.kind });
        }
        this.raw(record.address);
        break;
      case 'NS':
      case 'CNAME':
      case 'PTR':
        this.name(record.target);
        break;
      case 'MX':
        this.u16(record.preference);
        this.name(record.target);
        break;
      case 'SRV':
        this.u16(record.priority);
        this.u16(record.weight);
        this.u16(record.port);
        this.name(record.target, false);
        break;
      case 'SOA':
        this.name(record.mname);
        this.name(record.rname);
        for (const n of [record.serial, record.refresh, record.retry, record.expire, record.minimum]) this.u32(n);
        break;
      case 'TXT':
        for (const text of record.texts) {
          if (text.length > 255) throw new ProtocolError('DNS_VALUE', 'text is longer than 255 bytes');
          this.u8(text.length);
          this.raw(text);
        }
        break;
      case 'OTHER':
        this.raw(record.data);
        break;
    }
  }

  /** The OPT pseudo-record. Source: RFC 6891 section 6.1.2. */
  edns(edns: Edns): void {
    this.u8(0);
    this.u16(RRType.OPT);
    this.u16(edns.udpBytes);
    this.u8(edns.extendedRcode ?? 0);
    this.u8(edns.version ?? 0);
    this.u16(edns.dnssecOk ? 0x8000 : 0);
    const options = edns.options ?? [];
    this.u16(options.reduce((sum, option) => sum + 4 + option.data.length, 0));
    for (const option of options) {
      this.u16(option.code);
      this.u16(option.data.length);
      this.raw(option.data);
    }
  }
}
