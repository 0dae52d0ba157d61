import type { KVPair } from '@proconsul/client';
import { type Context, command } from '../command.ts';

const flags = {
  base64: { kind: 'bool', doc: 'Print values in base64.' },
  detailed: { kind: 'bool', doc: 'Print everything that is known about each key: indexes, flags, session.' },
  keys: { kind: 'bool', doc: 'List the names of keys that begin with the prefix, not their values.' },
  recurse: { kind: 'bool', doc: 'Print every key that begins with the prefix.' },
  separator: {
    kind: 'string',
    default: '/',
    doc: 'With -keys: cut each name after the first of these past the prefix. Empty: list all of them.',
  },
} as const;

type GetContext = Context<typeof flags>;

export const kvGet = command({
  name: 'kv get',
  args: '[options] [KEY_OR_PREFIX]',
  help:
    'Prints the value of a key. With -recurse or -keys the argument is a prefix, and without one, all keys are meant.\n\n' +
    'One value:\n\n    $ consul kv get redis/connections\n\n' +
    'With its indexes, flags and session:\n\n    $ consul kv get -detailed redis/connections\n\n' +
    'Everything below a prefix, or only the names:\n\n    $ consul kv get -recurse redis/\n    $ consul kv get -keys redis/',
  http: { server: true, scope: 'namespace' },
  flags,
  async run(c) {
    if (c.args.length > 1) return c.fail(`Too many arguments (expected 1, got ${c.args.length})`);
    const key = (c.args[0] ?? '').replace(/^\//, '');
    const { keys, recurse } = c.flags;
    if (key === '' && !keys && !recurse) return c.fail('Error! Missing KEY argument');
    if (keys) return listKeys(c, key);
    return recurse ? printTree(c, key) : printOne(c, key);
  },
});

const PREFIX = 'Error querying Consul agent: ';

async function listKeys(c: GetContext, prefix: string): Promise<number> {
  const { kv } = c.consul;
  const { value } = await c.attempt(PREFIX, () => kv.keys(prefix, c.flags.separator));
  for (const key of value) c.print(key);
  return 0;
}

async function printTree(c: GetContext, prefix: string): Promise<number> {
  const { kv } = c.consul;
  const { value: pairs } = await c.attempt(PREFIX, () => kv.list(prefix));
  for (const [i, pair] of pairs.entries()) {
    if (!c.flags.detailed) printLine(c, `${pair.Key}:`, pair);
    else {
      if (i > 0) c.print('');
      printDetails(c, pair);
    }
  }
  return 0;
}

async function printOne(c: GetContext, key: string): Promise<number> {
  const { kv } = c.consul;
  const { value: pair } = await c.attempt(PREFIX, () => kv.get(key));
  if (!pair) return c.fail(`Error! No key exists at: ${key}`);
  if (c.flags.detailed) printDetails(c, pair);
  else printLine(c, '', pair);
  return 0;
}

/** Values are bytes and stay bytes: what was stored is what is printed. */
function printLine(c: GetContext, label: string, pair: KVPair): void {
  const value = c.flags.base64 ? Buffer.from(Buffer.from(pair.Value).toString('base64')) : pair.Value;
  c.io.write(Buffer.concat([Buffer.from(label), value, Buffer.from('\n')]));
}

const LABEL_WIDTH = 17;

function printDetails(c: GetContext, pair: KVPair): void {
  const rows: [string, unknown][] = [
    ['CreateIndex', pair.CreateIndex],
    ['Flags', pair.Flags],
    ['Key', pair.Key],
    ['LockIndex', pair.LockIndex],
    ['ModifyIndex', pair.ModifyIndex],
    ['Session', pair.Session || '-'],
  ];
  for (const [label, value] of rows) c.print(`${label.padEnd(LABEL_WIDTH)}${value}`);
  printLine(c, 'Value'.padEnd(LABEL_WIDTH), pair);
}
