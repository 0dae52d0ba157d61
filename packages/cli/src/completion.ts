import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorText } from '@proconsul/base';
import { allFlags } from './help.ts';
import type { Io } from './io.ts';
import { table } from './table.ts';

/** Names of the program that complete. */
const PROGRAMS = ['consul', 'proconsul'];

/**
 * Prints what the word under the cursor could become, one a line. Shells call the program with COMP_LINE set to the
 * line so far (and COMP_POINT to the cursor). Source: bash manual, programmable completion (`complete -C`).
 */
export async function complete(io: Io): Promise<number> {
  const line = io.env['COMP_LINE'] ?? '';
  const point = Number(io.env['COMP_POINT'] ?? line.length);
  const words = line.slice(0, Number.isNaN(point) ? line.length : point).split(/\s+/);
  const current = words.pop() ?? '';
  const names = words.slice(1).filter((word) => !word.startsWith('-'));
  for (const candidate of await candidates(names, current)) io.write(`${candidate}\n`);
  return 0;
}

async function candidates(names: readonly string[], current: string): Promise<string[]> {
  let path = '';
  for (const name of names) {
    const next = path === '' ? name : `${path} ${name}`;
    if (!table.some((row) => row.name === next)) break;
    path = next;
  }
  const prefix = path === '' ? '' : `${path} `;
  const below = table
    .filter((row) => row.name.startsWith(prefix) && row.name !== path)
    .map((row) => row.name.slice(prefix.length))
    .filter((name) => !name.includes(' '));
  if (below.length > 0) return below.filter((name) => name.startsWith(current));
  if (!current.startsWith('-')) return [];
  return (await flagsOf(path)).filter((flag) => flag.startsWith(current)).sort();
}

async function flagsOf(name: string): Promise<string[]> {
  const row = table.find((r) => r.name === name);
  if (row?.kind !== 'command') return [];
  const found = await row.load();
  if ('flags' in found) return Object.keys(allFlags(found)).map((flag) => `-${flag}`);
  // Commands with a parser of their own show their flags in their help.
  return [
    ...new Set(
      found
        .help()
        .match(/^ {2}-[a-z0-9-]+/gm)
        ?.map((flag) => flag.trim()) ?? [],
    ),
  ];
}

interface Shell {
  readonly file: string;
  /** Only written when the file is there, or its folder is. */
  readonly create: boolean;
  readonly lines: (program: string, executable: string) => string;
}

function shells(home: string, env: Io['env']): Shell[] {
  const fishHome = env['XDG_CONFIG_HOME'] || join(home, '.config');
  return [
    { file: join(home, '.bashrc'), create: false, lines: (p, exe) => `complete -C ${exe} ${p}` },
    {
      file: join(home, '.zshrc'),
      create: false,
      lines: (p, exe) => `autoload -U +X bashcompinit && bashcompinit\ncomplete -o nospace -C ${exe} ${p}`,
    },
    ...PROGRAMS.map((program) => ({
      file: join(fishHome, 'fish', 'completions', `${program}.fish`),
      create: existsSync(join(fishHome, 'fish')),
      lines: (p: string, exe: string) =>
        p !== program ? '' : `complete -f -c ${p} -a "(env COMP_LINE=(commandline -cp) ${exe})"`,
    })),
  ];
}

/** Adds completion to the start-up files of bash, zsh and fish, or takes it out again. */
export async function install(argv: readonly string[], io: Io): Promise<number> {
  const home = io.env['HOME'];
  if (!home) {
    io.writeError('Error executing CLI: HOME is not set\n');
    return 1;
  }
  const remove = argv.includes('-autocomplete-uninstall');
  const executable = io.env['PROCONSUL_EXECUTABLE'] || 'consul';
  try {
    for (const shell of shells(home, io.env)) edit(shell, executable, remove);
    return 0;
  } catch (error) {
    io.writeError(`Error executing CLI: ${errorText(error)}\n`);
    return 1;
  }
}

function edit(shell: Shell, executable: string, remove: boolean): void {
  const exists = existsSync(shell.file);
  if (!exists && (remove || !shell.create)) return;
  const before = exists ? readFileSync(shell.file, 'utf8') : '';
  const ours = new Set(PROGRAMS.flatMap((program) => shell.lines(program, executable).split('\n')).filter(Boolean));
  const kept = before.split('\n').filter((line) => !ours.has(line));
  while (kept.at(-1) === '') kept.pop();
  const after = [...kept, ...(remove ? [] : ours)].join('\n');
  mkdirSync(dirname(shell.file), { recursive: true });
  writeFileSync(shell.file, after === '' ? '' : `${after}\n`);
}
