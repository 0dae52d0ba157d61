import { MessageType, Session, SessionRequest } from '@proconsul/schema';
import { beforeEach, describe, expect, test } from 'vitest';
import type { SessionChange } from './journal.ts';
import { check, Driver, service } from './testing.ts';

let d: Driver;
let changes: SessionChange[];
let delays: [string, number][];
beforeEach(() => {
  d = new Driver();
  changes = [];
  delays = [];
  d.store.setHooks({
    onSession: (change) => changes.push(change),
    onLockDelay: (key, delayNs) => delays.push([key, delayNs]),
  });
  d.register({ Node: 'n', Check: check('serfHealth') });
});
const row = (key: string) => d.store.kv.get(key).value;
const ids = () => d.store.sessions.list().value.map((s) => s.ID);

describe('creation', () => {
  test('answers the id, stores the indexes, and tells the hook', () => {
    expect(d.createSession('s', { NodeChecks: ['serfHealth'], TTL: '10s' })).toBe('s');
    expect(d.store.sessions.get('s').value[0]).toMatchObject({ CreateIndex: 2, ModifyIndex: 2, Behavior: 'release' });
    expect(changes.map((c) => [c.kind, c.session.ID])).toEqual([['created', 's']]);
  });

  test('needs the node, in any case', () => {
    expect(d.createSession('s', { Node: 'ghost' })).toEqual({ error: 'Missing node registration' });
    expect(d.createSession('s', { Node: 'N' })).toBe('s');
    expect(d.store.sessions.ofNode('n').value).toHaveLength(1);
  });

  test('needs every listed check to exist and not to be critical', () => {
    const missing = { error: "Missing check 'nosuch' registration" };
    expect(d.createSession('s', { NodeChecks: ['nosuch'] })).toEqual(missing);
    expect(d.createSession('s', { Checks: ['nosuch'] })).toEqual(missing);
    expect(d.createSession('s', { ServiceChecks: [{ ID: 'nosuch', Namespace: '' }] })).toEqual(missing);
    d.register({ Node: 'n', Check: check('c', { Status: 'critical' }) });
    expect(d.createSession('s', { NodeChecks: ['c'] })).toEqual({ error: "Check 'c' is in critical state" });
    d.register({ Node: 'n', Check: check('c', { Status: 'warning' }) });
    expect(d.createSession('s', { NodeChecks: ['c'] })).toBe('s');
  });

  test('a catalog-only node has no serfHealth', () => {
    d.register({ Node: 'ext' });
    const given = { Node: 'ext', NodeChecks: ['serfHealth'] };
    expect(d.createSession('s', given)).toEqual({ error: "Missing check 'serfHealth' registration" });
    expect(d.createSession('s', { Node: 'ext', NodeChecks: [] })).toBe('s');
  });

  test('unknown behaviours and operations are refused', () => {
    expect(d.createSession('s', { Behavior: 'explode' })).toHaveProperty('error');
    const request = SessionRequest.make({ Op: 'renew', Session: Session.make({ ID: 's' }) });
    expect(d.apply(MessageType.Session, request)).toEqual({ error: "Invalid session operation 'renew'" });
  });
});

describe('locks', () => {
  beforeEach(() => {
    d.createSession('s1', { LockDelay: 15e9 });
    d.createSession('s2', { LockDelay: 120e9 });
  });

  test('acquiring sets the session and counts up; release keeps the count; the next acquire counts on', () => {
    expect(d.kv('lock', 'k', { Session: 's1' })).toBe(true);
    expect(row('k')).toMatchObject({ Session: 's1', LockIndex: 1 });
    expect(d.kv('unlock', 'k', { Session: 's1' })).toBe(true);
    expect(row('k')).toMatchObject({ Session: '', LockIndex: 1 });
    d.kv('lock', 'k', { Session: 's2' });
    expect(row('k')).toMatchObject({ Session: 's2', LockIndex: 2 });
  });

  test('the holder may acquire again: value and flags change, the count does not', () => {
    d.kv('lock', 'k', { Session: 's1' });
    const index = row('k')?.ModifyIndex as number;
    expect(d.kv('lock', 'k', { Session: 's1' })).toBe(true);
    expect(row('k')?.ModifyIndex).toBe(index);
    d.kv('lock', 'k', { Session: 's1', Flags: 5 });
    expect(row('k')).toMatchObject({ Session: 's1', LockIndex: 1, Flags: 5 });
  });

  test('others neither acquire nor release it', () => {
    d.kv('lock', 'k', { Session: 's1' });
    expect(d.kv('lock', 'k', { Session: 's2' })).toBe(false);
    expect(d.kv('unlock', 'k', { Session: 's2' })).toBe(false);
    expect(d.kv('unlock', 'missing', { Session: 's1' })).toBe(false);
    d.kv('unlock', 'k', { Session: 's1' });
    expect(d.kv('unlock', 'k', { Session: 's1' })).toBe(false);
  });

  test('plain set and cas keep the holder and show LockIndex 0', () => {
    d.kv('lock', 'k', { Session: 's1' });
    d.set('k', 'v');
    expect(row('k')).toMatchObject({ Session: 's1', LockIndex: 0 });
    d.kv('unlock', 'k', { Session: 's1' });
    expect(row('k')?.LockIndex).toBe(0);
    d.kv('lock', 'k', { Session: 's1' });
    expect(row('k')?.LockIndex).toBe(1);
    d.kv('cas', 'k', { ModifyIndex: row('k')?.ModifyIndex ?? 0, Flags: 9 });
    expect(row('k')).toMatchObject({ Session: 's1', LockIndex: 0, Flags: 9 });
  });

  test('a session that is not there is refused with its name', () => {
    expect(d.kv('lock', 'k', { Session: 'zzz' })).toEqual({ error: 'invalid session "zzz"' });
    expect(d.kv('lock', 'k', {})).toEqual({ error: 'missing session' });
    expect(d.kv('unlock', 'k', { Session: 'zzz' })).toBe(false);
  });

  test('behaviour release: the session is cleared, the count kept, the index moves to that of the end', () => {
    d.kv('lock', 'k', { Session: 's1' });
    d.destroySession('s1');
    expect(row('k')).toMatchObject({ Session: '', LockIndex: 1, ModifyIndex: d.index });
    expect(changes.at(-1)?.kind).toBe('destroyed');
  });

  test('behaviour delete: the keys go', () => {
    d.createSession('s3', { Behavior: 'delete' });
    d.kv('lock', 'k', { Session: 's3' });
    d.destroySession('s3');
    expect(row('k')).toBe(null);
    expect(d.store.kv.get('k').index).toBe(d.index);
  });

  test('the delay begins for every key that was held, at most 60 s, not for delay 0, not for a release', () => {
    d.kv('lock', 'b', { Session: 's1' });
    d.kv('lock', 'a', { Session: 's1' });
    d.destroySession('s1');
    expect(delays).toEqual([
      ['a', 15e9],
      ['b', 15e9],
    ]);
    d.kv('lock', 'c', { Session: 's2' });
    d.destroySession('s2');
    expect(delays.at(-1)).toEqual(['c', 60e9]);
    d.createSession('s0', { LockDelay: 0 });
    d.kv('lock', 'd', { Session: 's0' });
    d.kv('unlock', 'd', { Session: 's0' });
    d.kv('lock', 'd', { Session: 's0' });
    d.destroySession('s0');
    expect(delays).toHaveLength(3);
  });

  test('destroying an unknown session is no error and moves nothing', () => {
    const before = d.store.tableIndex('sessions');
    expect(d.destroySession('ghost')).toBe(null);
    expect(d.store.tableIndex('sessions')).toBe(before);
  });
});

describe('a session ends', () => {
  test('when its node is deregistered', () => {
    d.createSession('s', { NodeChecks: [] });
    d.deregister({ Node: 'n' });
    expect(ids()).toEqual([]);
  });

  test('when a listed check becomes critical, at the index of the cause; warning does not matter', () => {
    d.createSession('s', { NodeChecks: ['serfHealth'] });
    d.kv('lock', 'k', { Session: 's' });
    d.register({ Node: 'n', Check: check('serfHealth', { Status: 'warning' }) });
    expect(ids()).toEqual(['s']);
    d.register({ Node: 'n', Check: check('serfHealth', { Status: 'critical' }) });
    expect(ids()).toEqual([]);
    expect(row('k')).toMatchObject({ Session: '', ModifyIndex: d.index });
    expect(d.store.sessions.list().index).toBe(d.index);
  });

  test('when a listed check is deleted, or the service that it belongs to', () => {
    d.register({ Node: 'n', Service: service('web'), Check: check('c', { ServiceID: 'web' }) });
    d.createSession('s', { ServiceChecks: [{ ID: 'c', Namespace: '' }] });
    d.deregister({ Node: 'n', CheckID: 'c' });
    expect(ids()).toEqual([]);
    d.register({ Node: 'n', Check: check('c', { ServiceID: 'web' }) });
    d.createSession('s', { NodeChecks: ['c'] });
    d.deregister({ Node: 'n', ServiceID: 'web' });
    expect(ids()).toEqual([]);
  });

  test('not when an unlisted check fails', () => {
    d.createSession('s', { NodeChecks: ['serfHealth'] });
    d.register({ Node: 'n', Check: check('other', { Status: 'critical' }) });
    expect(ids()).toEqual(['s']);
  });

  test('when the node is renamed away', () => {
    d.register({ Node: 'm', ID: 'aaaaaaaa-1111-1111-1111-111111111111' });
    d.createSession('s', { Node: 'm' });
    d.register({ Node: 'm2', ID: 'aaaaaaaa-1111-1111-1111-111111111111' });
    expect(ids()).toEqual([]);
  });
});

test('reads follow the sessions table and wake for what they show', () => {
  d.register({ Node: 'm' });
  const list = d.store.sessions.list();
  expect(list).toMatchObject({ index: 1, value: [] });
  const unknown = d.store.sessions.get('s');
  const ofNode = d.store.sessions.ofNode('n');
  expect(d.wakes(ofNode.deps, () => d.createSession('t', { Node: 'm' }))).toBe(false);
  expect(d.wakes(unknown.deps, () => d.createSession('u', {}))).toBe(false);
  expect(d.wakes(unknown.deps, () => d.createSession('s', {}))).toBe(true);
  expect(d.wakes(ofNode.deps, () => d.destroySession('s'))).toBe(true);
  expect(d.wakes(list.deps, () => d.destroySession('u'))).toBe(true);
  expect(d.store.sessions.list().index).toBe(d.index);
});
