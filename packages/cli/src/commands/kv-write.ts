import { errorText } from '@proconsul/base';
import type { PutOptions } from '@proconsul/client';
import { decodeBase64 } from '@proconsul/gojson';
import { type Context, command } from '../command.ts';
import { loadData } from './data.ts';

const putFlags = {
  acquire: { kind: 'bool', doc: 'Take the lock of the key for the session given by -session; creates the key.' },
  base64: { kind: 'bool', doc: 'DATA is base64: store what it decodes to.' },
  cas: { kind: 'bool', doc: "Store only if the key's index is still -modify-index; 0 means only if there is no key." },
  flags: { kind: 'uint', doc: 'A number of 64 bits to store with the value, for applications.' },
  'modify-index': { kind: 'uint', doc: 'The index that -cas compares with.' },
  release: { kind: 'bool', doc: 'Release the lock that the session given by -session holds.' },
  session: { kind: 'string', doc: 'The session for -acquire and -release.' },
} as const;

type PutContext = Context<typeof putFlags>;

export const kvPut = command({
  name: 'kv put',
  args: '[options] KEY [DATA]',
  help:
    'Stores a value. Without DATA the value is empty; `@file` reads it from a file, and `-` from standard input.\n\n' +
    '    $ consul kv put webapp/config @config.json\n    $ date | consul kv put webapp/started -\n\n' +
    'Only if nobody changed it since index 844:\n\n    $ consul kv put -cas -modify-index=844 redis/connections 5',
  http: { server: true, scope: 'namespace' },
  flags: putFlags,
  async run(c) {
    const [key, argument = ''] = c.args;
    if (key === undefined) return c.fail('Error! Missing KEY argument');
    if (c.args.length > 2) return c.fail(`Error! Too many arguments (expected 1 or 2, got ${c.args.length})`);
    const { acquire, release, session } = c.flags;
    let data: Uint8Array = await loadData(c.io, argument, 'Error! ');
    if (c.flags.base64) data = decode(c, Buffer.from(data));
    if ((acquire || release) && session === '') {
      return c.fail('Error! Missing -session (required with -acquire and -release)');
    }
    if (key.startsWith('/')) {
      return c.fail(`Error! Failed writing data: Invalid key. Key must not begin with a '/': ${key}`);
    }
    return put(c, key, data);
  },
});

/** Bad base64 is reported, and the whole groups before the fault are stored all the same. Source: recorded behaviour. */
function decode(c: PutContext, data: Buffer): Uint8Array {
  const text = data.toString('latin1');
  try {
    return decodeBase64(text);
  } catch (error) {
    const reason = errorText(error);
    c.warn(`Error! Cannot base 64 decode data: ${reason}`);
    const bad = Number(/\d+$/.exec(reason)?.[0] ?? 0);
    return Buffer.from(text.slice(0, bad - (bad % 4)), 'base64');
  }
}

async function put(c: PutContext, key: string, data: Uint8Array): Promise<number> {
  const { acquire, release, session, cas, flags } = c.flags;
  const options: PutOptions = {
    flags,
    cas: cas ? c.flags['modify-index'] : undefined,
    acquire: !cas && acquire ? session : undefined,
    release: !cas && !acquire && release ? session : undefined,
  };
  const { kv } = c.consul;
  const prefix = cas ? `Error! Did not write to ${key}: ` : 'Error! Failed writing data: ';
  const stored = await c.attempt(prefix, () => kv.put(key, data, options));
  if (cas) {
    if (stored) return done(c, `Success! Data written to: ${key}`);
    if (c.flags['modify-index'] === 0n) {
      return c.fail(`Error! Did not write to ${key}: CAS performed with index=0 and key already exists.`);
    }
    return c.fail(`Error! Did not write to ${key}: CAS failed`);
  }
  if (acquire) return stored ? done(c, `Success! Lock acquired on: ${key}`) : c.fail('Error! Did not acquire lock');
  if (release) return stored ? done(c, `Success! Lock released on: ${key}`) : c.fail('Error! Did not release lock');
  return done(c, `Success! Data written to: ${key}`);
}

function done(c: { print(line: string): void }, line: string): number {
  c.print(line);
  return 0;
}

export const kvDelete = command({
  name: 'kv delete',
  args: '[options] KEY_OR_PREFIX',
  help:
    'Deletes a key, or with -recurse every key that begins with the argument. A key that does not exist is no error.\n\n' +
    '    $ consul kv delete redis/connections\n    $ consul kv delete -recurse redis/',
  http: { server: true, scope: 'namespace' },
  flags: {
    cas: { kind: 'bool', doc: "Delete only if the key's index is still -modify-index." },
    'modify-index': { kind: 'uint', doc: 'The index that -cas compares with.' },
    recurse: { kind: 'bool', doc: 'Delete every key that begins with the argument.' },
  },
  async run(c) {
    if (c.args.length > 1) return c.fail(`Too many arguments (expected 1, got ${c.args.length})`);
    const key = (c.args[0] ?? '').replace(/^\//, '');
    const { cas, recurse } = c.flags;
    const index = c.flags['modify-index'];
    if (key === '' && !recurse) return c.fail('Error! Missing KEY argument');
    if (cas && index === 0n) {
      return c.fail('Cannot delete a key that does not exist. Provide a -modify-index greater than than 0.');
    }
    if (cas && recurse) return c.fail('Cannot specify both -cas and -recurse!');
    if (!cas && index !== 0n) return c.fail('Cannot specify -modify-index without -cas!');
    const { kv } = c.consul;
    if (recurse) {
      await c.attempt(`Error! Did not delete prefix ${key}: `, () => kv.deleteTree(key));
      return done(c, `Success! Deleted keys with prefix: ${key}`);
    }
    const deleted = await c.attempt(cas ? `Error! Did not delete key ${key}: ` : `Error deleting key ${key}: `, () =>
      kv.delete(key, { cas: cas ? index : undefined }),
    );
    return deleted ? done(c, `Success! Deleted key: ${key}`) : c.fail(`Error! Did not delete key ${key}: CAS failed`);
  },
});
