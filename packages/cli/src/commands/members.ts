import { errorText } from '@proconsul/base';
import { MEMBER_STATUS, type Member } from '@proconsul/client';
import { columns } from '../columns.ts';
import { CommandError, command } from '../command.ts';
import { goRegExp } from '../go-regexp.ts';

/** Exit code when no member matches. */
const EXIT_NONE = 2;

export const members = command({
  name: 'members',
  args: '[options]',
  help: 'Lists the members that the agent knows, with their state.',
  http: { scope: 'partition' },
  flags: {
    detailed: { kind: 'bool', doc: 'Show every tag of every member.' },
    filter: { kind: 'string', doc: 'Filter expression that the agent applies.' },
    segment: { kind: 'string', default: '_all', doc: 'Only members of this network segment (Enterprise edition).' },
    status: { kind: 'string', default: '.*', doc: 'Only members whose status matches this regular expression.' },
    wan: { kind: 'bool', doc: 'List the servers of all datacenters. Servers only.' },
  },
  async run(c) {
    const { detailed, filter, segment, status, wan } = c.flags;
    const pattern = compile(status);
    const all = await c.attempt('Error retrieving members: ', () => c.consul.agent.members({ wan, segment, filter }));
    const shown = all.filter((m) => pattern.test(statusOf(m))).map((m) => withSegment(m, segment === ALL_SEGMENTS));
    if (shown.length === 0) return EXIT_NONE;
    shown.sort(compareMembers);
    c.print(columns(detailed ? detailedRows(shown) : plainRows(shown)));
    return 0;
  },
});

function compile(status: string): RegExp {
  try {
    return goRegExp(status);
  } catch (error) {
    throw new CommandError(`Failed to compile status regexp: ${errorText(error)}`);
  }
}

const ALL_SEGMENTS = '_all';

const statusOf = (m: Member): string => MEMBER_STATUS[m.Status] ?? 'none';

/** Servers are in every segment, where all are asked for; others in that of their tag. Without a partition it is the default one. */
function withSegment(m: Member, isAll: boolean): Member {
  const own = m.Tags['segment'] ?? '';
  const segment = isAll && m.Tags['role'] === 'consul' ? '<all>' : own === '' ? '<default>' : own;
  return { ...m, Tags: { ...m.Tags, ap: m.Tags['ap'] || 'default', segment } };
}

function compareMembers(a: Member, b: Member): number {
  const keys = (m: Member) => [m.Tags['segment']!, m.Tags['ap']!, m.Name];
  const left = keys(a);
  const right = keys(b);
  const at = left.findIndex((key, i) => key !== right[i]);
  if (at < 0) return 0;
  if (at === 0 && (left[0] === '<all>') !== (right[0] === '<all>')) return left[0] === '<all>' ? -1 : 1;
  return left[at]! < right[at]! ? -1 : 1;
}

const addressOf = (m: Member): string => `${m.Addr.includes(':') ? `[${m.Addr}]` : m.Addr}:${m.Port}`;

function plainRows(list: readonly Member[]): string[][] {
  const head = ['Node', 'Address', 'Status', 'Type', 'Build', 'Protocol', 'DC', 'Partition', 'Segment'];
  return [
    head,
    ...list.map((m) => [
      m.Name,
      addressOf(m),
      statusOf(m),
      { consul: 'server', node: 'client' }[m.Tags['role'] ?? ''] ?? 'unknown',
      buildOf(m),
      String(m.Tags['vsn'] ?? '0'),
      m.Tags['dc'] ?? '',
      m.Tags['ap']!,
      m.Tags['segment']!,
    ]),
  ];
}

function buildOf(m: Member): string {
  const build = m.Tags['build'] ?? '';
  return build === '' ? '< 0.3' : build.split(':')[0]!;
}

function detailedRows(list: readonly Member[]): string[][] {
  return [['Node', 'Address', 'Status', 'Tags'], ...list.map((m) => [m.Name, addressOf(m), statusOf(m), tagsOf(m)])];
}

function tagsOf(m: Member): string {
  return Object.keys(m.Tags)
    .sort()
    .map((key) => `${key}=${m.Tags[key]}`)
    .join(',');
}
