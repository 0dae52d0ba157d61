import { noMetrics, silentLog } from '@proconsul/base';
import { type GossipNode, NodeState } from '@proconsul/gossip';
import { EventQueue, SimClock } from '@proconsul/sim';
import { expect, test } from 'vitest';
import { MemberTable } from './member-table.ts';
import { CONSUL_SERF_DEFAULTS } from './options.ts';

const b = (state: GossipNode['state'] = NodeState.alive): GossipNode => ({
  name: 'b',
  address: '10.0.0.2',
  port: 8301,
  meta: new Uint8Array(0),
  state,
  incarnation: 1,
  versions: [1, 5, 2, 2, 5, 4],
});

function table() {
  const events: string[] = [];
  const queue = new EventQueue();
  const members = new MemberTable(
    { ...CONSUL_SERF_DEFAULTS, name: 'a', tags: {} },
    {
      clock: new SimClock(queue),
      log: silentLog,
      metrics: noMetrics,
      emit: (what, member) => events.push(`${what} ${member.name}`),
      isStaying: () => true,
      refuteLeave: () => undefined,
      returned: () => events.push('returned'),
      erased: () => undefined,
    },
  );
  return { members, events, queue };
}

test('failed members are told for some time, not those whose address somebody else has by now', async () => {
  const { members, queue } = table();
  const names = (ms: number): string[] => members.failedWithin(ms).map(({ name }) => name);
  members.joined(b());
  members.joined({ ...b(), name: 'c', address: '10.0.0.3' });
  expect(names(1_000)).toEqual([]);
  members.gone(b(NodeState.dead));
  expect(names(0)).toEqual(['b']);
  queue.step(1_001);
  expect([names(1_000), names(1_001)]).toEqual([[], ['b']]);
  members.joined({ ...b(), name: 'successor' });
  expect(names(2_000)).toEqual([]);
});

test('the word of a member that was made to leave does not make the leave later, and counts once gossip finds the member', () => {
  const { members } = table();
  members.joined(b());
  members.gone(b(NodeState.dead));
  expect(members.leaveIntent({ LTime: 6, Node: 'b', Prune: false })).toBe(true);
  expect(members.joinIntent({ LTime: 8, Node: 'b' })).toBe(true);
  expect(members.joinIntent({ LTime: 8, Node: 'b' })).toBe(false);
  // As left it is told with this time and one more: less than that of its word.
  expect(members.left()).toEqual(['b']);
  expect(members.statusTimes().get('b')).toBe(6);
  members.joined(b());
  expect(members.statusTimes().get('b')).toBe(8);
  expect(members.leaveIntent({ LTime: 7, Node: 'b', Prune: false })).toBe(false);
  expect(members.get('b')?.status).toBe('alive');
});

test('a member that stays after all is news', () => {
  const { members, events } = table();
  members.joined(b());
  members.leaveIntent({ LTime: 6, Node: 'b', Prune: false });
  expect(members.get('b')?.status).toBe('leaving');
  members.joinIntent({ LTime: 7, Node: 'b' });
  expect(members.get('b')?.status).toBe('alive');
  expect(events).toEqual(['join b', 'update b']);
});
