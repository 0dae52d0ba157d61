import { type Command, CommandError, Context, type RawCommand } from './command.ts';
import { FlagError, HELP_REQUESTED, parseFlags } from './flags.ts';
import { goError } from './go-error.ts';
import { allFlags, commandHelp, commandList, flagUsage } from './help.ts';
import type { Io } from './io.ts';
import { type CommandRow, type GroupRow, table } from './table.ts';

/** Exit code of a command that does not exist. */
export const EXIT_UNKNOWN = 127;

const HELP_WORDS = new Set(['-h', '-help', '--help']);
const VERSION_WORDS = new Set(['-v', '-version', '--version']);

/**
 * Runs one command line, without the program's name, and resolves with the exit code. Touches the process only through
 * `io`; never rejects for what a user or an agent did wrong.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  if (io.env['COMP_LINE'] !== undefined) return (await import('./completion.ts')).complete(io);
  if (argv.some((word) => word === '-autocomplete-install' || word === '-autocomplete-uninstall')) {
    return (await import('./completion.ts')).install(argv, io);
  }
  const split = argv.indexOf('--');
  const wantsHelp = argv.slice(0, split < 0 ? argv.length : split).some((word) => HELP_WORDS.has(word));
  const words = wantsHelp ? argv.filter((word, at) => (split >= 0 && at > split) || !HELP_WORDS.has(word)) : argv;
  if (VERSION_WORDS.has(words[0] ?? '')) return execute(await loadRow('version'), [], io);
  const before = words.findIndex((word) => !word.startsWith('-'));
  const misplaced = before > 0 && !words.slice(0, before).includes('--') ? words.slice(before) : [];
  const meant = find(misplaced);
  if (meant && !wantsHelp) return show(io, 'err', `${MISPLACED}${await helpOf(meant)}`, 1);
  const row = meant ?? find(words);
  if (!row) {
    if (wantsHelp && words.length === 0) return show(io, 'out', topHelp(), 0);
    return show(io, 'err', topHelp(), EXIT_UNKNOWN);
  }
  if (wantsHelp) return show(io, 'out', await helpOf(row), 0);
  if (row.kind === 'group') return show(io, 'err', groupHelp(row), 1);
  return execute(await row.load(), words.slice(row.name.split(' ').length), io);
}

const MISPLACED =
  'Invalid flags before the subcommand. If these flags are for\nthe subcommand, please put them after the subcommand.\n\n';

async function helpOf(row: CommandRow | GroupRow): Promise<string> {
  if (row.kind === 'group') return groupHelp(row);
  const found = await row.load();
  return isRaw(found) ? found.help() : commandHelp(found);
}

const isRaw = (found: Command | RawCommand): found is RawCommand => !('flags' in found);

function show(io: Io, where: 'out' | 'err', text: string, code: number): number {
  if (where === 'out') io.write(`${text}\n`);
  else io.writeError(`${text}\n`);
  return code;
}

/** The row with the longest name that the words begin with. */
function find(words: readonly string[]): CommandRow | GroupRow | undefined {
  for (let count = Math.min(words.length, 3); count > 0; count--) {
    const name = words.slice(0, count).join(' ');
    const row = table.find((r) => r.name === name);
    if (row) return row;
  }
  return undefined;
}

async function loadRow(name: string): Promise<Command | RawCommand> {
  const row = table.find((r) => r.name === name);
  if (row?.kind !== 'command') throw new CommandError(`no such command: ${name}`);
  return row.load();
}

function topHelp(): string {
  const rows = table.filter((row) => !row.name.includes(' '));
  return `Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n${commandList(rows)}\n`;
}

function groupHelp(group: GroupRow): string {
  const prefix = `${group.name} `;
  const rows = table
    .filter((row) => row.name.startsWith(prefix) && !row.name.slice(prefix.length).includes(' '))
    .map((row) => ({ name: row.name.slice(prefix.length), synopsis: row.synopsis }));
  const prose = group.help
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
  return `Usage: consul ${group.name} ${group.args}\n\n${prose}\n\nSubcommands:\n${commandList(rows)}`;
}

async function execute(found: Command | RawCommand, words: readonly string[], io: Io): Promise<number> {
  if (isRaw(found)) return found.run(words, io);
  let parsed: ReturnType<typeof parseFlags>;
  try {
    parsed = parseFlags(allFlags(found), words);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    const isHelp = error.message === HELP_REQUESTED;
    io.writeError(`${isHelp ? '' : `${error.message}\n`}${flagUsage(found)}\n`);
    if (isHelp && found.helpIsRight) return 0;
    if (found.flagErrorPrefix !== undefined) io.writeError(`${found.flagErrorPrefix}${error.message}\n`);
    return found.flagErrorCode ?? 1;
  }
  try {
    return await found.run(new Context(io, parsed, () => commandHelp(found)));
  } catch (error) {
    io.writeError(`${goError(error)}\n`);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}
