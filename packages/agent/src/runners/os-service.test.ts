import { expect, test } from 'vitest';
import { osServiceResult } from './os-service.ts';

test('the state of a unit decides', () => {
  expect(osServiceResult('nginx', 'active\n')).toEqual({ status: 'passing', output: 'Service "nginx" is active' });
  expect(osServiceResult('nginx', 'activating\n').status).toBe('warning');
  expect(osServiceResult('nginx', 'inactive\n')).toEqual({ status: 'critical', output: 'Service "nginx" is inactive' });
  expect(osServiceResult('nginx', 'failed\n').status).toBe('critical');
  const broken = 'System has not been booted with systemd as init system (PID 1).\n';
  expect(osServiceResult('nginx', broken)).toEqual({
    status: 'critical',
    output: `Service "nginx" could not be queried: ${broken.trim()}`,
  });
});
