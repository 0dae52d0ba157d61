import { utf8 } from '@proconsul/base';
import type { Keyring } from '@proconsul/gossip';
import { describe, expect, test } from 'vitest';
import { fromBase64, toBase64 } from './base64.ts';
import { encodeKeyringFile } from './key-answers.ts';
import type { KeyOperationResult } from './pool.ts';
import { type TestSerf, World } from './testing/world.ts';

const key = (fill: number) => toBase64(new Uint8Array(16).fill(fill));
const bytes = (text: string) => fromBase64(text)!;

/** A ring with the rules and the texts of the gossip pool's. */
class TestRing implements Keyring {
  keys: Uint8Array[];
  constructor(...keys: string[]) {
    this.keys = keys.map(bytes);
  }
  #at(wanted: Uint8Array): number {
    return this.keys.findIndex((one) => toBase64(one) === toBase64(wanted));
  }
  add(added: Uint8Array): void {
    if (![16, 24, 32].includes(added.length)) throw new Error('key size must be 16, 24 or 32 bytes');
    if (this.#at(added) < 0) this.keys.push(added);
  }
  use(used: Uint8Array): void {
    const at = this.#at(used);
    if (at < 0) throw new Error('Requested key is not in the keyring');
    this.keys.unshift(...this.keys.splice(at, 1));
  }
  remove(removed: Uint8Array): void {
    const at = this.#at(removed);
    if (at === 0) throw new Error('Removing the primary key is not allowed');
    if (at > 0) this.keys.splice(at, 1);
  }
}

async function encrypted(world: World, names: string[]) {
  const saved: Record<string, readonly string[]> = {};
  const all: TestSerf[] = [];
  for (const name of names) {
    const onKeyringChanged = (keys: readonly string[]) => {
      saved[name] = keys;
    };
    const one = world.member(name, {}, { keyring: new TestRing(key(1)), onKeyringChanged });
    await one.serf.start();
    if (all.length > 0) await one.join(all[0]!);
    all.push(one);
  }
  await world.pass(2_000);
  return { all, saved };
}

async function within(world: World, operation: Promise<KeyOperationResult>): Promise<KeyOperationResult> {
  await world.pass(5_000);
  return operation;
}

describe('keys of the pool', () => {
  test('are installed, used, removed and listed everywhere, and handed over for keeping', async () => {
    const world = new World();
    const { all, saved } = await encrypted(world, ['a', 'b', 'c']);
    const { serf } = all[0]!;
    expect(serf.isEncrypted()).toBe(true);
    const done = { nodes: 3, responses: 3, failures: 0, messages: {}, keys: {}, primaryKeys: {} };
    expect(await within(world, serf.installKey(key(2), 0))).toEqual(done);
    expect(saved).toEqual({ a: [key(1), key(2)], b: [key(1), key(2)], c: [key(1), key(2)] });
    expect(await within(world, serf.useKey(key(2), 0))).toEqual(done);
    expect(saved['c']).toEqual([key(2), key(1)]);
    expect(await within(world, serf.listKeys(1))).toEqual({
      ...done,
      keys: { [key(1)]: 3, [key(2)]: 3 },
      primaryKeys: { [key(2)]: 3 },
    });
    expect(await within(world, serf.removeKey(key(2), 0))).toMatchObject({
      responses: 3,
      failures: 3,
      messages: { b: 'Removing the primary key is not allowed' },
    });
    expect(await within(world, serf.removeKey(key(1), 0))).toEqual(done);
    expect(saved['b']).toEqual([key(2)]);
    expect(all[1]!.logged).toContain('INFO serf: Received install-key query');
    expect(all[1]!.logged).toContain('ERROR serf: Failed to remove key: Removing the primary key is not allowed');
  });

  test('that nobody has, or that are none, fail with the texts of the reference', async () => {
    const world = new World();
    const { all } = await encrypted(world, ['a', 'b']);
    const { serf } = all[0]!;
    expect((await within(world, serf.useKey(key(9), 0))).messages).toEqual({
      a: 'Requested key is not in the keyring',
      b: 'Requested key is not in the keyring',
    });
    const short = toBase64(new Uint8Array(10));
    expect((await within(world, serf.installKey(short, 0))).messages['b']).toBe('key size must be 16, 24 or 32 bytes');
    await expect(serf.installKey('not base64', 0)).rejects.toThrow('illegal base64 data at input byte 3');
  });

  test('of a pool without encryption cannot be handled', async () => {
    const world = new World();
    const [a] = await world.members('a', 'b');
    expect(a!.serf.isEncrypted()).toBe(false);
    expect(await within(world, a!.serf.listKeys(0))).toMatchObject({
      failures: 2,
      messages: { b: 'Keyring is empty (encryption not enabled)' },
    });
    expect((await within(world, a!.serf.installKey(key(1), 0))).messages).toEqual({
      a: 'No keyring to modify (encryption not enabled)',
      b: 'No keyring to modify (encryption not enabled)',
    });
  });

  test('whose change cannot be kept are reported', async () => {
    const world = new World();
    const onKeyringChanged = () => Promise.reject(new Error('disk is full'));
    const a = world.member('a', {}, { keyring: new TestRing(key(1)), onKeyringChanged });
    await a.serf.start();
    expect(await within(world, a.serf.installKey(key(2), 0))).toMatchObject({
      failures: 1,
      messages: { a: 'disk is full' },
    });
    expect(a.logged).toContain('ERROR serf: Failed to write keyring file: disk is full');
  });

  test('are listed as far as they fit', async () => {
    const world = new World();
    const ring = new TestRing(...Array.from({ length: 60 }, (_, i) => key(i + 1)));
    const a = world.member('a', {}, { keyring: ring });
    await a.serf.start();
    const { keys, messages } = await within(world, a.serf.listKeys(0));
    const shown = Object.keys(keys).length;
    expect(shown).toBeGreaterThan(30);
    expect(messages['a']).toBe(`truncated key list response, showing first ${shown} of 60 keys`);
  });

  test('members that answer something else are counted as failed', async () => {
    const world = new World();
    const { all } = await encrypted(world, ['a', 'b']);
    const [a, b] = all;
    const original = b!.pool.sendPacket.bind(b!.pool);
    b!.pool.sendPacket = (to, message) => {
      const bent = message.slice();
      const at = bent.indexOf(8, 20); // The type byte of the answer inside the response.
      if (bent[0] === 5 && at > 0) bent[at] = 0x7f;
      original(to, bent);
    };
    const result = await within(world, a!.serf.listKeys(0));
    expect(result).toMatchObject({ failures: 1, messages: { b: 'Invalid key query response type: 127' } });
  });
});

test('a keyring file is a list of keys, indented as the reference writes it', () => {
  expect(encodeKeyringFile([key(1), key(2)])).toBe(`[\n  "${key(1)}",\n  "${key(2)}"\n]`);
});

test('base64 is strict', () => {
  expect(toBase64(utf8('ab?'))).toBe('YWI/');
  expect(fromBase64('YWI/')).toEqual(utf8('ab?'));
  for (const text of ['YW', 'YWI_', 'Y===', 'YWI/\n']) expect(fromBase64(text)).toBeUndefined();
});
