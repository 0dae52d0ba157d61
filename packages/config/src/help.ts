import { type FlagRow, flagTable } from './flag-table.ts';

/** Columns of a paragraph of help, without its indentation. */
const HELP_WIDTH = 67;
/** Flags that the help lists among those of the HTTP API, because every command has them. */
const HTTP_SECTION = new Set(['datacenter']);

/** What is printed after a flag that does not parse: every flag on two lines. Layout: Go's flag.PrintDefaults. */
export function flagUsage(rows: readonly FlagRow[] = flagTable): string {
  const lines = rows.map(({ flag, value, doc }) => {
    const head = value === undefined ? `  -${flag}` : `  -${flag} ${value}`;
    return `${head}\n    \t${doc.replaceAll('`', '')}`;
  });
  return `Usage:\n${lines.join('\n')}\n`;
}

/** The text of `agent -help`, ending with a line end. */
export function agentHelp(rows: readonly FlagRow[] = flagTable): string {
  const section = (title: string, inSection: (row: FlagRow) => boolean) =>
    `${title}\n\n${rows.filter(inSection).map(helpEntry).join('\n\n')}`;
  return [
    'Usage: consul agent [options]',
    '  Starts the Consul agent and runs until an interrupt is received. The\n  agent represents a single node in a cluster.',
    section('HTTP API Options', ({ flag }) => HTTP_SECTION.has(flag)),
    section('Command Options', ({ flag }) => !HTTP_SECTION.has(flag)),
  ]
    .join('\n\n')
    .concat('\n');
}

function helpEntry({ flag, value, doc }: FlagRow): string {
  const head = value === undefined ? `  -${flag}` : `  -${flag}=<${value}>`;
  const lines = wrapEvenly(doc.trim().split(' '), HELP_WIDTH).map((line) => `     ${line}`);
  return `${head}\n${lines.join('\n')}`;
}

/**
 * Breaks words into lines of at most `width` columns so that the sum of the squares of the space left over is least; the
 * last line costs nothing. A word longer than a line stands alone. Source: the line breaking of Knuth and Plass (1981)
 * in its simplest form; the result is that of the reference's help texts.
 */
export function wrapEvenly(words: readonly string[], width: number): string[] {
  const cost: number[] = [];
  const next: number[] = [];
  for (let start = words.length - 1; start >= 0; start--) {
    let length = -1;
    cost[start] = Number.POSITIVE_INFINITY;
    for (let end = start; end < words.length; end++) {
      length += words[end]!.length + 1;
      if (length > width && end > start) break;
      const rest = end + 1 === words.length ? 0 : cost[end + 1]! + (width - length) ** 2;
      if (rest < cost[start]!) {
        cost[start] = rest;
        next[start] = end + 1;
      }
    }
  }
  const lines: string[] = [];
  for (let at = 0; at < words.length; at = next[at]!) lines.push(words.slice(at, next[at]).join(' '));
  return lines;
}
