import { describe, expect, test } from 'vitest';
import {
  autopilotFromConfig,
  autopilotHealth,
  autopilotState,
  DEFAULT_AUTOPILOT,
  failureTolerance,
  type ServerFacts,
} from './autopilot.ts';

const facts = (id: string, given: Partial<ServerFacts> = {}): ServerFacts => ({
  ...{ id, name: id, address: `${id}:8300`, version: '1.21.0', serfStatus: 'alive', leader: false, voter: true },
  ...{ lastContactMs: 10, lastTerm: 2, lastIndex: 1000, stableSinceMs: 0, meta: {} },
  ...given,
});
const leader = facts('a', { leader: true, lastContactMs: 0 });

test.for([
  [1, 1, 0],
  [3, 3, 1],
  [3, 2, 0],
  [4, 4, 1],
  [5, 5, 2],
  [5, 2, 0],
] as const)('%d voters of which %d are healthy can lose %d', ([voters, healthy, tolerance]) => {
  expect(failureTolerance(voters, healthy)).toBe(tolerance);
});

describe('a server is healthy', () => {
  test.for([
    ['when it follows closely', {}, true],
    ['not when it failed', { serfStatus: 'failed' }, false],
    ['with a last contact at the threshold', { lastContactMs: 200 }, true],
    ['not beyond it', { lastContactMs: 201 }, false],
    ['when it trails by as much as is allowed', { lastIndex: 750 }, true],
    ['not by more', { lastIndex: 749 }, false],
    ['not in another term', { lastTerm: 1 }, false],
  ] as const)('%s', ([, given, healthy]) => {
    const health = autopilotHealth([leader, facts('b', given)], DEFAULT_AUTOPILOT);
    expect(health.Servers.map((s) => s.Healthy)).toEqual([true, healthy]);
    expect(health.Healthy).toBe(healthy);
  });
});

test('a cluster of nobody is not healthy', () => {
  expect(autopilotHealth([], DEFAULT_AUTOPILOT)).toEqual({ Healthy: false, FailureTolerance: 0, Servers: [] });
});

test('the state names the leader, the voters and what each server is', () => {
  const state = autopilotState([leader, facts('b'), facts('c', { voter: false })], DEFAULT_AUTOPILOT);
  expect([state.Leader, state.Voters]).toEqual(['a', ['a', 'b']]);
  expect(Object.values(state.Servers).map((s) => s.Status)).toEqual(['leader', 'voter', 'non-voter']);
});

test('settings come in milliseconds and are kept in nanoseconds', () => {
  const config = autopilotFromConfig({
    ...{ cleanupDeadServers: true, lastContactThresholdMs: 200, maxTrailingLogs: 250, minQuorum: 0 },
    serverStabilizationTimeMs: 10_000,
  });
  expect(config).toEqual(DEFAULT_AUTOPILOT);
});
