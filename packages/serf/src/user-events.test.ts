import { utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeUserEvent } from './messages.ts';
import { World } from './testing/world.ts';
import { EVENTS_PER_TIME_MAX } from './user-events.ts';

describe('user events', () => {
  test('reach everybody once, in the order of their times where one member sent them', async () => {
    const world = new World();
    const all = await world.members('a', 'b', 'c', 'd', 'e');
    for (let i = 0; i < 5; i++) {
      all[0]!.serf.userEvent('deploy', utf8(`v${i}`), true);
      await world.pass(1_000);
    }
    await world.pass(3_000);
    for (const one of all) {
      expect(one.userEvents()).toEqual(['deploy=v0', 'deploy=v1', 'deploy=v2', 'deploy=v3', 'deploy=v4']);
      expect(one.serf.stats()['event_time']).toBe('6');
    }
  });

  test('carry the wish to be coalesced', async () => {
    const world = new World();
    const [a, b] = await world.members('a', 'b');
    a!.serf.userEvent('x', utf8(''), true);
    a!.serf.userEvent('y', utf8(''), false);
    await world.pass(2_000);
    const flags = b!.events.flatMap((e) => (e.kind === 'user' ? [`${e.name} ${e.coalesce}`] : []));
    expect(flags.sort()).toEqual(['x true', 'y false']);
  });

  test('of the time before are replayed to who joins, unless it says otherwise', async () => {
    const world = new World();
    const [a] = await world.members('a', 'b');
    a!.serf.userEvent('old', utf8('1'), true);
    await world.pass(5_000);
    const c = world.member('c');
    const d = world.member('d');
    await c.serf.start();
    await d.serf.start();
    await c.join(a!, false);
    await d.join(a!, true);
    await world.pass(1_000);
    expect(c.userEvents()).toEqual(['old=1']);
    expect(d.userEvents()).toEqual([]);
    a!.serf.userEvent('new', utf8('2'), true);
    await world.pass(2_000);
    expect(d.userEvents()).toEqual(['new=2']);
  });

  test('that are too large are refused with the texts of the reference', async () => {
    const world = new World();
    const [a] = await world.members('a');
    const send = (bytes: number) => () => a!.serf.userEvent('ev', new Uint8Array(bytes), true);
    expect(send(511)).toThrow('user event exceeds configured limit of 512 bytes before encoding');
    expect(send(510)).toThrow('encoded user event exceeds configured limit of 512 bytes after encoding');
    expect(send(478)).not.toThrow();
    const b = world.member('b', { userEventSizeLimit: 20_000 });
    await b.serf.start();
    expect(() => b.serf.userEvent('ev', new Uint8Array(9215), true)).toThrow(
      'user event exceeds sane limit of 9216 bytes before encoding',
    );
    expect(a!.serf.stats()['event_time']).toBe('2');
  });

  test('with one time from many members are bounded', async () => {
    const world = new World();
    const [a] = await world.members('a');
    for (let i = 0; i < 2 * EVENTS_PER_TIME_MAX; i++) {
      a!.pool.delegate.onMessage(encodeUserEvent({ CC: false, LTime: 9, Name: `n${i}`, Payload: null }));
    }
    expect(a!.userEvents()).toHaveLength(EVENTS_PER_TIME_MAX);
  });

  test('are delivered once each whatever comes how often in which order, unless they are older than the ring', async () => {
    const times = fc.array(fc.tuple(fc.integer({ min: 1, max: 1200 }), fc.nat(2)), { maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(times, async (sent) => {
        const world = new World();
        const [a] = await world.members('a');
        const model = new Set<string>();
        let clock = 1;
        for (const [LTime, which] of sent) {
          a!.pool.delegate.onMessage(
            encodeUserEvent({ CC: false, LTime, Name: `${LTime}`, Payload: utf8(`${which}`) }),
          );
          clock = Math.max(clock, LTime + 1);
          if (LTime >= clock - 512) model.add(`${LTime}=${which}`);
        }
        expect(a!.userEvents().length).toBe(new Set(a!.userEvents()).size);
        expect(new Set(a!.userEvents())).toEqual(model);
      }),
      { numRuns: 60 },
    );
  });
});

test('rubbish from other members changes nothing', async () => {
  const world = new World();
  const [a] = await world.members('a', 'b');
  const before = JSON.stringify(a!.serf.members());
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      a!.pool.delegate.onMessage(bytes);
      a!.pool.delegate.mergeState(bytes, true);
      a!.pool.delegate.onPingDone?.(a!.pool.node('b')!, 1, bytes);
    }),
    { numRuns: 1000 },
  );
  expect(JSON.stringify(a!.serf.members())).toBe(before);
});
