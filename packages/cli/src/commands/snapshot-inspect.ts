import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { columns } from '../columns.ts';
import { CommandError, command } from '../command.ts';
import { fileError, goError } from '../go-error.ts';
import { toGoJson } from '../go-json.ts';
import { type Archive, parseMeta, readArchive } from '../snapshot/archive.ts';
import { recordJson } from '../snapshot/record-json.ts';
import { stateRecords } from '../snapshot/records.ts';
import { openSnapshot } from './snapshot.ts';

interface Stat {
  Name: string;
  Sum: number;
  Count: number;
}

export const snapshotInspect = command({
  name: 'snapshot inspect',
  args: '[options] FILE',
  help:
    'Shows what a snapshot holds, without an agent: its index and term, and how many records of each type take how much\n' +
    'room. FILE is an archive, or a state.bin with its meta.json beside it.\n\n    $ consul snapshot inspect backup.snap',
  flagErrorPrefix: '',
  flags: {
    format: { kind: 'string', default: 'pretty', doc: 'Output format {pretty|json}' },
    kvdepth: { kind: 'int', default: 2, doc: 'With -kvdetails: how many parts of a key make a group.' },
    kvdetails: { kind: 'bool', doc: 'Also show how much room groups of keys take.' },
    kvfilter: { kind: 'string', doc: 'With -kvdetails: only keys that begin with this.' },
  },
  async run(c) {
    const [file] = c.args;
    if (c.args.length > 1) return c.fail(`Too many arguments (expected 1, got ${c.args.length})`);
    if (file === undefined) return c.fail('Missing FILE argument');
    const { meta, state } = await load(file);
    const { kvdetails, kvdepth, kvfilter, format } = c.flags;
    const types = new Map<string, Stat>();
    const keys = new Map<string, Stat>();
    try {
      for (const record of stateRecords(state!)) {
        add(types, record.type, record.sizeBytes);
        if (!kvdetails || record.type !== 'KVS') continue;
        const key = String((record.value() as { Key?: unknown } | null)?.Key ?? '');
        if (key.startsWith(kvfilter)) add(keys, key.split('/').slice(0, kvdepth).join('/'), record.sizeBytes);
      }
    } catch (error) {
      throw new CommandError(`Error extracting snapshot data: ${goError(error)}`);
    }
    const report = reportOf(meta, sorted(types), sorted(keys));
    if (format === 'json') c.print(toGoJson(report, '   '));
    else if (format === 'pretty') c.print(prettyReport(report));
    else return c.fail(`Error outputting enhanced snapshot data: Unknown format: ${format}`);
    return 0;
  },
});

async function load(file: string): Promise<Archive> {
  const handle = await openSnapshot(file);
  try {
    if (basename(file) !== 'state.bin') return await readArchive(handle.createReadStream(), true);
    return { meta: await metaBeside(file), state: await handle.readFile() };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`Error reading snapshot: ${goError(error)}`);
  } finally {
    await handle.close().catch(() => {});
  }
}

async function metaBeside(file: string) {
  const path = join(dirname(file), 'meta.json');
  try {
    return parseMeta(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new CommandError(`Error reading meta.json: ${fileError(error, 'open', path)}`);
  }
}

function add(stats: Map<string, Stat>, name: string, size: number): void {
  const stat = stats.get(name);
  if (!stat) stats.set(name, { Name: name, Sum: size, Count: 1 });
  else {
    stat.Sum += size;
    stat.Count++;
  }
}

/** Largest first; names decide between equals. */
function sorted(stats: ReadonlyMap<string, Stat>): Stat[] {
  return [...stats.values()].sort((a, b) => b.Sum - a.Sum || (a.Name < b.Name ? -1 : 1));
}

const total = (stats: readonly Stat[]): number => stats.reduce((sum, stat) => sum + stat.Sum, 0);

function reportOf(meta: Archive['meta'], types: Stat[], keys: Stat[]) {
  const { ID, Size, Index, Term, Version } = meta;
  return {
    Meta: { ID, Size, Index, Term, Version },
    Stats: types.length > 0 ? types : null,
    StatsKV: keys.length > 0 ? keys : null,
    TotalSize: total(types),
    TotalSizeKV: total(keys),
  };
}

type Report = ReturnType<typeof reportOf>;

const GAP = '      ';

function prettyReport(report: Report): string {
  const head = Object.entries(report.Meta).map(([name, value]) => [name, String(value)]);
  const order = ['ID', 'Size', 'Index', 'Term', 'Version'];
  head.sort(([a], [b]) => order.indexOf(a!) - order.indexOf(b!));
  const parts = [columns(head, GAP), statTable('Type', report.Stats ?? [], report.TotalSize)];
  if (report.StatsKV) parts.push(statTable('Key Name', report.StatsKV, report.TotalSizeKV));
  return parts.map((part) => part.replace(/^/gm, ' ')).join('\n\n');
}

function statTable(title: string, stats: readonly Stat[], sum: number): string {
  return columns(
    [
      [title, 'Count', 'Size'],
      ['----', '----', '----'],
      ...stats.map((s) => [s.Name, String(s.Count), byteText(s.Sum)]),
      ['----', '----', '----'],
      ['Total', '', byteText(sum)],
    ],
    GAP,
  );
}

function byteText(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1).replace(/\.0$/, '')}${units[unit]}`;
}

export const snapshotDecode = command({
  name: 'snapshot decode',
  args: '[options] FILE',
  help: 'Prints every record of a snapshot as one line of JSON, {"Data": ..., "Type": ...}, its header first.',
  flagErrorPrefix: '',
  flags: {},
  async run(c) {
    const [file] = c.args;
    if (c.args.length > 1) return c.fail(`Too many arguments (expected 1, got ${c.args.length})`);
    if (file === undefined) return c.fail('Missing FILE argument');
    const { meta, state } = file === '-' ? await fromStdin(c.io.stdin()) : await load(file);
    const { Version, ID, Index, Term, Peers = null, Configuration, ConfigurationIndex, Size } = meta;
    const header = { Version, ID, Index, Term, Peers, Configuration, ConfigurationIndex, Size };
    c.print(toGoJson({ Data: header, Type: 'SnapshotHeader' }));
    for (const record of stateRecords(state!)) {
      c.print(toGoJson({ Data: recordJson(record.value()), Type: record.type }));
    }
    return 0;
  },
});

async function fromStdin(source: AsyncIterable<Uint8Array>): Promise<Archive> {
  try {
    return await readArchive(source, true);
  } catch (error) {
    throw new CommandError(`Error reading snapshot: ${goError(error)}`);
  }
}
