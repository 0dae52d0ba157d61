import { readFileSync } from 'node:fs';
import type { ConfigEntry } from '@proconsul/client';
import type { JsonValue } from '@proconsul/gojson';
import { CommandError, type Context, command } from '../command.ts';
import { goError, readError } from '../go-error.ts';
import { toGoJson } from '../go-json.ts';
import { type Io, readStdin } from '../io.ts';

const KIND = { kind: 'string', doc: 'Kind of the configuration entry.' } as const;
const NAME = { kind: 'string', doc: 'Name of the configuration entry.' } as const;
const CAS = { kind: 'bool', doc: 'Change the entry only if its index is still -modify-index.' } as const;
const INDEX = { kind: 'uint', doc: 'The index that -cas compares with.' } as const;

/** Kinds of the community edition. Source: documentation, configuration entries. */
const KINDS: ReadonlySet<string> = new Set([
  'service-defaults',
  'proxy-defaults',
  'service-router',
  'service-splitter',
  'service-resolver',
  'service-intentions',
  'ingress-gateway',
  'terminating-gateway',
  'mesh',
  'exported-services',
  'sameness-group',
  'api-gateway',
  'bound-api-gateway',
  'http-route',
  'tcp-route',
  'inline-certificate',
  'file-system-certificate',
  'jwt-provider',
]);

export const configRead = command({
  name: 'config read',
  args: '[options] -kind <config kind> -name <config name>',
  help: 'Prints a configuration entry as JSON.\n\n    $ consul config read -kind proxy-defaults -name global',
  http: { server: true, scope: 'namespace' },
  flags: { kind: KIND, name: NAME },
  async run(c) {
    const { kind, name } = c.flags;
    if (kind === '') return c.fail('Must specify the -kind parameter');
    if (name === '') return c.fail('Must specify the -name parameter');
    const prefix = `Error reading config entry ${kind}/${name}: `;
    if (!KINDS.has(kind)) return c.fail(`${prefix}invalid config entry kind: ${kind}`);
    const { config } = c.consul;
    const { value } = await c.attempt(prefix, () => config.read(kind, name));
    c.print(toGoJson(shown(value), '    '));
    return 0;
  },
});

/** What the reference prints first, where an entry has it. */
const FIRST = [
  'ConnectTimeout',
  'RequestTimeout',
  'Kind',
  'Name',
  'Protocol',
  'Mode',
  'TransparentProxy',
  'MutualTLSMode',
];

/** Without the hash and a protocol that is none; the indexes last. */
function shown(entry: ConfigEntry): object {
  const { Hash: _, CreateIndex, ModifyIndex, ...rest } = entry;
  const first = FIRST.filter((key) => Object.hasOwn(rest, key) && !(key === 'Protocol' && rest[key] === ''));
  const others = Object.keys(rest).filter((key) => !FIRST.includes(key));
  const members = [...first, ...others].map((key) => [
    key,
    key === 'UpstreamConfig' ? upstreams(rest[key]) : rest[key],
  ]);
  return { ...Object.fromEntries(members), CreateIndex, ModifyIndex };
}

interface Upstream {
  readonly Peer?: string;
}

/** Without peers that are none. */
function upstreams(config: unknown): unknown {
  const { Overrides, Defaults, ...rest } = config as { Overrides?: readonly Upstream[] | null; Defaults?: Upstream };
  return {
    ...(Overrides ? { Overrides: Overrides.map(withoutNoPeer) } : {}),
    ...(Defaults ? { Defaults: withoutNoPeer(Defaults) } : {}),
    ...rest,
  };
}

function withoutNoPeer(upstream: Upstream): Upstream {
  const { Peer, ...rest } = upstream;
  return Peer === '' ? rest : upstream;
}

export const configList = command({
  name: 'config list',
  args: '[options] -kind <config kind>',
  help: 'Lists the names of the configuration entries of a kind.\n\n    $ consul config list -kind service-defaults',
  http: { server: true, scope: 'namespace' },
  flags: { filter: { kind: 'string', doc: 'Filter expression that the agent applies.' }, kind: KIND },
  async run(c) {
    const { kind, filter } = c.flags;
    if (kind === '') return c.fail('Must specify the -kind parameter');
    const { config } = c.consul;
    const { value } = await c.attempt(`Error listing config entries for kind "${kind}": `, () =>
      config.list(kind, { filter }),
    );
    for (const entry of value) c.print(entry.Name);
    return 0;
  },
});

export const configWrite = command({
  name: 'config write',
  args: '[options] <configuration>',
  help:
    'Creates or updates a configuration entry from a file in HCL or JSON, or from standard input with `-`.\n\n' +
    '    $ consul config write web.hcl',
  http: { server: true, scope: 'namespace' },
  flags: { cas: CAS, 'modify-index': INDEX },
  async run(c) {
    const [source] = c.args;
    if (source === undefined || c.args.length !== 1) {
      return c.fail('Must provide exactly one positional argument to specify the config entry to write');
    }
    const entry = await loadEntry(c.io, source);
    const label = `${entry.kind}/${entry.name}`;
    const { config } = c.consul;
    const cas = c.flags.cas ? c.flags['modify-index'] : undefined;
    const written = await c.attempt(`Error writing config entry ${label}: `, () => config.write(entry.body, { cas }));
    if (!written) return c.fail(`Config entry not updated: ${label}`);
    c.print(`Config entry written: ${label}`);
    return 0;
  },
});

interface LoadedEntry {
  readonly kind: string;
  readonly name: string;
  readonly body: object;
}

/** Reads an entry in HCL or JSON. Throws CommandError. */
async function loadEntry(io: Io, source: string): Promise<LoadedEntry> {
  let text: string;
  try {
    text = source === '-' ? (await readStdin(io)).toString() : readFileSync(source, 'utf8');
  } catch (error) {
    throw new CommandError(`Failed to load data: Failed to read file: ${readError(error, source)}`);
  }
  const prefix = 'Failed to decode config entry input: ';
  let body: object;
  try {
    body = await parseEntry(text);
  } catch (error) {
    throw new CommandError(`${prefix}${prefix}${goError(error)}`);
  }
  const member = (name: string): string => {
    const found = Object.entries(body).find(([key]) => key.toLowerCase() === name);
    return typeof found?.[1] === 'string' ? found[1] : '';
  };
  const { DecodeError, readConfigEntry } = await import('@proconsul/schema');
  try {
    const { Kind } = readConfigEntry(body as JsonValue);
    return { kind: Kind, name: member('name'), body };
  } catch (error) {
    throw error instanceof DecodeError ? new CommandError(`${prefix}${error.message}`) : error;
  }
}

async function parseEntry(text: string): Promise<object> {
  if (/^\s*\{/.test(text)) {
    const { parseJsonDocument } = await import('@proconsul/gojson');
    return parseJsonDocument(text) as object;
  }
  const { parseHcl, plainOf, treeOf } = await import('@proconsul/hcl');
  return unwrap(plainOf(treeOf(parseHcl(text)))) as object;
}

/** Blocks that are written once are objects, as the API expects them, except where it expects lists. */
const LISTS =
  /^(Services|Sources|Routes|Splits|Listeners|Rules|Parents|Permissions|Consumers|Overrides|Endpoints|Backends|Matches|Filters|Header|Headers|QueryParam|Certificates|EnvoyExtensions|Paths|HashPolicies|Targets|Members|Hostnames|Datacenters|Claims|VerifyClaims|Providers|Locations|Query)$/i;

function unwrap(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => unwrap(item));
    const [only] = items;
    const isBlock = items.length === 1 && only !== null && typeof only === 'object' && !Array.isArray(only);
    return isBlock && !LISTS.test(name.replaceAll('_', '')) ? only : items;
  }
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, unwrap(member, key)]));
}

const deleteFlags = {
  cas: CAS,
  filename: { kind: 'string', doc: 'File with the entry to delete, in place of -kind and -name.' },
  kind: KIND,
  'modify-index': INDEX,
  name: NAME,
} as const;

export const configDelete = command({
  name: 'config delete',
  args: '[options] ([-kind <config kind> -name <config name>] | [-f FILENAME])',
  help:
    'Deletes a configuration entry.\n\n' +
    '    $ consul config delete -kind service-defaults -name web\n    $ consul config delete -filename web.hcl',
  http: { server: true, scope: 'namespace' },
  flags: deleteFlags,
  async run(c) {
    const problem = deleteProblem(c);
    if (problem) return c.fail(problem);
    const { kind, name } = c.flags.filename === '' ? c.flags : await loadEntry(c.io, c.flags.filename);
    const { config } = c.consul;
    const cas = c.flags.cas ? c.flags['modify-index'] : undefined;
    const done = await c.attempt(`Error deleting config entry ${kind}/${name}: `, () =>
      config.delete(kind, name, { cas }),
    );
    if (done === false) return c.fail(`Config entry not deleted: ${kind}/${name}`);
    c.print(`Config entry deleted: ${kind}/${name}`);
    return 0;
  },
});

function deleteProblem({ flags }: Context<typeof deleteFlags>): string | undefined {
  const { kind, name, filename, cas } = flags;
  if (filename !== '' && (kind !== '' || name !== '')) return "filename can't be used with kind or name";
  if (filename === '' && kind === '') return `Must specify the -kind ${name === '' ? 'or -filename ' : ''}parameter`;
  if (filename === '' && name === '') return 'Must specify the -name parameter';
  const index = flags['modify-index'];
  if (cas && index === 0n) return 'Must specify a -modify-index greater than 0 with -cas';
  if (!cas && index !== 0n) return 'Cannot specify -modify-index without -cas';
  return undefined;
}
