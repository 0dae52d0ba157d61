import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../e2e/program.ts';

/** What lines of a section are run against. */
export type Against = 'any' | 'reference' | 'acl' | 'nobody';

export interface Line {
  /** A command line for `sh`, `$CONSUL` standing for the program. */
  readonly text: string;
  /** Run by the reference for its effect only. */
  readonly effect: boolean;
}

/** Lines that build on one another. Each section begins with an agent that holds nothing. */
export interface Section {
  readonly title: string;
  readonly against: Against;
  readonly lines: readonly Line[];
}

/**
 * The sections of `lines.txt`, and one of what every command is asked.
 * `## Title` begins a section; `@reference`, `@acl` or `@nobody` after it says against what it is run: an agent of the
 * reference only, one with ACLs, none at all. `!` in front of a line means: for its effect only. `#` is a comment.
 */
export function sections(): Section[] {
  const text = readFileSync(join(root, 'tests/interop/alike-cli/lines.txt'), 'utf8');
  const found: Section[] = [everyCommand()];
  for (const part of text.split(/^## /m).slice(1)) {
    const [head = '', ...rest] = part.split('\n');
    const [, title = '', against = 'any'] = /^(.*?)(?: @(\w+))?$/.exec(head) ?? [];
    const lines = rest
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .map((line) => ({ text: line.replace(/^!/, '').trim(), effect: line.startsWith('!') }));
    found.push({ title, against: against as Against, lines });
  }
  return found;
}

const COMMANDS =
  `agent|catalog datacenters|catalog nodes|catalog services|config delete|config list|config read|config write
connect ca get-config|connect ca set-config|debug|event|exec|force-leave|info|intention check|intention create
intention delete|intention get|intention list|intention match|join|keygen|keyring|kv delete|kv export|kv get|kv import
kv put|leave|lock|login|logout|maint|members|monitor|operator autopilot get-config|operator autopilot set-config
operator autopilot state|operator raft list-peers|operator raft remove-peer|operator raft transfer-leader
operator usage instances|reload|rtt|services deregister|services export|services exported-services|services register
snapshot decode|snapshot inspect|snapshot restore|snapshot save|tls ca create|tls cert create|troubleshoot ports
validate|version|watch`.split(/[|\n]/);
const GROUPS =
  `catalog|config|connect ca|intention|kv|operator|operator autopilot|operator raft|operator usage|services|snapshot
tls|tls ca|tls cert`.split(/[|\n]/);

function everyCommand(): Section {
  const of = (words: readonly string[], ends: readonly string[]) =>
    words.flatMap((word) => ends.map((end) => `$CONSUL ${word} ${end}`));
  const lines = [
    ...of(COMMANDS, ['-h', '-bogus=1 x', '-partition=x -bogus']),
    ...of(COMMANDS.slice(0, 9), ['a --help', '-help=true', '-http-addr', '-datacenter']),
    ...of(GROUPS, ['', '-h', '--help', 'bogus', 'bogus -h', '-bogus']),
  ];
  return { title: 'Every command', against: 'nobody', lines: lines.map((text) => ({ text, effect: false })) };
}
