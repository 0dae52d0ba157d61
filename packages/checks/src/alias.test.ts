import { expect, test } from 'vitest';
import { type AliasedCheck, type AliasTarget, evaluateAlias } from './alias.ts';

const check = (Name: string, ServiceID: string, Status: string, Output = ''): AliasedCheck => ({
  Name,
  ServiceID,
  Status,
  Output,
});
const alias = (fields: Partial<AliasTarget>) =>
  evaluateAlias({ node: '', service: 'one', nodeExists: true, serviceExists: true, checks: [], ...fields });

test('an alias passes when its target has no checks or only passing ones', () => {
  expect(alias({})).toEqual({ status: 'passing', output: 'No checks found.' });
  expect(alias({ checks: [check('x', 'other', 'critical')] })).toEqual({
    status: 'passing',
    output: 'No checks found.',
  });
  expect(alias({ checks: [check('a', 'one', 'passing')] })).toEqual({
    status: 'passing',
    output: 'All checks passing.',
  });
});

test('an alias blames a critical check before a warning one, with its output', () => {
  const checks = [check('n2', 'one', 'warning', 'w'), check('n1', 'one', 'critical', 'broken')];
  expect(alias({ checks })).toEqual({ status: 'critical', output: 'Aliased check "n1" failing: broken' });
  expect(alias({ checks: checks.slice(0, 1) })).toEqual({ status: 'warning', output: 'Aliased check "n2" failing: w' });
});

test('checks of the node count for every alias of a service', () => {
  const checks = [check('n1', 'one', 'passing'), check('nodecheck', '', 'critical', 'nb')];
  expect(alias({ checks })).toEqual({ status: 'critical', output: 'Aliased check "nodecheck" failing: nb' });
  expect(alias({ service: '', checks })).toEqual({
    status: 'critical',
    output: 'Aliased check "nodecheck" failing: nb',
  });
});

test('a missing service is critical, a missing node is not', () => {
  expect(alias({ service: 'ghost', serviceExists: false })).toEqual({
    status: 'critical',
    output: 'Service ghost could not be found on node ',
  });
  expect(alias({ service: 'ghost', serviceExists: false, node: 'orc' }).output).toBe(
    'Service ghost could not be found on node orc',
  );
  expect(alias({ service: 'ghost', serviceExists: false, nodeExists: false, node: 'nope' })).toEqual({
    status: 'passing',
    output: 'No checks found.',
  });
});
