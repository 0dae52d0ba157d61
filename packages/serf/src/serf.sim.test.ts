import { utf8 } from '@proconsul/base';
import { LAN_WEATHER } from '@proconsul/sim';
import { describe, expect, test } from 'vitest';
import type { SerfEvent } from './events.ts';
import { SerfSim, type SimSerf } from './testing/serf-sim.ts';

/** `SERF_SEEDS=100-199` runs others. */
const [from = 1, to = from] = (process.env['SERF_SEEDS'] ?? '1').split('-').map(Number);
const seeds = Array.from({ length: to - from + 1 }, (_, i) => from + i);

const LONG = { timeout: 120_000 };
const BAD_WEATHER = { ...LAN_WEATHER, loss: 0.1, duplicates: 0.1, stragglers: 0.1 };

const userEvents = (one: SimSerf) =>
  one.events.filter((e): e is Extract<SerfEvent, { kind: 'user' }> => e.kind === 'user');

/** Nothing passes between the two groups, until the network heals. */
function part(sim: SerfSim, left: readonly SimSerf[], right: readonly SimSerf[]): void {
  for (const a of left) {
    for (const b of right) {
      sim.network.block(a.address, b.address);
      sim.network.block(b.address, a.address);
    }
  }
}

describe('user events', () => {
  test.for(seeds)('reach everybody within seconds (seed %i)', LONG, async (seed) => {
    const sim = new SerfSim(seed);
    await sim.grow(30);
    sim.one().serf.userEvent('e', utf8(''), false);
    await sim.run(2_500);
    expect(sim.live.filter((one) => userEvents(one).length === 1)).toHaveLength(30);
  });

  test.for(seeds)('reach everybody once, with one time each, over a bad network (seed %i)', LONG, async (seed) => {
    const sim = new SerfSim(seed);
    await sim.grow(12);
    sim.network.weather = BAD_WEATHER;
    const sent = new Map<string, string>();
    for (let i = 0; i < 60; i++) {
      const sender = sim.one();
      sender.serf.userEvent(`e${i}`, utf8(sender.name), false);
      sent.set(`e${i}`, sender.name);
      await sim.run(sim.rng.float() * 400);
    }
    await sim.run(120_000);
    const times = new Map<string, number>();
    for (const one of sim.live) {
      const seen = userEvents(one);
      expect(seen.map((e) => e.name).sort()).toEqual([...sent.keys()].sort());
      for (const { name, time } of seen) {
        expect(times.get(name) ?? time).toBe(time);
        times.set(name, time);
      }
    }
    for (const member of sim.live) {
      const own = [...sent].filter(([, sender]) => sender === member.name).map(([name]) => times.get(name)!);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  test.for(seeds)('reach both sides of a partition after it, and each member once (seed %i)', LONG, async (seed) => {
    const sim = new SerfSim(seed);
    await sim.grow(8);
    part(sim, sim.live.slice(0, 4), sim.live.slice(4));
    for (let i = 0; i < 20; i++) {
      sim.one().serf.userEvent(`e${i}`, utf8(''), true);
      await sim.run(500);
    }
    await sim.run(60_000);
    sim.network.heal();
    await sim.until(() => sim.knowsLive(), 600_000, 'the two sides find each other again');
    await sim.run(120_000);
    const wanted = Array.from({ length: 20 }, (_, i) => `e${i}`).sort();
    for (const one of sim.live) {
      expect(
        userEvents(one)
          .map((e) => e.name)
          .sort(),
      ).toEqual(wanted);
    }
  });
});

/** Members come, leave, die, come back and are given up, and the network is bad. */
async function churn(sim: SerfSim, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    const what = sim.rng.int(10);
    const gone = sim.members.filter((m) => !m.process.isUp);
    if (what < 2 && sim.members.length < 24) sim.join(await sim.add(), sim.one());
    else if (what < 4 && sim.live.length > 5) sim.kill(sim.one(), what === 3);
    else if (what < 5 && sim.live.length > 5) sim.leave(sim.one());
    else if (what < 8 && gone.length > 0) {
      const member = sim.one(gone);
      await sim.restart(member);
      if (what < 7) sim.join(member, sim.one());
    } else if (gone.length > 0) sim.one().serf.forceLeave(sim.one(gone).name, what === 9);
    else sim.one().serf.setTags({ step: String(step) });
    await sim.run(sim.rng.float() * 8_000);
  }
}

describe('who is in the pool', () => {
  test.for(seeds)('is agreed upon after any churn; nobody who is there is lost (seed %i)', LONG, async (seed) => {
    const sim = new SerfSim(seed, { snapshotPath: 'local.snapshot', rejoinAfterLeave: true });
    await sim.grow(8);
    sim.network.weather = BAD_WEATHER;
    await churn(sim, 50);
    sim.network.weather = LAN_WEATHER;
    // Members that found only each other when they started are on their own until somebody tells them an address.
    const [anchor] = sim.live as [SimSerf, ...SimSerf[]];
    const known = new Set(anchor.serf.members().map((m) => (m.status === 'alive' ? m.name : '')));
    for (const one of sim.live) if (!known.has(one.name)) sim.join(one, anchor);
    await sim.until(() => sim.knowsLive(), 600_000, 'all live members know all live members');
    await sim.run(180_000);
    expect(sim.knowsLive(), sim.dump()).toBe(true);
    for (const [name, statuses] of sim.gone()) expect([...statuses], `${name}\n${sim.dump()}`).toHaveLength(1);
    // Their tags are those that they set last.
    for (const one of sim.live) {
      for (const { name, tags } of one.serf.members()) {
        const member = sim.live.find((m) => m.name === name);
        if (member !== undefined) expect(tags).toEqual(member.serf.self.tags);
      }
    }
  });

  test.for(seeds)('the order of events about a member makes sense to everybody (seed %i)', LONG, async (seed) => {
    const sim = new SerfSim(seed, { snapshotPath: 'local.snapshot', rejoinAfterLeave: true });
    await sim.grow(6);
    sim.network.weather = BAD_WEATHER;
    await churn(sim, 40);
    for (const one of sim.members) {
      const present = new Map<string, string>();
      for (const event of one.events) {
        if (event.kind !== 'member') continue;
        const { name } = event.member;
        const before = present.get(name);
        if (event.what === 'join') expect([undefined, 'failed', 'leave', 'reap']).toContain(before);
        if (event.what === 'failed') expect(['join', 'update']).toContain(before);
        if (event.what === 'leave') expect(['join', 'update', 'failed']).toContain(before);
        if (event.what === 'reap') expect(['failed', 'leave']).toContain(before);
        present.set(name, event.what);
      }
    }
  });

  test.for(seeds)(
    'who is given up on one side of a partition has left on both after it (seed %i)',
    LONG,
    async (seed) => {
      const sim = new SerfSim(seed);
      await sim.grow(9);
      sim.kill(sim.members[8]!);
      const failed = () =>
        sim.live.every((m) => m.serf.members().some((o) => o.name === 'n8' && o.status === 'failed'));
      await sim.until(failed, 60_000, 'the failure is seen');
      part(sim, sim.live.slice(0, 4), sim.live.slice(4));
      await sim.run(5_000);
      sim.live[0]!.serf.forceLeave('n8', false);
      await sim.run(60_000); // Longer than gossip spreads the message.
      expect([...sim.gone().get('n8')!].sort()).toEqual(['failed', 'left']);
      sim.network.heal();
      await sim.until(() => sim.knowsLive(), 600_000, 'the two sides find each other again');
      await sim.run(60_000);
      expect(sim.gone()).toEqual(new Map([['n8', new Set(['left'])]]));
    },
  );

  test('a seed gives the same run again', LONG, async () => {
    const run = async () => {
      const sim = new SerfSim('again', { snapshotPath: 'local.snapshot' });
      await sim.grow(6);
      sim.network.weather = BAD_WEATHER;
      await churn(sim, 15);
      return sim.members.map((m) => m.logged);
    };
    expect(await run()).toEqual(await run());
  });
});

const attempts = (sim: SerfSim): number =>
  sim.live.reduce((sum, m) => sum + m.logged.filter((line) => line.includes('attempting reconnect')).length, 0);

/** Cuts the network into two and heals it at any moment after both sides have given up on each other. */
async function cut(sim: SerfSim, left: readonly SimSerf[], right: readonly SimSerf[]) {
  part(sim, left, right);
  const haveGivenUp = (own: readonly SimSerf[]) =>
    own.every(({ serf }) => serf.members().filter((m) => m.status === 'alive').length === own.length);
  await sim.until(() => haveGivenUp(left) && haveGivenUp(right), 300_000, 'both sides have given up');
  await sim.run(sim.rng.float() * 60_000);
  sim.network.heal();
  const [from, before] = [sim.queue.now, attempts(sim)];
  await sim.until(() => sim.knowsLive(), 600_000, 'the two sides find each other again');
  return { healedMs: sim.queue.now - from, attempts: attempts(sim) - before };
}

describe('after a cut', () => {
  test.for(seeds)('a member that was alone is back within seconds (seed %i)', LONG, async (seed) => {
    const sim = new SerfSim(seed);
    await sim.grow(5);
    for (let times = 0; times < 5; times++) {
      const alone = sim.one();
      const rest = sim.live.filter((m) => m !== alone);
      expect((await cut(sim, [alone], rest)).healedMs).toBeLessThan(15_000);
    }
  });

  test.for(seeds)('two halves find each other within seconds, by a few attempts (seed %i)', LONG, async (seed) => {
    const sim = new SerfSim(seed);
    await sim.grow(24);
    const healing = await cut(sim, sim.live.slice(0, 12), sim.live.slice(12));
    expect(healing.healedMs).toBeLessThan(15_000);
    expect(healing.attempts).toBeLessThan(24);
  });
});

describe('queries', () => {
  test.for(seeds)(
    'are answered by nearly everybody over a bad network, more with relays (seed %i)',
    LONG,
    async (seed) => {
      const sim = new SerfSim(seed);
      await sim.grow(12);
      sim.network.weather = { ...LAN_WEATHER, loss: 0.2 };
      const heard = async (relayFactor: number) => {
        let acks = 0;
        for (let i = 0; i < 20; i++) {
          const asked = sim.one().serf.query('q', utf8(''), { wantAck: true, relayFactor, onAck: () => acks++ });
          await sim.run(8_000);
          await asked;
        }
        return acks / (20 * 12);
      };
      const plain = await heard(0);
      const relayed = await heard(3);
      expect(plain).toBeGreaterThan(0.7);
      expect(relayed).toBeGreaterThan(Math.max(0.93, plain));
    },
  );
});
