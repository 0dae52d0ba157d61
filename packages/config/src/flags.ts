import { quoteGo } from '@proconsul/base';
import type { Value } from './decode.ts';
import { ConfigError } from './errors.ts';
import { type FlagRow, flagTable } from './flag-table.ts';
import { flagUsage } from './help.ts';
import type { Setting } from './setting.ts';
import { settings } from './settings.ts';
import type { Layer, Origin } from './source.ts';

/** What the command line of `agent` says. */
export interface AgentFlags {
  readonly dev: boolean;
  /** Files and directories of -config-file and -config-dir, in the order given. */
  readonly configFiles: readonly string[];
  /** "" when not given. Not checked here. */
  readonly configFormat: string;
  /** Fragments of -hcl, in the order given. */
  readonly hcl: readonly string[];
  /** Lists at the top level of a file: merged before the files. */
  readonly lists: Layer;
  /** Everything else: merged after the files. */
  readonly scalars: Layer;
  /** What stands after the flags; the agent refuses any. */
  readonly rest: readonly string[];
}

/** Command line that cannot be parsed. */
export class FlagError extends ConfigError {
  /** All that Consul prints on standard error: the message, every flag, the message again; for -help=x the flags alone. */
  readonly output: string;
  constructor(message: string) {
    super(message);
    const usage = flagUsage();
    this.output = message === HELP_WANTED ? usage : `${message}\n${usage}==> error parsing flags: ${message}\n`;
  }
}

const FLAGS: ReadonlyMap<string, FlagRow> = new Map(flagTable.map((row) => [row.flag, row]));
const SETTINGS: ReadonlyMap<string, Setting> = new Map(settings.map((setting) => [setting.key, setting]));
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/**
 * Parses the arguments after `agent` as Go's flag package does: `-x v`, `-x=v`, `--x`; booleans take a value only after
 * `=`; the first word without a dash, or `--`, ends the flags. Throws {@link FlagError}.
 */
export function parseAgentFlags(args: readonly string[]): AgentFlags {
  const parser = new FlagParser();
  const rest = parser.parse(args);
  const { files, fragments, format, dev, lists, scalars, origins } = parser;
  return {
    dev,
    configFiles: files,
    configFormat: format,
    hcl: fragments,
    lists: { source: 'flags', values: lists, origins, warnings: [] },
    scalars: { source: 'flags', values: scalars, origins, warnings: [] },
    rest,
  };
}

class FlagParser {
  readonly files: string[] = [];
  readonly fragments: string[] = [];
  readonly lists = new Map<string, Value>();
  readonly scalars = new Map<string, Value>();
  readonly origins = new Map<string, Origin>();
  format = '';
  dev = false;

  parse(args: readonly string[]): string[] {
    const left = [...args];
    for (;;) {
      const arg = left[0];
      if (arg === undefined || arg.length < 2 || arg[0] !== '-') return left;
      left.shift();
      if (arg === '--') return left;
      this.#flag(arg, left);
    }
  }

  #flag(arg: string, left: string[]): void {
    const body = arg.slice(arg.startsWith('--') ? 2 : 1);
    if (body === '' || body[0] === '-' || body[0] === '=') throw new FlagError(`bad flag syntax: ${arg}`);
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    const row = FLAGS.get(name);
    if (row === undefined) {
      throw new FlagError(name === 'h' || name === 'help' ? HELP_WANTED : `flag provided but not defined: -${name}`);
    }
    let text = equals < 0 ? undefined : body.slice(equals + 1);
    if (row.value === undefined) return this.#set(row, parseBool(row.flag, text ?? 'true'));
    text ??= left.shift();
    if (text === undefined) throw new FlagError(`flag needs an argument: -${name}`);
    this.#set(row, text);
  }

  #set(row: FlagRow, given: string | boolean): void {
    if (row.key !== undefined) this.#setting(row, row.key, given);
    else if (row.action === 'files') this.files.push(String(given));
    else if (row.action === 'hcl') this.fragments.push(String(given));
    else if (row.action === 'format') this.format = String(given);
    else this.dev = given === true;
  }

  #setting(row: FlagRow, key: string, given: string | boolean): void {
    const type = SETTINGS.get(key)!.type;
    const origin = { source: `-${row.flag}` };
    if (type === 'list') {
      const layer = key.includes('.') ? this.scalars : this.lists;
      const before = layer.get(key);
      const items = Array.isArray(before) ? before : [];
      this.origins.set(`${key}[${items.length}]`, origin);
      layer.set(key, [...items, given]);
    } else if (type === 'map') {
      const text = String(given);
      const colon = text.indexOf(':');
      const [name, value] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
      const before = (this.scalars.get(key) ?? {}) as Record<string, Value>;
      this.origins.set(`${key}[${name}]`, origin);
      this.scalars.set(key, Object.fromEntries([...Object.entries(before), [name, value]]));
    } else {
      this.scalars.set(key, type === 'int' ? parseInteger(row.flag, String(given)) : given);
    }
    this.origins.set(key, origin);
  }
}

/** The message of a FlagError for -h=x and -help=x. The caller has answered -h and -help before. */
export const HELP_WANTED = 'flag: help requested';

function parseBool(flag: string, text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  const reason = `strconv.ParseBool: parsing ${quoteGo(text)}: invalid syntax`;
  throw new FlagError(`invalid boolean value ${quoteGo(text)} for -${flag}: ${reason}`);
}

function parseInteger(flag: string, text: string): number {
  const isInteger = /^[-+]?[0-9]+$/.test(text);
  const value = Number(text);
  if (isInteger && Math.abs(value) < 2 ** 63) return value || 0;
  const reason = isInteger ? 'value out of range' : 'invalid syntax';
  throw new FlagError(
    `invalid value ${quoteGo(text)} for flag -${flag}: strconv.Atoi: parsing ${quoteGo(text)}: ${reason}`,
  );
}
