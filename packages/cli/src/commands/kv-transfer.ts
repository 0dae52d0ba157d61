import { posix } from 'node:path';
import { errorText } from '@proconsul/base';
import { decodeBase64, GoJsonError, type JsonValue, kindName, parseJsonDocument } from '@proconsul/gojson';
import { CommandError, command } from '../command.ts';
import { toGoJson } from '../go-json.ts';
import { loadData } from './data.ts';

export const kvExport = command({
  name: 'kv export',
  args: '[KEY_OR_PREFIX]',
  help: 'Writes every key that begins with the prefix as JSON, for `kv import`.\n\n    $ consul kv export vault > vault.json',
  http: { server: true, scope: 'namespace' },
  flags: {},
  async run(c) {
    if (c.args.length > 1) return c.fail(`Too many arguments (expected 1, got ${c.args.length})`);
    const prefix = (c.args[0] ?? '').replace(/^\//, '');
    const { kv } = c.consul;
    const { value: pairs } = await c.attempt('Error querying Consul agent: ', () => kv.list(prefix));
    const entries = pairs.map((pair) => ({
      key: pair.Key,
      flags: pair.Flags,
      value: Buffer.from(pair.Value).toString('base64'),
    }));
    c.print(toGoJson(entries, '\t'));
    return 0;
  },
});

export const kvImport = command({
  name: 'kv import',
  args: '[DATA]',
  help:
    'Stores the keys that `kv export` wrote. DATA is the JSON itself, `@file`, or `-` for standard input.\n\n' +
    '    $ consul kv import @vault.json',
  http: { server: true, scope: 'namespace' },
  flags: { prefix: { kind: 'string', doc: 'Goes before the name of every key.' } },
  async run(c) {
    if (c.args.length > 1) return c.fail(`Error! Too many arguments (expected 1, got ${c.args.length})`);
    const [argument] = c.args;
    if (argument === undefined) return c.fail('Error! Missing DATA argument');
    if (argument === '') return c.fail('Error! Empty DATA argument');
    const entries = parseEntries(await loadData(c.io, argument, 'Error! '));
    const { kv } = c.consul;
    for (const entry of entries) {
      const key = joined(c.flags.prefix, entry.key);
      const value = decodeValue(entry);
      if (key.startsWith('/')) {
        return c.fail(`Error! Failed writing data for key ${key}: Invalid key. Key must not begin with a '/': ${key}`);
      }
      const options = { flags: entry.flags, ...(entry.namespace === '' ? {} : { namespace: entry.namespace }) };
      await c.attempt(`Error! Failed writing data for key ${key}: `, () => kv.put(key, value, options));
      c.print(`Imported: ${key}`);
    }
    return 0;
  },
});

/** The key below the prefix, as a path without `.`, `..` and empty parts; only its own slash at the end stays. */
function joined(prefix: string, key: string): string {
  if (prefix === '' && key === '') return '';
  const whole = posix.join(prefix, key);
  return key.endsWith('/') ? whole : whole.replace(/(?<=.)\/$/, '');
}

interface Entry {
  readonly key: string;
  readonly flags: number | bigint;
  readonly value: string;
  readonly namespace: string;
}

/** Reads the array of entries. Throws CommandError with the texts of Go's decoder. */
function parseEntries(data: Uint8Array): Entry[] {
  let parsed: JsonValue;
  try {
    parsed = parseJsonDocument(data);
  } catch (error) {
    if (error instanceof GoJsonError) throw new CommandError(`Cannot unmarshal data: ${error.message}`);
    throw error;
  }
  if (parsed === null) return [];
  if (!Array.isArray(parsed)) throw mismatch(parsed, 'value of type []*impexp.Entry');
  return parsed.map(entryOf);
}

function mismatch(value: JsonValue | undefined, where: string): CommandError {
  return new CommandError(`Cannot unmarshal data: json: cannot unmarshal ${kindName(value)} into Go ${where}`);
}

function entryOf(value: JsonValue): Entry {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw mismatch(value, 'value of type impexp.Entry');
  }
  const members = new Map(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]));
  const text = (name: string): string => {
    const member = members.get(name) ?? '';
    if (typeof member !== 'string') throw mismatch(member, `struct field Entry.${name} of type string`);
    return member;
  };
  const flags = members.get('flags') ?? 0;
  if (typeof flags !== 'number' && typeof flags !== 'bigint') {
    throw mismatch(flags, 'struct field Entry.flags of type uint64');
  }
  if (flags < 0 || (typeof flags === 'number' && !Number.isInteger(flags))) {
    const where = 'Go struct field Entry.flags of type uint64';
    throw new CommandError(`Cannot unmarshal data: json: cannot unmarshal number ${flags} into ${where}`);
  }
  return { key: text('key'), flags, value: text('value'), namespace: text('namespace') };
}

function decodeValue(entry: Entry): Uint8Array {
  try {
    return decodeBase64(entry.value);
  } catch (error) {
    throw new CommandError(`Error base 64 decoding value for key ${entry.key}: ${errorText(error)}`);
  }
}
