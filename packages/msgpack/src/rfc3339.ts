import { hex, ProtocolError, utf8 } from '@proconsul/base';
import { daysFromCivil, type GoTime } from './time.ts';

const LAYOUT = '2006-01-02T15:04:05Z07:00';
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The layout in the words of Go's messages, with the sizes of the numbers. */
const ELEMENTS: readonly (readonly [element: string, digits: number])[] = [
  ['2006', 4],
  ['-', 0],
  ['01', 2],
  ['-', 0],
  ['02', 2],
  ['T', 0],
  ['15', 2],
  [':', 0],
  ['04', 2],
  [':', 0],
  ['05', 2],
];

/**
 * Reads RFC 3339 (JSON times). `Z` gives UTC, `+00:00` a zone at offset zero; digits after the ninth of a fraction are
 * dropped. Throws ProtocolError TIME_SYNTAX with Go's words: `parsing time "x" as "2006-…": cannot parse "x" as "2006"`.
 */
export function goTimeFromRfc3339(text: string): GoTime {
  const numbers: number[] = [];
  let at = 0;
  for (const [element, digits] of ELEMENTS) {
    if (digits === 0) {
      if (!text.startsWith(element, at)) cannotParse(text, at, element);
      at += element.length;
      continue;
    }
    const literal = readNumber(text, at, digits, element === '15');
    if (literal === '') cannotParse(text, at, element);
    numbers.push(Number(literal));
    checkRange(text, numbers);
    at += literal.length;
  }
  const fraction = /^[.,]\d+/.exec(text.slice(at))?.[0] ?? '';
  const { offsetMinutes, end } = readZone(text, at + fraction.length);
  if (end < text.length) fail(text, `: extra text: ${quote(text.slice(end))}`);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  if (day < 1 || day > daysIn(year, month)) fail(text, ': day out of range');
  const local = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  return {
    seconds: local - (offsetMinutes === -1 ? 0 : offsetMinutes * 60),
    nanos: Number(fraction.slice(1, 10).padEnd(9, '0')),
    offsetMinutes,
  };
}

/** The digits at `at`; empty if they are too few. Go takes an hour of one digit. */
function readNumber(text: string, at: number, digits: number, mayBeShort: boolean): string {
  const found = /^\d*/.exec(text.slice(at, at + digits))?.[0] ?? '';
  return found.length === digits || mayBeShort ? found : '';
}

/** Checks the number that was read last. Days wait until the month is known to be right. */
function checkRange(text: string, numbers: readonly number[]): void {
  const value = numbers.at(-1) ?? 0;
  switch (numbers.length) {
    case 2:
      if (value < 1 || value > 12) fail(text, ': month out of range');
      break;
    case 4:
      if (value > 23) fail(text, ': hour out of range');
      break;
    case 5:
      if (value > 59) fail(text, ': minute out of range');
      break;
    case 6:
      if (value > 59) fail(text, ': second out of range');
      break;
  }
}

function readZone(text: string, at: number): { offsetMinutes: number; end: number } {
  if (text[at] === 'Z') return { offsetMinutes: -1, end: at + 1 };
  const match = /^([+-])(\d\d):(\d\d)/.exec(text.slice(at, at + 6));
  if (match === null) return cannotParse(text, at, 'Z07:00');
  const hours = Number(match[2]);
  const minutes = Number(match[3]);
  if (hours > 24) fail(text, ': time zone offset hour out of range');
  if (minutes > 60) fail(text, ': time zone offset minute out of range');
  const offset = hours * 60 + minutes;
  return { offsetMinutes: match[1] === '-' ? 0 - offset : offset, end: at + 6 };
}

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

function cannotParse(text: string, at: number, element: string): never {
  return fail(text, `: cannot parse ${quote(text.slice(at))} as ${quote(element)}`, true);
}

function fail(text: string, problem: string, withLayout = false): never {
  const layout = withLayout ? ` as ${quote(LAYOUT)}` : '';
  throw new ProtocolError('TIME_SYNTAX', `parsing time ${quote(text)}${layout}${problem}`);
}

/** Go quotes the JSON text as it came, where quotes and backslashes were escaped already, and spells other bytes out. */
function quote(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\\\\\$&');
  return '"' + escaped.replace(/[^ -~]+/g, (run) => hex(utf8(run)).replace(/../g, '\\x$&')) + '"';
}
