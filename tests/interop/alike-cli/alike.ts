/** What one command line did. `status` is null when it did not end in time. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MASKS: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>'],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/\b\w+day, \d\d-\w+-\d\d \d\d:\d\d:\d\d/g, '<date>'],
  [/unverified\.tmp\d+/g, 'unverified.tmp<n>'],
  [/(Create|Modify|Lock|Last|\b)Index( *[": ]+ *)\d+/gi, '$1Index$2<n>'],
  [/CONSUL_INDEX=\d+/g, 'CONSUL_INDEX=<n>'],
  [/"(LTime|BytesHash)": ?\d+/g, '"$1":<n>'],
  [/snapshot to index \d+/g, 'snapshot to index <n>'],
  [/Completed in [\d.]+ seconds/g, 'Completed in <n> seconds'],
  [/(Last Index: +)\d+/g, '$1<n>'],
  [/(current modify index) \d+/g, '$1 <n>'],
  [/(rtt: )[\d.]+ ms/g, '$1<n> ms'],
  // What a client sends from is somebody else's port each time.
  [/(\d+\.\d+\.\d+\.\d+|\[::1\]):\d{5}->/g, '$1:<port>->'],
  [/^[A-Za-z0-9+/]{43}=$/gm, '<key>'],
  [/\d+-\d+-\d{13}/g, '<snapshot>'],
  [/child pid \d+/g, 'child pid <n>'],
  [/(default "consul-debug-[^"]*"|default "HOST[^"]*")/g, 'default'],
  // Our own version stands beside that of the reference.
  [/^Proconsul v.*\n/gm, ''],
  [/,\n *"Proconsul": "[^"]*"/g, ''],
  // More than the reference tells: where a fault is, and what was probably meant.
  [/^ {2}(at .*:\d+:\d+|did you mean ).*\n/gm, ''],
];

/** An outcome without what is another one each time, and without the words of help, which are each program's own. */
export function alike({ status, stdout, stderr }: Outcome): Outcome {
  return { status, stdout: canonical(stdout), stderr: canonical(stderr) };
}

function canonical(text: string): string {
  let out = text;
  for (const [pattern, by] of MASKS) out = out.replaceAll(pattern, by);
  return withoutProse(out);
}

/** Of help and of lists of flags only the skeleton stays: usage, headings, flags with types and defaults, commands. */
function withoutProse(text: string): string {
  const at = text.search(/^Usage:/m);
  if (at < 0) return text;
  const lines = text.slice(at).split('\n');
  const last = lines.findLastIndex((line) => line !== '');
  const kept = (lines[0] === 'Usage:' ? flagList : helpOutline)(lines.slice(1, last + 1));
  return text.slice(0, at) + [lines[0], ...kept, ...lines.slice(last + 1)].join('\n');
}

/** What stands below a flag error: flags with types and defaults, and what some commands say again after them. */
function flagList(lines: readonly string[]): string[] {
  return lines
    .map((line) => (line.startsWith('    \t') ? `    \t${/\(default [^)]*\)$/.exec(line)?.[0] ?? ''}` : line))
    .filter((line, i, all) => !OF_ONE.has(line) && !OF_ONE.has(all[i - 1] ?? ''));
}

/** Flags and commands that only one of the two has. */
const OF_ONE = new Set(['  -explain', '    recover', '    acl', '    peering', '    resource']);
const HEADING = /^( {2}-[\w-]+(=<[^>]*>)?$|HTTP API Options|Command Options|Subcommands:|Available commands are:)/;
const NAMED = /^ {4}[a-z][a-z-]*(?= {2,})/;

/** Headings, flags and names of commands. */
function helpOutline(lines: readonly string[]): string[] {
  return lines
    .flatMap((line) => (HEADING.test(line) ? [line] : (NAMED.exec(line)?.slice(0, 1) ?? [])))
    .filter((line) => !OF_ONE.has(line));
}
