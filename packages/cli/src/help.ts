import { formatDuration } from '@proconsul/base';
import type { Command } from './command.ts';
import { type FlagSpec, type FlagTable, type FlagValues, goQuote } from './flags.ts';
import { httpFlags } from './http-flags.ts';

/** Widest line of a flag's description, without its indentation. */
const DOC_WIDTH = 67;

/** A command's own flags and the common ones that it takes. */
export function allFlags(command: Command): FlagTable {
  return command.http ? { ...command.flags, ...httpFlags(command.http) } : command.flags;
}

/** The help of one command. No newline at the end. */
export function commandHelp(command: Command): string {
  const head = `Usage: consul ${command.name}${command.args === '' ? '' : ` ${command.args}`}`;
  const parts = [head];
  if (command.help !== '') parts.push(indent(command.help));
  const flags = Object.entries(allFlags(command)).filter(([, spec]) => !spec.hidden);
  for (const [title, http] of [
    ['HTTP API Options', true],
    ['Command Options', false],
  ] as const) {
    const shown = flags.filter(([, spec]) => Boolean(spec.http) === http).sort(byName);
    if (shown.length > 0) parts.push(title, ...shown.map(([name, spec]) => flagHelp(name, spec)));
  }
  return parts.join('\n\n');
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

function flagHelp(name: string, spec: FlagSpec): string {
  const type = typeName(spec);
  const lines = wrap(spec.doc, DOC_WIDTH).map((line) => `     ${line}`);
  return [`  -${name}${type === '' ? '' : `=<${type}>`}`, ...lines].join('\n');
}

function typeName(spec: FlagSpec): string {
  if (spec.type !== undefined) return spec.type;
  if (spec.kind === 'bool') return '';
  return spec.kind === 'list' || spec.kind === 'map' ? 'value' : spec.kind;
}

/** What Go's flag package prints below an error: every flag with its description on one line. */
export function flagUsage(command: Command): string {
  const lines = ['Usage:'];
  for (const [name, spec] of Object.entries(allFlags(command)).sort(byName)) {
    const type = typeName(spec);
    lines.push(`  -${name}${type === '' ? '' : ` ${type}`}`, `    \t${spec.doc}${defaultNote(spec)}`);
  }
  return lines.join('\n');
}

function defaultNote(spec: FlagSpec): string {
  const value: FlagValues[keyof FlagValues] | undefined = spec.default;
  if (value === undefined || value === '' || value === 0 || value === false) return '';
  if (spec.kind === 'duration') return ` (default ${formatDuration(value as number)})`;
  return ` (default ${typeof value === 'string' ? goQuote(value) : String(value)})`;
}

/** Breaks text at spaces so that no line is longer than `width` unless one word is. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
}

/** Rows of a list of commands: four spaces, the name padded to the widest, four spaces, what it does. */
export function commandList(rows: readonly { name: string; synopsis: string }[]): string {
  const widest = Math.max(...rows.map((row) => row.name.length));
  return rows.map((row) => `    ${row.name.padEnd(widest)}    ${row.synopsis}`).join('\n');
}
