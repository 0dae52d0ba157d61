import { unhex, utf8 } from '@proconsul/base';
import { KVS, noPathToDatacenter, SessionMethods, wireMethods } from '@proconsul/endpoints';
import { decodeAny, encodeAny, Reader } from '@proconsul/msgpack';
import { DirEntry, IndexedDirEntries, KeyRequest } from '@proconsul/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import probes from '../../../endpoints/src/testdata/rpc-probes.json' with { type: 'json' };
import { FakeCaller, view } from '../testing/fake-caller.ts';
import { PEER } from '../testing/loop-client.ts';
import { serveCalls } from './serve-calls.ts';

const never = new AbortController().signal;

function served(extra?: Parameters<typeof serveCalls>[1]) {
  const caller = new FakeCaller();
  const call = serveCalls(caller, extra);
  return { caller, call: (name: string, body: Uint8Array, signal = never) => call(name, body, PEER.address, signal) };
}

const key = (Key: string, more: Partial<KeyRequest> = {}) => KeyRequest.encodeWire(KeyRequest.make({ Key, ...more }));
const entry = DirEntry.make({ Key: 'foo', Value: utf8('bar'), Flags: 42, CreateIndex: 28, ModifyIndex: 28 });

function probe(name: string) {
  const found = probes.vectors.find((v) => v.name === name);
  if (found === undefined) throw new Error(`no probe ${name}`);
  const split = (text: string) => {
    const bytes = unhex(text);
    const reader = new Reader(bytes);
    const header = decodeAny(reader) as Record<string, unknown>;
    return { header, body: bytes.subarray(reader.offset) };
  };
  return { request: split(found.request), response: split(found.response) };
}

describe('requests made by hand', () => {
  test.for([
    'unknown method',
    'unknown service',
    'no dot in the method',
    'AutoEncrypt.Sign on the ordinary port byte',
    'wrong body type',
  ])('%s: refused with the text of the reference', async (name) => {
    const { request, response } = probe(name);
    const w = served();
    const answer = w.call(request.header['ServiceMethod'] as string, request.body);
    await expect(answer).rejects.toThrow(new Error(response.header['Error'] as string));
    expect(w.caller.asked).toEqual([]);
  });

  test.for(['KVS.Get minimal', 'KVS.Get unknown request keys are skipped', 'KVS.Get blocking with timeout'])(
    '%s: answered byte for byte',
    async (name) => {
      const { request, response } = probe(name);
      const w = served();
      w.caller.views.set('KVS.Get', view(28, entry));
      expect(await w.call('KVS.Get', request.body)).toEqual(response.body);
      expect(w.caller.asked[0]?.args).toEqual({ Datacenter: '', Token: '', Key: 'foo' });
    },
  );

  test.for(['Status.Leader empty map body', 'Status.Leader nil body'])('%s asks for everything', async (name) => {
    const { request, response } = probe(name);
    const w = served();
    w.caller.views.set('Status.Leader', view(1, '127.0.0.1:38700'));
    expect(await w.call('Status.Leader', request.body)).toEqual(response.body);
  });

  test('a missing key and a missing config entry have the forms of the reference', async () => {
    const w = served();
    w.caller.views.set('KVS.Get', view(34, null));
    w.caller.views.set('ConfigEntry.Get', view(46, null));
    const [kv, config] = [probe('KVS.Get missing key'), probe('ConfigEntry.Get missing')];
    expect(await w.call('KVS.Get', kv.request.body)).toEqual(kv.response.body);
    expect(await w.call('ConfigEntry.Get', config.request.body)).toEqual(config.response.body);
  });

  test('a plain set answers false, and what it is asked for arrives', async () => {
    const { request, response } = probe('KVS.Apply set minimal');
    const w = served();
    w.caller.written.set('KVS.Apply', true);
    expect(await w.call('KVS.Apply', request.body)).toEqual(response.body);
    expect(w.caller.asked[0]?.args).toMatchObject({ Op: 'set', DirEnt: { Key: 'probe', Flags: 300 } });
  });
});

describe('a served read', () => {
  test('goes on with its options', async () => {
    const w = served();
    w.caller.views.set('KVS.Get', view(9, entry));
    await w.call('KVS.Get', key('a', { MinQueryIndex: 7, MaxQueryTime: 5e9, AllowStale: true }));
    await w.call('KVS.Get', key('a', { RequireConsistent: true }));
    expect(w.caller.asked.map((a) => a.options)).toEqual([
      { consistency: 'stale', minIndex: 7, waitMs: 5000 },
      { consistency: 'consistent', minIndex: 0, waitMs: 0 },
    ]);
  });

  test('is cancelled when its caller is gone', async () => {
    const w = served();
    const gone = new AbortController();
    const answer = w.call('KVS.Get', key('a'), gone.signal);
    await Promise.resolve();
    expect(w.caller.waiting.size).toBe(1);
    gone.abort();
    await expect(answer).rejects.toThrow('the caller is gone');
    expect(w.caller.waiting.size).toBe(0);
  });

  test('gives the same bytes to all while the answer is current, and new ones after that', async () => {
    const w = served();
    w.caller.views.set('KVS.Get', view(9, entry));
    const first = await w.call('KVS.Get', key('a'));
    expect(await w.call('KVS.Get', key('a'))).toBe(first);
    w.caller.meta = { knownLeader: true, lastContactMs: 3 };
    const stale = await w.call('KVS.Get', key('a'));
    expect(IndexedDirEntries.decodeWire(stale)).toMatchObject({ LastContact: 3e6, Index: 9 });
    w.caller.views.set('KVS.Get', view(9, entry, false));
    expect(await w.call('KVS.Get', key('a'))).not.toBe(first);
  });

  test('fails with the text of what went wrong', async () => {
    const w = served();
    const answer = w.call('KVS.Get', key('a'));
    await Promise.resolve();
    for (const done of w.caller.waiting) done(noPathToDatacenter(), null, w.caller.meta);
    await expect(answer).rejects.toMatchObject({ message: 'No path to datacenter' });
  });
});

test('calls beside the table go where they are told, the table first', async () => {
  const w = served(
    new Map([
      ['Internal.EventFire', async (body: Uint8Array) => body],
      [KVS.Get.name, async () => new Uint8Array(0)],
    ]),
  );
  w.caller.views.set('KVS.Get', view(9, null));
  expect(await w.call('Internal.EventFire', utf8('x'))).toEqual(utf8('x'));
  expect((await w.call('KVS.Get', key('a'))).length).toBeGreaterThan(10);
});

test('a renewal tells the session as a list', async () => {
  const w = served();
  w.caller.written.set(SessionMethods.Renew.name, null);
  const answer = decodeAny(await w.call('Session.Renew', encodeAny({ Session: 'id' }))) as Record<string, unknown>;
  expect([answer['Sessions'], answer['KnownLeader']]).toEqual([null, false]);
  expect(w.caller.asked[0]?.args).toMatchObject({ SessionID: 'id' });
});

test('whatever the bytes, a call comes to the state with all its arguments or is refused with a text', async () => {
  const names = [...wireMethods.keys()];
  const sample = encodeAny({ Datacenter: 'dc1', Key: 'k', Ops: [{ KV: null }], Source: { Node: 'x' }, Entry: {} });
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.tuple(fc.nat(sample.length - 1), fc.nat(255)).map(([at, byte]) => {
      const garbled = sample.slice();
      garbled[at] = byte;
      return garbled;
    }),
    fc.nat(sample.length).map((end) => sample.subarray(0, end)),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), bodies, async (name, body) => {
      const w = served();
      for (const { method } of wireMethods.values()) w.caller.written.set(method.name, new Error('refused'));
      const gone = new AbortController();
      const answer = w.call(name, body, gone.signal).then(
        () => 'an answer',
        (error: Error) => error.constructor.name,
      );
      await Promise.resolve();
      gone.abort();
      expect(await answer).toBe('Error');
      // Methods get a value for each of their arguments, whatever was left out.
      for (const { args } of w.caller.asked) expect(Object.values(args as object)).not.toContain(undefined);
    }),
    { numRuns: 2000 },
  );
});
