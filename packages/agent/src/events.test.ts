import { seededRng } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { NodeService } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { EVENTS_MAX, type EventRequest, UserEvents } from './events.ts';
import { LocalState } from './local/state.ts';

const NOTHING: EventRequest = { Name: 'deploy', Payload: null, NodeFilter: '', ServiceFilter: '', TagFilter: '' };

function world() {
  const clock = new ManualClock();
  const local = new LocalState();
  local.putService(NodeService.make({ ID: 'web1', Service: 'web', Tags: ['blue'] }), {
    ...{ token: '', origin: 'remote', sidecarOf: '' },
  });
  const events = new UserEvents('node-7', { clock, rng: seededRng('events'), local });
  const arrive = (given: Partial<EventRequest>) => events.deliver(events.create({ ...NOTHING, ...given }));
  return { clock, events, arrive };
}

describe('an event', () => {
  test.for([
    [{}, true],
    [{ NodeFilter: '^node-[0-9]$' }, true],
    [{ NodeFilter: '^other' }, false],
    [{ ServiceFilter: 'we' }, true],
    [{ ServiceFilter: '^db$' }, false],
    [{ ServiceFilter: 'web', TagFilter: 'blue|green' }, true],
    [{ ServiceFilter: 'web', TagFilter: '^red$' }, false],
    [{ NodeFilter: '^other', ServiceFilter: 'web' }, false],
  ] as const)('with %j is for this node: %j', ([given, taken]) => {
    const w = world();
    w.arrive(given);
    expect(w.events.list()).toHaveLength(taken ? 1 : 0);
  });

  test.for([
    [{ TagFilter: 'x' }, 'Cannot provide tag filter without service filter'],
    [{ NodeFilter: '(' }, 'Invalid node filter: '],
    [{ ServiceFilter: '[' }, 'Invalid service filter: '],
    [{ ServiceFilter: 'x', TagFilter: '*' }, 'Invalid tag filter: '],
    [{ Payload: new Uint8Array(512) }, 'error broadcasting event: user event exceeds configured limit of 512 bytes'],
  ] as const)('%#: one that makes no sense is refused', ([given, text]) => {
    expect(() => world().arrive(given)).toThrow(text);
  });
});

test('the last events are remembered, oldest first', () => {
  const w = world();
  for (let i = 0; i < EVENTS_MAX + 3; i++) w.arrive({ Name: `e${i}` });
  const names = w.events.list().map((e) => e.Name);
  expect([names.length, names[0], names.at(-1)]).toEqual([EVENTS_MAX, 'e3', `e${EVENTS_MAX + 2}`]);
  expect(new Set(w.events.list().map((e) => e.ID)).size).toBe(EVENTS_MAX);
});

test('whoever waits is woken by an event, or by its time, and only once', async () => {
  const w = world();
  const woken: string[] = [];
  w.events.block(1000, () => woken.push('event'));
  const cancel = w.events.block(1000, () => woken.push('cancelled'));
  cancel();
  w.arrive({});
  w.arrive({});
  expect(woken).toEqual(['event']);
  w.events.block(1000, () => woken.push('time'));
  await w.clock.advance(999);
  expect(woken).toHaveLength(1);
  await w.clock.advance(1);
  expect(woken).toEqual(['event', 'time']);
  expect(w.clock.waiting).toBe(0);
});
