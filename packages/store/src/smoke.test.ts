import { expect, test } from 'vitest';
import { check, Driver, service } from './testing.ts';

test('smoke', () => {
  const d = new Driver();
  expect(d.set('a', '1')).toBe(true);
  expect(d.store.kv.get('a').value?.ModifyIndex).toBe(1);
  expect(
    d.register({ Node: 'n', Service: service('web'), Checks: [check('c', { ServiceID: 'web' }), check('serfHealth')] }),
  ).toBe(null);
  expect(d.store.health.serviceNodes({ ServiceName: 'web' }).value[0]?.Checks?.map((c) => c.CheckID)).toEqual([
    'serfHealth',
    'c',
  ]);
  expect(d.createSession('s1', { NodeChecks: ['serfHealth'] })).toBe('s1');
  expect(d.kv('lock', 'k', { Session: 's1' })).toBe(true);
  const h = d.store.stateHash();
  const e = new Driver();
  const r = e.store.restore();
  for (const c of d.store.snapshot().chunks()) r.push(c);
  r.finish();
  expect(e.store.stateHash()).toBe(h);
  expect(d.register({ Node: 'n', Checks: [check('serfHealth', { Status: 'critical' })] })).toBe(null);
  expect(d.store.sessions.list().value).toEqual([]);
  expect(d.store.kv.get('k').value?.Session).toBe('');
});
