import { type FlagRow, flagTable } from './flag-table.ts';
import type { Setting } from './setting.ts';
import { settings } from './settings.ts';

const TYPE_WORDS: Readonly<Record<Setting['type'], string>> = {
  string: 'string',
  bool: 'boolean',
  int: 'integer',
  uint: 'integer',
  uint32: 'integer',
  uint64: 'integer',
  anything: 'anything',
  float: 'number',
  duration: 'duration',
  list: 'list of strings',
  map: 'map of strings',
  durationMap: 'map of durations',
  any: 'map',
  anyList: 'list of maps',
  entries: 'list of maps',
  addHeaders: 'list of `{ name, value }`',
  mspTokens: 'list of `{ accessor_id, secret_id }`',
  segments: 'list of maps',
  auditSinks: 'map of maps',
  raftBoltdb: 'map',
  service: 'service definition',
  services: 'list of service definitions',
  check: 'check definition',
  checks: 'list of check definitions',
};

/** The keys that a reload applies, dotted. */
export const reloadableKeys: readonly string[] = settings.filter((row: Setting) => row.reload).map(({ key }) => key);

/** The reference of settings in Markdown, made from the tables. */
export function referencePage(): string {
  const rows: readonly Setting[] = settings;
  const current = rows.filter((row) => !row.moved && !row.ignored && !row.enterprise && !row.fixed);
  return [
    '# Configuration',
    'Made from the tables in `packages/config` by `node scripts/config-docs.mjs`; do not edit.',
    'Files are HCL (`.hcl`) or JSON (`.json`); names may be in any case. Durations are written like `10s` or `1h30m`. Later ' +
      'files win over earlier ones, flags over files, `-hcl` over flags; lists are appended and maps united.',
    table('## Settings', ['Key', 'Type', 'Default', 'With -dev', 'Flag', 'Reload', 'Meaning'], current.map(settingRow)),
    table('## Other flags', ['Flag', 'Meaning'], flagTable.filter(({ key }) => !key).map(flagRow)),
    table(
      '## Old names',
      ['Old', 'Now'],
      rows
        .filter(({ moved, ignored }) => moved ?? ignored)
        .map(({ key, moved }) => [code(key), moved ? code(moved) : 'ignored']),
    ),
    table(
      '## Accepted without effect',
      ['Key', 'Why'],
      rows
        .filter(({ enterprise, fixed }) => enterprise ?? fixed)
        .map(({ key, doc, enterprise }) => [code(key), enterprise ? 'Enterprise only' : cell(doc)]),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function settingRow(row: Setting): string[] {
  const flag = flagTable.find(({ key }) => key === row.key)?.flag;
  return [
    code(row.key),
    TYPE_WORDS[row.type],
    row.fallback === undefined ? '' : code(String(row.fallback)),
    row.dev === undefined ? '' : code(String(row.dev)),
    flag === undefined ? '' : code(`-${flag}`),
    row.reload ? 'yes' : '',
    cell(row.doc),
  ];
}

function flagRow({ flag, value, doc }: FlagRow): string[] {
  return [code(value === undefined ? `-${flag}` : `-${flag} ${value}`), cell(doc)];
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [title, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
