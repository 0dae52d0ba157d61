import { readConfigEntry } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { resolverFault } from './routing-faults.ts';
import { serviceDefaultsFault } from './service-faults.ts';

const defaults = (upstream: object) => ({ Kind: 'service-defaults', Name: 'w', UpstreamConfig: upstream });
const resolver = (rest: object) => ({ Kind: 'service-resolver', Name: 'w', ...rest });

// Answers of the reference agent to the same entries.
test.for([
  [
    defaults({
      Defaults: { Limits: { MaxConnections: -1, MaxPendingRequests: -1 }, PassiveHealthCheck: { Interval: '-1s' } },
      Overrides: [{ Name: 'x', Limits: { MaxConnections: -1 } }],
    }),
    '2 errors occurred:\n\t* error in upstream override for x:: 1 error occurred:\n\t* max connections cannot be negative\n\n\n' +
      '\t* error in upstream defaults: 2 errors occurred:\n\t* passive health check interval cannot be negative\n' +
      '\t* max connections cannot be negative\n\n\n\n',
  ],
  [
    defaults({ Defaults: { PassiveHealthCheck: { EnforcingConsecutive5xx: 101, BaseEjectionTime: '-1s' } } }),
    '1 error occurred:\n\t* error in upstream defaults: 1 error occurred:\n' +
      '\t* passive health check enforcing_consecutive_5xx must be a percentage between 0 and 100\n\n\n\n',
  ],
  [defaults({ Defaults: { ConnectTimeoutMs: -1 } }), null],
] as const)('defaults %j', ([entry, fault]) => {
  expect(serviceDefaultsFault(readConfigEntry(entry as never))).toBe(fault);
});

test.for([
  [
    resolver({ Failover: { '*': { Datacenters: ['a', null] } } }),
    'Bad Failover["*"].Datacenters: found empty datacenter',
  ],
  [
    resolver({ LoadBalancer: { Policy: 'maglev', HashPolicies: [{ FieldValue: 'x' }] } }),
    'Bad LoadBalancer HashPolicy[0]: FieldValue requires a Field to apply to',
  ],
  [
    resolver({ LoadBalancer: { RingHashConfig: {}, HashPolicies: [{ Field: 'header', FieldValue: 'x' }] } }),
    'Bad LoadBalancer configuration. RingHashConfig specified for incompatible load balancing policy ""',
  ],
] as const)('resolver %j', ([entry, fault]) => {
  expect(resolverFault(readConfigEntry(entry as never))).toBe(fault);
});
