import { type Log, silentLog } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { describe, expect, test } from 'vitest';
import type { Discover } from './discovery.ts';

/** As a lookup fails whose cloud is not known. */
const nobody: Discover = async (query) => {
  throw new Error(`discover: unknown provider ${/provider=(\S*)/.exec(query)?.[1]}`);
};

import { RetryJoin } from './retry-join.ts';

function world(options: { addresses: readonly string[]; maxAttempts?: number; discover?: Discover; works?: number }) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const tried: (readonly string[])[] = [];
  const joined: number[] = [];
  const exhausted: string[] = [];
  const say = (level: string) => (m: string, f?: object) => void lines.push(`${level} ${m} ${JSON.stringify(f ?? {})}`);
  const log: Log = { ...silentLog, info: say('INFO'), warn: say('WARN'), error: say('ERROR'), named: () => log };
  const settings = { addresses: options.addresses, intervalMs: 30_000, maxAttempts: options.maxAttempts ?? 0 };
  const loop = new RetryJoin('LAN', settings, {
    clock,
    log,
    discover: options.discover ?? nobody,
    join: async (addresses) => {
      tried.push(addresses);
      if (tried.length < (options.works ?? 1)) throw new Error('refused');
      return 2;
    },
    joined: () => joined.push(tried.length),
    exhausted: (error) => exhausted.push(error.message),
  });
  return { clock, loop, lines, tried, joined, exhausted };
}

describe('joining at the start', () => {
  test('goes on at its interval until it worked once', async () => {
    const w = world({ addresses: ['10.0.0.1', 'other'], works: 3 });
    w.loop.start();
    await w.clock.advance(59_999);
    expect([w.tried.length, w.joined]).toEqual([2, []]);
    await w.clock.advance(300_000);
    expect(w.joined).toEqual([3]);
    expect(w.tried).toEqual([
      ['10.0.0.1', 'other'],
      ['10.0.0.1', 'other'],
      ['10.0.0.1', 'other'],
    ]);
    expect(w.lines.filter((l) => l.startsWith('WARN'))).toEqual(
      Array(2).fill('WARN Join cluster failed, will retry {"cluster":"LAN","retry_interval":"30s","error":"refused"}'),
    );
    expect(w.lines.at(-1)).toContain(
      'Join cluster completed. Synced with initial agents {"cluster":"LAN","num_agents":2}',
    );
    expect(w.clock.waiting).toBe(0);
  });

  test('is given up after the first try and as many more as were allowed', async () => {
    const w = world({ addresses: ['10.0.0.1'], maxAttempts: 2, works: 100 });
    w.loop.start();
    await w.clock.advance(600_000);
    expect(w.tried).toHaveLength(3);
    expect([w.exhausted, w.joined]).toEqual([['agent: max join LAN retry exhausted, exiting'], []]);
  });

  test('with nowhere to go says nothing', async () => {
    const w = world({ addresses: [] });
    w.loop.start();
    await w.clock.advance(60_000);
    expect([w.lines, w.tried]).toEqual([[], []]);
  });

  test('looks clouds up anew each time; one that is not known leaves nobody to join', async () => {
    const w = world({ addresses: ['provider=bogus a=b'], maxAttempts: 1 });
    w.loop.start();
    await w.clock.advance(30_000);
    expect(w.tried).toEqual([]);
    expect(w.lines).toContain(
      'ERROR Cannot discover address {"cluster":"LAN","address":"provider=bogus a=b","error":"discover: unknown provider bogus"}',
    );
    expect(w.lines.join()).toContain('"error":"No servers to join"');
    expect(w.exhausted).toHaveLength(1);
  });

  test('joins what a cloud names', async () => {
    const w = world({ addresses: ['10.0.0.1', 'provider=mine'], discover: async () => ['10.0.0.7', '10.0.0.8'] });
    w.loop.start();
    await w.clock.advance(0);
    expect(w.tried).toEqual([['10.0.0.1', '10.0.0.7', '10.0.0.8']]);
  });

  test('ends when it is stopped', async () => {
    const w = world({ addresses: ['10.0.0.1'], works: 100 });
    w.loop.start();
    await w.clock.advance(0);
    w.loop.stop();
    await w.clock.advance(600_000);
    expect([w.tried.length, w.clock.waiting]).toEqual([1, 0]);
  });
});
