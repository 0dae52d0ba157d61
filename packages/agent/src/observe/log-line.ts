import type { Level, LogFields } from '@proconsul/base';
import { quoteJson, stringifyAny } from '@proconsul/gojson';

/** One thing that was said: everything a writer needs to print it its own way. */
export interface LogRecord {
  readonly wallMs: number;
  readonly level: Level;
  readonly module: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

const TAGS: Readonly<Record<Level, string>> = {
  TRACE: '[TRACE]',
  DEBUG: '[DEBUG]',
  INFO: '[INFO] ',
  WARN: '[WARN] ',
  ERROR: '[ERROR]',
};

export const RANK: Readonly<Record<Level, number>> = { TRACE: 0, DEBUG: 1, INFO: 2, WARN: 3, ERROR: 4 };

/** Words that select a level; ERR and WARNING are old names. Undefined for an unknown word. */
export function levelOf(word: string): Level | undefined {
  const upper = word.toUpperCase();
  if (upper === 'ERR') return 'ERROR';
  return upper in RANK ? (upper as Level) : undefined;
}

function text(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map((v) => (typeof v === 'string' ? quoted(v) : text(v))).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return stringifyAny(value as never);
  return String(value);
}

/** Only quotes are escaped, and what does not print; a backslash stays as it is. Source: recorded lines. */
function quoted(t: string): string {
  const escaped = t
    .replaceAll('"', '\\"')
    .replace(/[\0-\x1f\x7f]/g, (c) => SHORT_ESCAPES[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${escaped}"`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\t': '\\t', '\r': '\\r', '\n': '\\n' };

/** A value of several lines becomes a block of its own, the others follow each other on one line. */
function fieldText(key: string, value: unknown): string {
  const t = text(value);
  if (t.includes('\n')) {
    const lines = t.replace(/\n$/, '').replaceAll('\t', '\\t').split('\n');
    return `\n  ${key}=\n${lines.map((l) => `  | ${l}`).join('\n')}\n  `;
  }
  const isText = value instanceof Error || typeof value === 'string';
  return ` ${key}=${isText && /[^!#-~]/.test(t) ? quoted(t) : t}`;
}

/** `2026-11-21T02:07:26.252Z [WARN]  agent: message: key=value`. Source: logging page of the documentation. */
export function textLine(r: LogRecord): string {
  let line = `${new Date(r.wallMs).toISOString()} ${TAGS[r.level]} ${r.module}: ${r.message}`;
  if (r.fields === undefined) return line;
  const keys = Object.keys(r.fields);
  if (keys.length === 0) return line;
  line += ':';
  for (const key of keys) line += fieldText(key, r.fields[key]);
  return line;
}

/** One JSON object, the names that begin with `@` first. */
export function jsonLine(r: LogRecord): string {
  const timestamp = new Date(r.wallMs).toISOString().replace(/Z$/, '000Z');
  let line = `{"@level":"${r.level.toLowerCase()}","@message":${quoteJson(r.message)},"@module":${quoteJson(r.module)},"@timestamp":"${timestamp}"`;
  for (const [key, value] of Object.entries(r.fields ?? {})) {
    const json = value instanceof Error ? quoteJson(value.message) : stringifyAny((value ?? null) as never);
    line += `,${quoteJson(key)}:${json}`;
  }
  return `${line}}`;
}
