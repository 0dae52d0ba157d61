import { expect, test } from 'vitest';
import {
  deregisterAfterMs,
  intervalMs,
  nodeCheckId,
  serviceCheckIds,
  serviceCheckName,
  timeoutMs,
} from './defaults.ts';
import { checkType } from './definition.ts';

const S = 1e9;

test('an interval below one second is raised to one second', () => {
  expect(intervalMs(checkType({ HTTP: 'x', Interval: 1e6 }))).toBe(1000);
  expect(intervalMs(checkType({ HTTP: 'x', Interval: 2.5 * S }))).toBe(2500);
});

test('a run may take 30 s for a script and 10 s for the rest unless the definition says otherwise', () => {
  expect(timeoutMs(checkType({ ScriptArgs: ['x'], Interval: S }))).toBe(30_000);
  expect(timeoutMs(checkType({ HTTP: 'x', Interval: S }))).toBe(10_000);
  expect(timeoutMs(checkType({ HTTP: 'x', Interval: S, Timeout: -S }))).toBe(10_000);
  expect(timeoutMs(checkType({ HTTP: 'x', Interval: S, Timeout: 0.7 * S }))).toBe(700);
});

test('a service is removed after one minute at the earliest, and only when asked for', () => {
  expect(deregisterAfterMs(checkType({}))).toBeUndefined();
  expect(deregisterAfterMs(checkType({ DeregisterCriticalServiceAfter: -S }))).toBeUndefined();
  expect(deregisterAfterMs(checkType({ DeregisterCriticalServiceAfter: 10 * S }))).toBe(60_000);
  expect(deregisterAfterMs(checkType({ DeregisterCriticalServiceAfter: 5400 * S }))).toBe(5_400_000);
});

test('IDs and names follow the service', () => {
  expect(nodeCheckId(checkType({ Name: 'mem' }))).toBe('mem');
  expect(nodeCheckId(checkType({ Name: 'mem', CheckID: 'm' }))).toBe('m');
  expect(serviceCheckIds('web-1', [checkType({})])).toEqual(['service:web-1']);
  const several = [checkType({}), checkType({ CheckID: 'own' }), checkType({})];
  expect(serviceCheckIds('web-1', several)).toEqual(['service:web-1:1', 'own', 'service:web-1:3']);
  expect(serviceCheckName('web', checkType({}))).toBe("Service 'web' check");
  expect(serviceCheckName('web', checkType({ Name: 'own' }))).toBe('own');
});
