import { decodeGoUtf8 } from '@proconsul/gojson';
import { buildRuntime } from './build.ts';
import type { Value } from './decode.ts';
import { applyDeprecated, enterpriseWarnings } from './deprecated.ts';
import { ConfigError } from './errors.ts';
import { type AgentFlags, parseAgentFlags } from './flags.ts';
import { type Merged, mergeLayers } from './merge.ts';
import { Reader } from './reader.ts';
import type { RuntimeConfig } from './runtime.ts';
import type { Setting } from './setting.ts';
import { settings } from './settings.ts';
import type { InterfaceAddress } from './sockaddr.ts';
import { type Format, type Layer, type Origin, parseSource } from './source.ts';
import { type ValidateContext, validateBasics } from './validate.ts';
import { validateRest } from './validate-rest.ts';

/** Files in one directory that are read. */
export const MAX_FILES_IN_DIRECTORY = 10_000;

/** What loading needs of the world. The functions may throw errors with a `code` of POSIX (`ENOENT`). */
export interface LoadInput {
  /** The arguments after `agent`. */
  readonly args: readonly string[];
  readonly readFile: (path: string) => Uint8Array;
  /** Names in a directory, in any order. */
  readonly listDir: (path: string) => readonly string[];
  /** What is at a path, links followed; undefined when nothing is. */
  readonly stat: (path: string) => 'file' | 'directory' | undefined;
  /** The target of a link, or the path itself. Its ending tells the format of a file in a directory. */
  readonly realPath?: (path: string) => string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  readonly interfaces: readonly InterfaceAddress[];
  readonly maxFileDescriptors?: number;
}

/** Where each part of the effective configuration came from. */
export interface Explained {
  /** Dotted path of a setting, with `[index]` or `[key]` for elements. */
  readonly path: string;
  /** As written; secrets are `hidden`. */
  readonly value: Value;
  readonly origin: Origin;
}

export interface Loaded {
  readonly runtime: RuntimeConfig;
  /** For people, in the order of Consul's output. */
  readonly warnings: readonly string[];
  /** Every value that is set, with its source: what `validate --explain` prints. */
  readonly sources: readonly Explained[];
}

/**
 * Loads the configuration of an agent: defaults, files and flags merged with Consul's precedence, resolved and
 * validated. Throws {@link ConfigError} (or its FlagError) with Consul's text.
 */
export function loadConfig(input: LoadInput): Loaded {
  return loadWithFlags(parseAgentFlags(input.args), input);
}

/** As {@link loadConfig}, with flags parsed before. `validate` builds flags that only name files. */
export function loadWithFlags(flags: AgentFlags, input: Omit<LoadInput, 'args'>): Loaded {
  if (flags.rest.length > 0) throw new ConfigError(`Unexpected extra arguments: [${flags.rest.join(' ')}]`);
  if (flags.configFormat !== '' && flags.configFormat !== 'hcl' && flags.configFormat !== 'json') {
    throw new ConfigError("config: -config-format must be either 'hcl' or 'json'");
  }
  const warnings: string[] = [];
  const warn = (text: string) => {
    warnings.push(text);
  };
  const files = readFiles(flags, input, warn);
  const user = [
    withoutJoin(flags.lists, warn),
    ...files.map((file) => parseSource(file.path, file.text, file.format)),
    flags.scalars,
    ...flags.hcl.map((fragment, index) => parseSource(`flags-${index}.hcl`, fragment, 'hcl')),
  ].map((layer) => checked(layer, warn));
  const merged = mergeLayers([defaults(flags.dev), ...user, fixed()]);
  const reader = new Reader(merged);
  const runtime = buildRuntime(reader, {
    hostname: input.hostname,
    interfaces: input.interfaces,
    devMode: flags.dev,
    introToken: input.env['CONSUL_INTRO_TOKEN'],
    env: input.env,
    configFiles: flags.configFiles,
    services: definitions(user, 'services', 'service'),
    checks: definitions(user, 'checks', 'check'),
    warn,
  });
  const context: ValidateContext = {
    reader,
    stat: input.stat,
    maxFileDescriptors: input.maxFileDescriptors,
    warn,
  };
  validateBasics(runtime, context);
  reader.problems.throwIfAny();
  validateRest(runtime, context);
  return { runtime, warnings, sources: explain(merged) };
}

/** The layer with its old settings moved; its warnings are given on the way. */
function checked(layer: Layer, warn: (text: string) => void): Layer {
  const moved = applyDeprecated({ ...layer, warnings: [] });
  for (const text of [...layer.warnings, ...enterpriseWarnings(layer), ...moved.warnings]) warn(text);
  return moved;
}

/** The lists of all sources, then the single definitions of all sources. */
function definitions(layers: readonly Layer[], many: 'services' | 'checks', one: 'service' | 'check') {
  type Fields = { readonly [key: string]: Value };
  const lists = layers.flatMap(({ values }) => (values.get(many) as Fields[] | undefined) ?? []);
  const singles = layers.map(({ values }) => values.get(one) as Fields | undefined).filter((v) => v !== undefined);
  return [...lists, ...singles];
}

function defaults(isDev: boolean): Layer {
  const value = ({ fallback, dev }: Setting) => (isDev && dev !== undefined ? dev : fallback);
  return tableLayer('default', settings, value);
}

function fixed(): Layer {
  return tableLayer(
    'default',
    settings.filter((setting: Setting) => setting.fixed),
    ({ fallback }) => fallback,
  );
}

function tableLayer(source: string, rows: readonly Setting[], choose: (row: Setting) => Value | undefined): Layer {
  const values = new Map<string, Value>();
  for (const row of rows) {
    const value = choose(row);
    if (value !== undefined) values.set(row.key, value);
  }
  return { source, values, origins: new Map(), warnings: [] };
}

/** -join and -join-wan are other names of -retry-join and -retry-join-wan. */
function withoutJoin(layer: Layer, warn: (text: string) => void): Layer {
  const values = new Map(layer.values);
  for (const [old, now] of [
    ['join', 'retry_join'],
    ['join-wan', 'retry_join_wan'],
  ] as const) {
    const key = `start_${old.replace('-', '_')}`;
    const value = values.get(key);
    if (!Array.isArray(value)) continue;
    warn(`The flag '-${old}' is deprecated. Use the '-retry-${old}' flag instead.`);
    const before = values.get(now);
    values.set(now, [...(Array.isArray(before) ? before : []), ...value]);
    values.delete(key);
  }
  return { ...layer, values };
}

interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly format: Format;
}

/** Reads the files named by flags, and those in directories named by flags, in order. */
function readFiles(flags: AgentFlags, input: Omit<LoadInput, 'args'>, warn: (text: string) => void): ConfigFile[] {
  const forced = flags.configFormat === '' ? undefined : (flags.configFormat as Format);
  return flags.configFiles.flatMap((path) => {
    const kind = attempt(path, () => input.stat(path));
    if (kind === undefined) throw openError(path, 'no such file or directory');
    if (kind === 'directory') return readDirectory(path, input, forced, warn);
    const format = forced ?? formatOf(path);
    if (format === undefined) {
      const rule = 'must be .hcl or .json, or config format must be set';
      throw new ConfigError(`file ${path} has unknown extension; ${rule}`);
    }
    return [readOne(path, input, format)].filter(isNotEmpty);
  });
}

function readDirectory(
  directory: string,
  input: Omit<LoadInput, 'args'>,
  forced: Format | undefined,
  warn: (text: string) => void,
): ConfigFile[] {
  const names = [...attempt(directory, () => input.listDir(directory))].sort(byBytes);
  if (names.length > MAX_FILES_IN_DIRECTORY) {
    throw new ConfigError(`config: ${directory} has more than ${MAX_FILES_IN_DIRECTORY} files`);
  }
  const found: ConfigFile[] = [];
  for (const name of names) {
    const path = `${directory.replace(/\/+$/, '')}/${name}`;
    if (input.stat(path) !== 'file') continue;
    const format = forced ?? formatOf(input.realPath?.(path) ?? path);
    if (format === undefined) {
      warn(`skipping file ${path}, extension must be .hcl or .json, or config format must be set`);
    } else found.push(readOne(path, input, format));
  }
  return found.filter(isNotEmpty);
}

function readOne(path: string, input: Omit<LoadInput, 'args'>, format: Format): ConfigFile {
  const bytes = attempt(path, () => input.readFile(path));
  if (format === 'hcl') {
    const at = firstBadUtf8(bytes);
    if (at !== undefined) throw new ConfigError(`failed to parse ${path}: At ${at}: illegal UTF-8 encoding`);
  }
  return { path, text: decodeGoUtf8(bytes), format };
}

/** `line:column` of the first character that is not UTF-8. */
function firstBadUtf8(bytes: Uint8Array): string | undefined {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return undefined;
  } catch {
    // The good part in front: what lenient decoding gives up to the first replacement that is not in the bytes.
    const before = decodeGoUtf8(bytes).split('\ufffd')[0]!;
    const lines = before.split('\n');
    return `${lines.length}:${[...lines.at(-1)!].length + 2}`;
  }
}

function isNotEmpty({ text }: ConfigFile): boolean {
  return text !== '';
}

function formatOf(path: string): Format | undefined {
  if (path.endsWith('.json')) return 'json';
  return path.endsWith('.hcl') ? 'hcl' : undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  ELOOP: 'too many levels of symbolic links',
};

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (thrown) {
    const code = (thrown as { code?: unknown }).code;
    const reason = typeof code === 'string' ? REASONS[code] : undefined;
    throw openError(path, reason ?? (thrown instanceof Error ? thrown.message : String(thrown)));
  }
}

function openError(path: string, reason: string): ConfigError {
  return new ConfigError(`config: Open failed on ${path}. open ${path}: ${reason}`);
}

function byBytes(a: string, b: string): number {
  const [x, y] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
}

const SECRET: ReadonlySet<string> = new Set(settings.filter((row: Setting) => row.secret).map((row) => row.key));
/** Settings that hold secrets among other things. */
const HOLDS_TOKENS: ReadonlySet<string> = new Set(['service', 'services', 'check', 'checks', 'watches']);

function explain({ values, origins }: Merged): Explained[] {
  const out: Explained[] = [];
  for (const [key, value] of values) {
    const origin = origins.get(key) ?? { source: 'default' };
    const shown = SECRET.has(key) ? 'hidden' : HOLDS_TOKENS.has(key) ? withoutTokens(value) : value;
    const hasParts = shown !== 'hidden' && value !== null && typeof value === 'object';
    if (!hasParts) {
      out.push({ path: key, value: shown, origin });
      continue;
    }
    for (const [part, inner] of Object.entries(shown as object)) {
      const path = `${key}[${part}]`;
      out.push({ path, value: inner as Value, origin: origins.get(path) ?? origin });
    }
  }
  return out.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function withoutTokens(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutTokens);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, inner]): [string, Value] => [
    key,
    key.toLowerCase() === 'token' ? 'hidden' : withoutTokens(inner),
  ]);
  return Object.fromEntries(entries);
}
