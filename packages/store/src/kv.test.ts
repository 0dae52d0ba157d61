import { fromUtf8 } from '@proconsul/base';
import { MessageType, TombstoneRequest } from '@proconsul/schema';
import { beforeEach, describe, expect, test } from 'vitest';
import { Driver } from './testing.ts';

let d: Driver;
beforeEach(() => {
  d = new Driver();
});
const row = (key: string) => d.store.kv.get(key).value;
const text = (key: string) => fromUtf8(row(key)?.Value ?? new Uint8Array());
const bytes = (value: string) => new TextEncoder().encode(value);

describe('indexes of entries', () => {
  test('CreateIndex stays, ModifyIndex moves only when the entry differs', () => {
    d.set('foo', 'bar');
    d.kv('set', 'foo', { Value: bytes('baz'), Flags: 42 });
    expect(row('foo')).toMatchObject({ CreateIndex: 1, ModifyIndex: 2, Flags: 42 });
    d.kv('set', 'foo', { Value: bytes('baz'), Flags: 42 });
    expect(row('foo')).toMatchObject({ CreateIndex: 1, ModifyIndex: 2 });
  });

  test('an identical write wakes nobody', () => {
    d.set('foo', 'bar');
    for (const answer of [d.store.kv.get('foo'), d.store.kv.list('f'), d.store.kv.keys('', '')]) {
      expect(d.wakes(answer.deps, () => d.set('foo', 'bar'))).toBe(false);
    }
  });

  test('delete and create again gives a new CreateIndex', () => {
    d.set('foo', 'bar');
    d.kv('delete', 'foo');
    d.set('foo', 'bar');
    expect(row('foo')?.CreateIndex).toBe(3);
  });

  test('a change of flags alone counts', () => {
    d.set('foo', 'bar');
    d.kv('set', 'foo', { Value: bytes('bar'), Flags: 1 });
    expect(row('foo')?.ModifyIndex).toBe(2);
    d.set('foo', 'bar');
    expect(row('foo')).toMatchObject({ Flags: 0, ModifyIndex: 3 });
  });

  test('flags take all 64 bits', () => {
    d.kv('set', 'maxflags', { Flags: 18446744073709551615n });
    expect(row('maxflags')?.Flags).toBe(18446744073709551615n);
  });
});

describe('the reported index', () => {
  test('of a missing key is that of the tables, 1 when they were never used', () => {
    expect(d.store.kv.get('foo').index).toBe(1);
    expect(d.store.kv.keys('', '').index).toBe(1);
    expect(d.store.kv.list('nope').index).toBe(1);
    d.set('a');
    d.set('b');
    d.kv('delete', 'b');
    expect(d.store.kv.get('foo').index).toBe(3);
  });

  test('of a single key is its own ModifyIndex', () => {
    d.set('a');
    d.set('b');
    expect(d.store.kv.get('a').index).toBe(1);
  });

  test('of a prefix is the newest entry under it, or a newer tombstone', () => {
    d.set('t/a', '1');
    d.set('t/b', '1');
    d.set('u', '1');
    expect(d.store.kv.list('t/').index).toBe(2);
    d.kv('delete', 't/b');
    expect(d.store.kv.list('t/').index).toBe(4);
    expect(d.store.kv.keys('t/', '/').index).toBe(4);
    expect(d.store.kv.list('u').index).toBe(3);
  });

  test('of an empty prefix and of the whole tree is that of the tables', () => {
    d.set('t/a', '1');
    d.set('u', '1');
    expect(d.store.kv.list('zz').index).toBe(2);
    d.kv('delete', 'u');
    expect(d.store.kv.list('').index).toBe(3);
    expect(d.store.kv.keys('', '').index).toBe(3);
  });

  test('never goes back when tombstones are reaped', () => {
    d.set('t/a', '1');
    d.set('t/b', '1');
    d.kv('delete', 't/b');
    d.apply(MessageType.Tombstone, TombstoneRequest.make({ Op: 'reap', ReapIndex: 3 }));
    expect(d.store.sizes()['tombstones']).toEqual({ rows: 0, bytes: 0 });
    expect(d.store.kv.list('t/').index).toBe(3);
  });

  test('reaping leaves newer tombstones', () => {
    d.set('a');
    d.set('b');
    d.kv('delete', 'a');
    d.kv('delete', 'b');
    d.apply(MessageType.Tombstone, TombstoneRequest.make({ Op: 'reap', ReapIndex: 3 }));
    expect(d.store.sizes()['tombstones']?.rows).toBe(1);
  });
});

describe('cas', () => {
  test('with index 0 creates only', () => {
    expect(d.kv('cas', 'new', { Value: bytes('x') })).toBe(true);
    expect(d.kv('cas', 'new', { Value: bytes('y') })).toBe(false);
    expect(text('new')).toBe('x');
  });

  test('needs the present ModifyIndex; a missing key with another index fails', () => {
    d.set('foo', 'a');
    expect(d.kv('cas', 'foo', { ModifyIndex: 7 })).toBe(false);
    expect(d.kv('cas', 'foo', { Value: bytes('b'), ModifyIndex: 1 })).toBe(true);
    expect(d.kv('cas', 'missing', { ModifyIndex: 7 })).toBe(false);
    expect(row('missing')).toBe(null);
  });

  test('that changes nothing succeeds and moves nothing', () => {
    d.set('foo', 'a');
    expect(d.kv('cas', 'foo', { Value: bytes('a'), ModifyIndex: 1 })).toBe(true);
    expect(row('foo')?.ModifyIndex).toBe(1);
  });
});

describe('delete', () => {
  test('of a missing key succeeds and moves nothing', () => {
    expect(d.kv('delete', 'never')).toBe(true);
    expect(d.kv('delete-tree', 'never')).toBe(true);
    expect(d.store.tableIndex('kvs')).toBe(0);
  });

  test('cas: wrong index or 0 fails on an existing key, any index succeeds on a missing one', () => {
    d.set('foo');
    expect(d.kv('delete-cas', 'foo', { ModifyIndex: 9 })).toBe(false);
    expect(d.kv('delete-cas', 'foo', { ModifyIndex: 0 })).toBe(false);
    expect(d.kv('delete-cas', 'never', { ModifyIndex: 5 })).toBe(true);
    expect(d.kv('delete-cas', 'foo', { ModifyIndex: 1 })).toBe(true);
    expect(row('foo')).toBe(null);
  });

  test('tree removes by text prefix and leaves one tombstone', () => {
    for (const key of ['t/a', 't/b/c', 'tt', 'u']) d.set(key);
    d.kv('delete-tree', 't/');
    expect(d.store.kv.keys('', '').value).toEqual(['tt', 'u']);
    expect(d.store.sizes()['tombstones']?.rows).toBe(1);
    d.kv('delete-tree', '');
    expect(d.store.kv.list('').value).toBe(null);
  });

  test('is allowed on locked keys', () => {
    d.register({});
    d.createSession('s', {});
    d.kv('lock', 'k', { Session: 's' });
    expect(d.kv('delete', 'k')).toBe(true);
    expect(row('k')).toBe(null);
  });
});

describe('lists', () => {
  beforeEach(() => {
    for (const key of ['t/a', 't/b/c', 't/b/d', 't/dir/', 'tt', '\u20ac', '/lead', 'a+b']) d.set(key);
  });

  test('are in byte order and match by text', () => {
    expect(d.store.kv.list('t').value?.map((e) => e.Key)).toEqual(['t/a', 't/b/c', 't/b/d', 't/dir/', 'tt']);
    expect(d.store.kv.keys('', '').value).toEqual(['/lead', 'a+b', 't/a', 't/b/c', 't/b/d', 't/dir/', 'tt', '\u20ac']);
  });

  test('of keys are cut behind the first separator past the prefix, once each', () => {
    expect(d.store.kv.keys('t/', '/').value).toEqual(['t/a', 't/b/', 't/dir/']);
    expect(d.store.kv.keys('t', '/').value).toEqual(['t/', 'tt']);
    expect(d.store.kv.keys('t/', 'b').value).toEqual(['t/a', 't/b', 't/dir/']);
    expect(d.store.kv.keys('t/', 'b/c').value).toEqual(['t/a', 't/b/c', 't/b/d', 't/dir/']);
    expect(d.store.kv.keys('', '/').value).toEqual(['/', 'a+b', 't/', 'tt', '\u20ac']);
  });

  test('come in pages', () => {
    expect(d.store.kv.page('t', 't/b/c', 2).value.map((e) => e.Key)).toEqual(['t/b/d', 't/dir/']);
  });
});

describe('wake-ups', () => {
  test('a missing key sleeps through other writes and wakes when it comes', () => {
    const { deps } = d.store.kv.get('b/none');
    expect(d.wakes(deps, () => d.set('b/nonelse'))).toBe(false);
    expect(d.wakes(deps, () => d.set('b'))).toBe(false);
    expect(d.wakes(deps, () => d.set('b/none'))).toBe(true);
  });

  test('a key wakes when it is deleted alone, with its tree, or with its session', () => {
    d.register({});
    for (const end of [() => d.kv('delete', 'p/a'), () => d.kv('delete-tree', 'p'), () => d.destroySession('s')]) {
      d.createSession('s', { Behavior: 'delete' });
      d.kv('lock', 'p/a', { Session: 's' });
      const { deps, index } = d.store.kv.get('p/a');
      expect(d.wakes(deps, end)).toBe(true);
      expect(d.store.kv.get('p/a')).toMatchObject({ value: null });
      expect(d.store.kv.get('p/a').index).toBeGreaterThan(index);
    }
  });

  test('a prefix wakes for its keys only, also when it is empty', () => {
    const { deps } = d.store.kv.list('p/');
    expect(d.wakes(deps, () => d.set('q/a'))).toBe(false);
    expect(d.wakes(deps, () => d.set('p'))).toBe(false);
    expect(d.wakes(deps, () => d.set('p/a'))).toBe(true);
    expect(d.wakes(d.store.kv.list('').deps, () => d.set('zzz'))).toBe(true);
  });

  test('a watch is called once, at the flush after the commit, and may be armed again inside', () => {
    let calls = 0;
    const arm = (): void => {
      d.store.watch(d.store.kv.get('k').deps, () => {
        calls++;
        arm();
      });
    };
    arm();
    d.set('k', '1');
    expect(calls).toBe(1);
    d.set('k', '2');
    d.set('other', '2');
    expect(calls).toBe(2);
    expect(d.store.watcherCount).toBe(1);
  });

  test('a stopped watch is never called and leaves nothing behind', () => {
    let calls = 0;
    const stop = d.store.watch([...d.store.kv.get('k').deps, ...d.store.kv.list('k').deps], () => calls++);
    stop();
    stop();
    d.set('k');
    expect(calls).toBe(0);
    expect(d.store.watcherCount).toBe(0);
  });

  test('a watcher that throws does not keep the others from being called', () => {
    let calls = 0;
    d.store.watch(d.store.kv.get('k').deps, () => {
      throw new Error('first');
    });
    d.store.watch(d.store.kv.get('k').deps, () => calls++);
    expect(() => d.set('k')).toThrow('first');
    expect(calls).toBe(1);
  });
});

test('an unknown operation is refused', () => {
  expect(d.kv('increment', 'k')).toEqual({ error: "Invalid KVS operation 'increment'" });
});

test('values keep nothing of the buffer that they came from', () => {
  const buffer = new Uint8Array(100_000).fill(7);
  d.kv('set', 'k', { Value: buffer.subarray(0, 10) });
  buffer.fill(8);
  expect(row('k')?.Value).toEqual(new Uint8Array(10).fill(7));
});
