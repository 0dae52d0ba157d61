import { noMetrics } from '@proconsul/base';
import { settle } from '@proconsul/base/testing';
import { describe, expect, test } from 'vitest';
import { DEFAULT_AUTOPILOT } from '../autopilot.ts';
import type { PoolMember } from '../servers/member.ts';
import { oneServer } from '../testing/one-server.ts';
import { ESTABLISH_RETRY_MS, LeaderDuties } from './leader-duties.ts';
import { MemberReconciler, RECONCILE_QUEUE_MAX } from './member-reconciler.ts';

function duties() {
  const { clock, consensus, server, store } = oneServer();
  server.stopLeading();
  const logged: string[] = [];
  const happened: string[] = [];
  const write = (message: string) => logged.push(message);
  const log = { trace() {}, debug: write, info: write, warn: write, error: write, named: () => log };
  const w = { onReconcile: () => {} };
  const duty = (name: string) => ({
    start: () => {
      happened.push(`${name} starts`);
      if (name === 'reconciler') w.onReconcile();
    },
    stop: () => void happened.push(`${name} stops`),
  });
  let transfers = 0;
  consensus.transferLeadership = async () => {
    transfers++;
    throw new Error('cannot find peer');
  };
  const d = new LeaderDuties(
    { datacenter: 'dc1', autopilot: DEFAULT_AUTOPILOT, connectEnabled: false },
    {
      ...{ clock, log, metrics: noMetrics, store, consensus, server },
      ...{ reconciler: duty('reconciler'), autopilot: duty('autopilot') },
      firstAuthority: async () => [].values(),
      announce: () => void happened.push('announced'),
      established: () => void happened.push('established'),
    },
  );
  return Object.assign(w, { d, clock, consensus, server, store, logged, happened, transfers: () => transfers });
}

describe('the duties of a leader', () => {
  test('are taken up in order, and laid down when it leads no more', async () => {
    const w = duties();
    w.d.roleChanged('leader');
    expect([w.server.leads(), w.d.isEstablished]).toEqual([false, false]);
    await settle();
    await settle();
    expect([w.server.leads(), w.d.isEstablished]).toEqual([true, true]);
    const order = ['announced', 'autopilot starts', 'reconciler starts', 'established'];
    expect(w.happened.filter((h) => !h.endsWith('stops'))).toEqual(order);
    w.happened.length = 0;
    w.d.roleChanged('follower');
    expect([w.server.leads(), w.d.isEstablished, w.happened]).toEqual([
      false,
      false,
      ['autopilot stops', 'reconciler stops'],
    ]);
    expect(w.logged).toContain('cluster leadership lost');
  });

  test('in a new cluster members are compared before anybody may write, in others nobody waits for that', async () => {
    const w = duties();
    const leads: boolean[] = [];
    w.onReconcile = () => void leads.push(w.server.leads());
    w.d.roleChanged('leader');
    await settle();
    await settle();
    w.d.roleChanged('follower');
    w.d.roleChanged('leader');
    await settle();
    expect(leads).toEqual([false, true]);
  });

  test('that cannot be taken up are offered to another server, and tried again', async () => {
    const w = duties();
    w.consensus.refusal = new Error('log is full');
    w.d.roleChanged('leader');
    await w.clock.advance(ESTABLISH_RETRY_MS * 2.5);
    expect([w.transfers(), w.server.leads(), w.d.isEstablished]).toEqual([3, false, false]);
    expect(w.logged.filter((l) => l === 'failed to establish leadership')).toHaveLength(3);
    w.consensus.refusal = null;
    await w.clock.advance(ESTABLISH_RETRY_MS);
    await settle();
    expect([w.server.leads(), w.d.isEstablished]).toEqual([true, true]);
  });

  test('of a leadership that ended meanwhile are not taken up', async () => {
    const w = duties();
    let pass = () => {};
    w.consensus.barrier = () => new Promise((resolve) => (pass = resolve));
    w.d.roleChanged('leader');
    await settle();
    w.d.roleChanged('follower');
    pass();
    await settle();
    expect([w.server.leads(), w.d.isEstablished, w.consensus.proposed]).toEqual([false, false, []]);
  });

  test('begin anew when the whole state was replaced', async () => {
    const w = duties();
    w.d.roleChanged('leader');
    await settle();
    await settle();
    w.happened.length = 0;
    await w.d.stateReplaced();
    expect(w.happened.slice(-3)).toEqual(['autopilot starts', 'reconciler starts', 'established']);
    w.d.roleChanged('follower');
    w.happened.length = 0;
    await w.d.stateReplaced();
    expect(w.happened).toEqual([]);
  });
});

test('changes of members beyond those that may wait are left to the next comparison', async () => {
  const { clock, consensus, store } = oneServer();
  const members: PoolMember[] = [];
  const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, named: () => log };
  const reconciler = new MemberReconciler(
    { datacenter: 'dc1', nodeName: 'a', nodeId: 'a' },
    { clock, log, metrics: noMetrics, store, consensus, members: () => members },
  );
  await reconciler.start();
  for (let i = 0; i < RECONCILE_QUEUE_MAX + 10; i++) {
    const tags = { role: 'node', dc: 'dc1', id: `id-${i}` };
    members.push({ name: `n${i}`, address: '10.0.0.1', port: 8301, status: 'alive', tags });
  }
  for (const member of members) reconciler.changed('join', member);
  for (let i = 0; i < 200; i++) await settle();
  const registered = () => store.catalog.nodes().value.length;
  // The first one was taken out of the queue before the others came.
  expect(registered()).toBe(RECONCILE_QUEUE_MAX + 1);
  await clock.advance(60_000);
  for (let i = 0; i < 200; i++) await settle();
  expect(registered()).toBe(RECONCILE_QUEUE_MAX + 10);
});
