import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { unhex } from '@proconsul/base';
import { decodeAny, Reader } from '@proconsul/msgpack';
import { decodeConfigEntry, MessageType } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { decodeConfigCommand, encodeConfigCommand } from './config-table.ts';
import { isApplyError } from './result.ts';
import { SnapshotError } from './snapshot-read.ts';
import { Store } from './store.ts';
import { check, Driver, service } from './testing.ts';

interface LogVector {
  readonly name: string;
  readonly type?: number;
  readonly index?: number;
  readonly hex?: string;
  readonly fsm?: string;
}
interface SnapshotRecord {
  readonly name: string;
  readonly type: number;
  readonly hex?: string;
}
const file = (name: string) => readFileSync(new URL(`./testdata/${name}`, import.meta.url));
const json = (name: string) => JSON.parse(file(name).toString('utf8'));

/** The file of that name in a gzipped tar. */
function fromArchive(archive: Uint8Array, wanted: string): Uint8Array {
  const tar = gunzipSync(archive);
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar
      .subarray(at, at + 100)
      .toString('latin1')
      .split('\0')[0];
    const size = Number.parseInt(tar.subarray(at + 124, at + 136).toString('latin1'), 8);
    if (name === wanted) return new Uint8Array(tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`no ${wanted}`);
}
const rich = fromArchive(file('snapshot-rich.snap'), 'state.bin');

function restored(bytes: Uint8Array, chunkBytes = bytes.length): Store {
  const store = new Store({ datacenter: 'dc1' });
  const restore = store.restore();
  for (let at = 0; at < bytes.length; at += chunkBytes) restore.push(bytes.subarray(at, at + chunkBytes));
  restore.finish();
  return store;
}
const written = (store: Store) => new Uint8Array(Buffer.concat([...store.snapshot().chunks()]));

/** The token of the recorded commands. */
const TOKEN = '11111111-2222-3333-4444-555555555555';

/** Commands that are refused by the reference too where they stand alone, and the tables untouched; and what is not here yet. */
const REFUSED: ReadonlySet<number> = new Set([12, 23, 35, 36, 38, 40, 42]);

describe('commands recorded from a real cluster', () => {
  const log = (json('fsm-log.json').vectors as LogVector[])
    .filter((v) => v.hex !== undefined && !v.name.startsWith('raft-chunked'))
    .sort((a, b) => (a.index as number) - (b.index as number));
  const store = new Store({ datacenter: 'dc1' });

  test.for(log)('$index $name', (v) => {
    const before = written(store);
    const result = store.apply(v.index as number, unhex(v.hex as string));
    if (!isApplyError(result)) return;
    expect(REFUSED.has(v.type as number), result.error).toBe(true);
    const control = restored(before);
    control.skipTo(v.index as number);
    expect(store.stateHash()).toBe(control.stateHash());
  });

  test.for(log.filter((v) => /^ConfigEntry .* upsert/.test(v.name)))('$index $name is written alike', ({ hex }) => {
    const recorded = unhex(hex as string);
    const { kind, op, entry } = decodeConfigCommand(recorded.subarray(1));
    const Entry = decodeConfigEntry(new Reader(entry), kind);
    const again = encodeConfigCommand({ Op: op, Entry, Datacenter: 'dc1', Token: TOKEN });
    // Free-form maps come in any order.
    expect(decodeAny(decodeConfigCommand(again).entry)).toEqual(decodeAny(entry));
    expect(again.length).toBe(recorded.length - 1);
  });

  test('leave the tables that they should', () => {
    expect(store.kv.keys('', '').value).toEqual(['foo', 'lk', 't1']);
    expect(store.kv.get('lk').value).toMatchObject({ LockIndex: 1, Session: '', CreateIndex: 47, ModifyIndex: 50 - 2 });
    expect(store.config.list('').value.map((e) => `${e.Kind}/${e.Name}`)).toEqual([
      'ingress-gateway/ig',
      'mesh/mesh',
      'proxy-defaults/global',
      'service-defaults/casd',
      'service-defaults/web',
      'service-resolver/web',
      'service-router/web',
    ]);
    expect(store.config.get('service-defaults', 'web').value?.['Hash']).toBe(4570506531397265768n);
  });
});

describe('commands in the logs of real servers', () => {
  const commands = json('raft-logs.json').vectors as (LogVector & { log: string; index: number; hex: string })[];
  test.for([...new Set(commands.map(({ log }) => log))])('%s is applied from end to end', (log) => {
    const store = new Store({ datacenter: 'dc1' });
    const refused: string[] = [];
    for (const { index, name, hex } of commands.filter((v) => v.log === log)) {
      const result = store.apply(index, unhex(hex));
      if (isApplyError(result)) refused.push(`${name}: ${result.error}`);
      expect(store.lastIndex).toBe(index);
    }
    // The policy that it names was written by a command that is no first of its kind.
    const role = 'ACLRoleSet: No such policy with ID: 6b7f7cb7-3a37-e41a-c970-fd0df74dbe89';
    expect(refused).toEqual(log === 'raft-log-wal' ? [role] : []);
    expect(restored(written(store)).stateHash()).toBe(store.stateHash());
  });
});

describe('commands encoded with the structures of the reference', () => {
  const vectors = (json('fsm-generated.json').vectors as LogVector[]).filter((v) => v.fsm !== undefined);
  test.for(vectors)('$name', (v) => {
    const store = new Store({ datacenter: 'dc1' });
    const bytes = unhex(v.hex as string);
    const result = store.apply(1, bytes);
    expect(isApplyError(result)).toBe(bytes[0] === MessageType.ResourceOperation);
  });
});

describe('a snapshot of a real server', () => {
  test('restores with its indexes', () => {
    const store = restored(rich);
    expect(store.lastIndex).toBe(50);
    expect(store.kv.list('').value?.map((e) => [e.Key, e.CreateIndex, e.ModifyIndex])).toEqual([
      ['bin', 29, 29],
      ['empty', 30, 30],
      ['foo', 28, 28],
      ['lk', 34, 34],
    ]);
    expect(store.kv.get('bin').value?.Value).toEqual(new Uint8Array([0xff, 1]));
    expect(store.kv.get('gone').index).toBe(34);
    expect(store.kv.list('gone').index).toBe(34);
    expect(store.catalog.nodes()).toMatchObject({
      index: 45,
      value: [{ Node: 'ext1' }, { Node: 'r1', ModifyIndex: 21 }],
    });
    expect(store.catalog.services()).toMatchObject({
      index: 45,
      value: { consul: [], db: [], web: ['a'], 'web-proxy': [] },
    });
    expect(store.health.serviceNodes({ ServiceName: 'web' }).index).toBe(23);
    expect(store.catalog.serviceNodes({ ServiceName: 'web', Connect: true }).value[0]?.ServiceTaggedAddresses).toEqual({
      'consul-virtual': { Address: '240.0.0.1', Port: 9090 },
    });
    expect(store.sessions.list().value).toMatchObject([{ TTL: '600s', Node: 'r1' }]);
    expect(store.coordinates.list().value).toHaveLength(1);
    expect(store.config.list('').value).toHaveLength(4);
    expect(store.operator.autopilot().value?.MaxTrailingLogs).toBe(500);
    const sizes = store.sizes();
    for (const [table, rows] of [
      ['acl-tokens', 3],
      ['acl-policies', 3],
      ['peering', 1],
      ['peering-secrets', 1],
      ['connect-ca-roots', 1],
    ] as const) {
      expect([table, sizes[table]?.rows]).toEqual([table, rows]);
    }
  });

  test('goes on where it was: the session still holds its key, the next virtual address is the third', () => {
    const d = new Driver();
    Object.assign(d, { store: restored(rich), index: 50 });
    const [session] = d.store.sessions.list().value;
    expect(d.store.kv.get('lk').value?.Session).toBe(session?.ID);
    d.register({ Node: 'n', Service: service('new', { Port: 1, Connect: { Native: true, PeerMeta: null } }) });
    expect(d.store.catalog.service('n', 'new')?.TaggedAddresses?.['consul-virtual']?.Address).toBe('240.0.0.3');
    d.register({ Node: 'r1', Check: check('serfHealth', { Status: 'critical' }) });
    expect(d.store.kv.get('lk').value).toBe(null);
  });

  test('is written again byte for byte, except for maps, whose order is chance there', () => {
    const ours = Buffer.from(written(restored(rich)));
    const records = (json('snapshot-rich.json').records as SnapshotRecord[]).filter((r) => r.hex !== undefined);
    const missing = records.filter((r) => !ours.includes(Buffer.from(unhex(r.hex as string))));
    // A node with four tagged addresses in another order.
    expect(missing.map((r) => r.name)).toEqual(['Register']);
    expect(records.length).toBe(70);
  });

  test.for([1, 7, 100, 4096])('restores alike from chunks of %i bytes', (size) => {
    expect(restored(rich, size).stateHash()).toBe(restored(rich).stateHash());
  });

  test('cut anywhere is refused, names the place, and leaves the tables in use alone', () => {
    const store = restored(rich);
    const hash = store.stateHash();
    for (let size = 0; size < rich.length; size += 211) {
      const restore = store.restore();
      // A cut between two records is a shorter snapshot, which nothing in the format can tell from a whole one.
      try {
        restore.push(rich.subarray(0, size));
        restore.finish();
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SnapshotError);
        expect((thrown as SnapshotError).message).toMatch(/^snapshot damaged at offset \d+ \(.+\): /);
        expect(store.stateHash()).toBe(hash);
      }
    }
  });

  test('a record that cannot be read names its type and offset', () => {
    const broken = rich.slice();
    broken[433 + 1] = 0xc1;
    expect(() => restored(broken)).toThrow(/^snapshot damaged at offset 433 \(Register\): /);
  });

  test('records of unknown types are passed over and counted', () => {
    const store = new Store({ datacenter: 'dc1' });
    const restore = store.restore();
    restore.push(rich);
    restore.push(new Uint8Array([100, 0x82, 1, 2, 3, 4, 101, 0xc0]));
    expect(restore.finish()).toEqual({ index: 50, records: 87, skipped: 2 });
    expect(store.stateHash()).toBe(restored(rich).stateHash());
  });
});
