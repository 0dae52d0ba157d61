import { seededRng } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import type { Caller } from '@proconsul/endpoints';
import { describe, expect, test } from 'vitest';
import { keptLog } from '../testing/kept-log.ts';
import { CoordinateSender } from './coordinate-sender.ts';

function world(options: { members?: number; hasServers?: boolean; fails?: boolean } = {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const sent: unknown[] = [];
  const caller = {
    async write(_method: unknown, args: unknown) {
      if (options.fails) throw new Error('No cluster leader');
      sent.push(args);
    },
  } as unknown as Caller;
  const sender = new CoordinateSender({
    clock,
    rng: seededRng(1),
    log: keptLog(lines),
    caller,
    datacenter: 'dc1',
    nodeName: 'n1',
    rateTarget: 64,
    intervalMinMs: 15_000,
    clusterSize: () => options.members ?? 3,
    hasServers: () => options.hasServers ?? true,
    coordinate: () => ({ Vec: [1, 2], Error: 0.5, Adjustment: 0.1, Height: 1e-5 }),
    token: () => 'secret',
  });
  return { clock, sender, sent, lines };
}

describe('the place of a node', () => {
  test('is told every 15 to 30 seconds', async () => {
    const w = world();
    w.sender.start();
    await w.clock.advance(14_999);
    expect(w.sent).toEqual([]);
    await w.clock.advance(15_001);
    expect(w.sent).toMatchObject([
      { Datacenter: 'dc1', Node: 'n1', Segment: '', Token: 'secret', Coord: { Vec: [1, 2], Error: 0.5 } },
    ]);
    await w.clock.advance(300_000);
    expect(w.sent.length).toBeGreaterThanOrEqual(10);
    expect(w.sent.length).toBeLessThanOrEqual(21);
    w.sender.stop();
    expect(w.clock.waiting).toBe(0);
  });

  test('is told more rarely in a large pool, so that all together send no more than so many a second', async () => {
    const w = world({ members: 6400 });
    w.sender.start();
    await w.clock.advance(99_999);
    expect(w.sent).toEqual([]);
    await w.clock.advance(100_001);
    expect(w.sent).toHaveLength(1);
  });

  test('waits for a server, and outlives a failure', async () => {
    const alone = world({ hasServers: false });
    await alone.sender.send();
    expect([alone.sent, alone.lines]).toEqual([[], ['DEBUG Skipping coordinate updates until servers are upgraded']]);
    const w = world({ fails: true });
    await w.sender.send();
    expect(w.lines).toEqual(['ERROR Coordinate update error {"error":"No cluster leader"}']);
  });
});
