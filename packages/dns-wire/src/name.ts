import { ProtocolError } from '@proconsul/base';
import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from './numbers.ts';

/**
 * Names are text in the form of master files: labels with a dot after each, `.` for the root. A dot or a backslash inside
 * a label is `\.` and `\\`; a byte outside 0x21 to 0x7e is `\DDD` in decimal. Letters keep their case.
 * Source: RFC 1035 section 5.1.
 */
export type Name = string;

/** The labels of a name as strings with one character for each byte. Throws ProtocolError DNS_NAME when it is none. */
export function nameLabels(name: Name): string[] {
  if (name === '.' || name === '') return [];
  const labels = name.includes('\\') ? splitEscaped(name) : name.split('.');
  if (labels[labels.length - 1] === '') labels.pop();
  let wireBytes = 1;
  for (const label of labels) {
    if (label.length === 0 || label.length > LABEL_BYTES_MAX)
      throw nameError('a label of 0 or more than 63 bytes', name);
    wireBytes += label.length + 1;
  }
  if (wireBytes > NAME_BYTES_MAX) throw nameError('longer than 255 bytes', name);
  return labels;
}

/** Inverse of {@link nameLabels}. */
export function labelsName(labels: readonly string[]): Name {
  let text = '';
  for (const label of labels) text += escapeLabel(label) + '.';
  return text === '' ? '.' : text;
}

const PLAIN_LABEL = /^[!-[\]-~]*$/;

/** One label, given as a character for each byte, with the escapes of master files. */
export function escapeLabel(label: string): string {
  if (PLAIN_LABEL.test(label) && !label.includes('.')) return label;
  let text = '';
  for (const char of label) {
    const code = char.charCodeAt(0);
    if (char === '.' || char === '\\') text += '\\' + char;
    else if (code < 0x21 || code > 0x7e) text += '\\' + String(code).padStart(3, '0');
    else text += char;
  }
  return text;
}

function splitEscaped(name: Name): string[] {
  const labels: string[] = [];
  let label = '';
  for (let i = 0; i < name.length; i++) {
    const char = name[i]!;
    if (char === '.') {
      labels.push(label);
      label = '';
    } else if (char === '\\') {
      const digits = /^[0-9]{3}/.exec(name.slice(i + 1, i + 4))?.[0];
      const next = name[i + 1];
      if (next === undefined) throw nameError('ends in a backslash', name);
      if (digits !== undefined && Number(digits) > 255) throw nameError('an escape above 255', name);
      label += digits === undefined ? next : String.fromCharCode(Number(digits));
      i += digits === undefined ? 1 : 3;
    } else {
      label += char;
    }
  }
  labels.push(label);
  return labels;
}

export interface DecodedName {
  /** One string for each label, one character for each byte. */
  readonly labels: string[];
  /** Where what follows the name begins. */
  readonly end: number;
}

/**
 * Reads a name that may end in a compression pointer. Every pointer must lead backwards, so that reading always ends.
 * Throws ProtocolError DNS_NAME.
 * Source: RFC 1035 section 4.1.4.
 */
export function decodeLabels(bytes: Uint8Array, start: number): DecodedName {
  const labels: string[] = [];
  let at = start;
  let floor = start;
  let end = -1;
  let wireBytes = 1;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw nameError('cut short', start);
    if (length === 0) return { labels, end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) throw nameError('cut short', start);
      if (end < 0) end = at + 2;
      at = ((length & 0x3f) << 8) | low;
      if (at >= floor) throw nameError('a pointer that does not lead backwards', start);
      floor = at;
      continue;
    }
    if (length > LABEL_BYTES_MAX) throw nameError('an unknown kind of label', start);
    wireBytes += length + 1;
    if (wireBytes > NAME_BYTES_MAX) throw nameError('longer than 255 bytes', start);
    if (at + 1 + length > bytes.length) throw nameError('cut short', start);
    let label = '';
    for (let i = at + 1; i <= at + length; i++) label += String.fromCharCode(bytes[i]!);
    labels.push(label);
    at += length + 1;
  }
}

/** Bytes of the name without compression. Throws ProtocolError DNS_NAME. */
export function nameBytes(name: Name): number {
  let bytes = 1;
  for (const label of nameLabels(name)) bytes += label.length + 1;
  return bytes;
}

/** ASCII letters in lower case; DNS compares names so. RFC 4343. */
export function lowerName(name: Name): Name {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function nameError(what: string, where: string | number): ProtocolError {
  return new ProtocolError('DNS_NAME', `name is not valid: ${what}`, { where });
}
