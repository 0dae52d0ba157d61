import { ManualClock } from '@proconsul/base/testing';
import { EndpointError, type ReadDone, read, type View } from '@proconsul/endpoints';
import { expect, test } from 'vitest';
import { AGENT_CACHE_TTL_MS } from './agent-cache.ts';
import {
  CACHED_READS_MAX,
  type CacheControl,
  CachedReads,
  HURRIED_PAUSE_MS,
  REFRESH_PAUSE_MS,
  WATCHED_IDLE_MS,
} from './cached-reads.ts';

interface Args {
  readonly Datacenter: string;
  readonly Token: string;
  readonly Name: string;
}
interface Call {
  readonly name: string;
  readonly minIndex: number;
  isCancelled: boolean;
  answer(index: number, value: string): void;
  fail(): void;
}

const watched = read<Args, string>('Health.ServiceNodes');
const unwatched = read<Args, string>('PreparedQuery.Execute', { blocking: false });
const NONE: CacheControl = { maxAgeSeconds: null, mustRevalidate: false, staleIfErrorSeconds: null };
const META = { knownLeader: true, lastContactMs: 0 };

/** A cache before servers that answer when told to. */
function world() {
  const clock = new ManualClock();
  const calls: Call[] = [];
  const caller = {
    leads: () => false,
    peek: () => undefined,
    write: () => Promise.reject(new Error('not asked for')),
    read: ((_, args, { minIndex }, done: ReadDone<unknown>) => {
      const call: Call = {
        name: (args as unknown as Args).Name,
        minIndex,
        isCancelled: false,
        answer: (index, value) => done(null, { index, value, valid: false, memo: new Map() } as View<unknown>, META),
        fail: () => done(new EndpointError('NO_SERVERS', 'No known Consul servers'), null, META),
      };
      calls.push(call);
      return () => {
        call.isCancelled = true;
      };
    }) as ConstructorParameters<typeof CachedReads>[0]['read'],
  };
  const cache = new CachedReads(caller, clock);
  const told: string[] = [];
  const ask = (
    minIndex = 0,
    control: Partial<CacheControl> | null = {},
    Name = 'web',
    method = watched,
    waitMs = 1000,
  ) =>
    cache.read(
      {
        method,
        args: { Datacenter: '', Token: '', Name },
        options: { consistency: 'default', minIndex, waitMs },
        control: control && { ...NONE, ...control },
      },
      (headers, error, view) => {
        const words = headers.map(([, value]) => value).join(' ');
        told.push(error === null ? `${words}: ${view?.value}@${view?.index}` : `${words}: ${error.message}`);
      },
    );
  return { clock, calls, cache, told, ask, last: () => calls.at(-1) as Call };
}

/** A cache that holds `a` at index 5, and waits for what comes after. */
function filled() {
  const w = world();
  w.ask();
  w.last().answer(5, 'a');
  expect(w.told.splice(0)).toEqual(['MISS: a@5']);
  expect(w.last().minIndex).toBe(5);
  return w;
}

test('the first answer is fetched, the next ones are there, and one call waits for changes', () => {
  const w = filled();
  w.ask();
  expect(w.told.splice(0)).toEqual(['HIT 0: a@5']);
  expect(w.calls).toHaveLength(2);
  w.last().answer(8, 'b');
  w.ask();
  expect(w.told).toEqual(['HIT 0: b@8']);
  expect([w.calls.length, w.last().minIndex]).toEqual([3, 8]);
});

test('however many wait for a change, one call does so at a server; those who have it already are not woken', async () => {
  const w = filled();
  w.ask(5);
  w.ask(5);
  const cancel = w.ask(5);
  w.ask(20);
  cancel();
  expect([w.told, w.calls.length]).toEqual([[], 2]);
  w.last().answer(8, 'b');
  expect(w.told.splice(0)).toEqual(['HIT 0: b@8', 'HIT 0: b@8']);
  await w.clock.advance(1000);
  expect(w.told).toEqual(['HIT 0: b@8']);
});

test('the first one to ask waits too, for what comes after the index that he has', async () => {
  const w = world();
  w.ask(5);
  w.last().answer(5, 'a');
  expect([w.told, w.calls.map(({ minIndex }) => minIndex)]).toEqual([[], [0, 5]]);
  w.last().answer(8, 'b');
  expect(w.told.splice(0)).toEqual(['MISS: b@8']);
  const cancel = w.ask(0, {}, 'other');
  cancel();
  expect(w.last().isCancelled).toBe(true);
  w.ask(9, {}, 'third');
  w.last().answer(7, 'c');
  await w.clock.advance(1000);
  expect(w.told).toEqual(['MISS: c@7']);
});

test('an index that has been passed is answered at once', () => {
  const w = filled();
  w.ask(4);
  expect(w.told).toEqual(['HIT 0: a@5']);
});

test('without servers the last answer goes on being given, and its age grows; servers are asked again', async () => {
  const w = filled();
  w.last().fail();
  await w.clock.advance(3 * REFRESH_PAUSE_MS);
  expect(w.calls).toHaveLength(3);
  w.last().fail();
  await w.clock.advance(5000 - 3 * REFRESH_PAUSE_MS);
  w.ask();
  w.ask(4);
  expect(w.told.splice(0)).toEqual(['HIT 5: a@5', 'HIT 5: a@5']);
  w.last().answer(9, 'c');
  w.ask();
  expect(w.told).toEqual(['HIT 0: c@9']);
});

test('somebody who asks makes it look sooner whether there are servers again', async () => {
  const w = filled();
  for (let i = 0; i < 6; i++) {
    w.last().fail();
    await w.clock.advance(REFRESH_PAUSE_MS * 2 ** Math.min(i, 4));
  }
  w.last().fail();
  const asked = w.calls.length;
  w.ask();
  expect(w.calls.length - asked).toBe(0);
  await w.clock.advance(HURRIED_PAUSE_MS);
  w.ask();
  w.ask();
  expect(w.calls.length - asked).toBe(1);
  w.last().answer(9, 'c');
  w.ask();
  expect(w.told.at(-1)).toBe('HIT 0: c@9');
});

test('who wants nothing that old is told the error of the servers, unless he takes it then', async () => {
  const w = filled();
  w.last().fail();
  await w.clock.advance(10_000);
  const asked = w.calls.length;
  w.ask(0, { maxAgeSeconds: 5 });
  w.ask(0, { maxAgeSeconds: 5, staleIfErrorSeconds: 60 });
  w.ask(0, { maxAgeSeconds: 5, staleIfErrorSeconds: 6 });
  for (const call of w.calls.slice(asked)) call.fail();
  expect(w.told).toEqual(['MISS: No known Consul servers', 'HIT 10: a@5', 'MISS: No known Consul servers']);
});

test('must-revalidate asks a server', () => {
  const w = filled();
  w.ask(0, { mustRevalidate: true });
  w.last().answer(6, 'b');
  expect(w.told).toEqual(['MISS: b@6']);
});

test('what could not be had the first time is not kept', async () => {
  const w = world();
  w.ask();
  w.last().fail();
  expect([w.told, w.cache.size]).toEqual([['MISS: No known Consul servers'], 0]);
  await w.clock.advance(60_000);
  expect(w.calls).toHaveLength(1);
});

test('what cannot be waited for is asked again when it is too old for somebody', async () => {
  const w = world();
  w.ask(0, {}, 'q', unwatched);
  w.last().answer(1, 'a');
  await w.clock.advance(7000);
  w.ask(0, {}, 'q', unwatched);
  expect([w.told.splice(0), w.calls.length]).toEqual([['MISS: a@1', 'HIT 7: a@1'], 1]);
  w.ask(0, { maxAgeSeconds: 5 }, 'q', unwatched);
  w.last().answer(1, 'b');
  w.ask(0, {}, 'q', unwatched);
  expect(w.told).toEqual(['MISS: b@1', 'HIT 0: b@1']);
});

test('a server that answers at once without anything new is not asked without pause', async () => {
  const w = filled();
  w.last().answer(5, 'a');
  expect(w.calls).toHaveLength(2);
  await w.clock.advance(REFRESH_PAUSE_MS);
  expect(w.calls).toHaveLength(3);
});

test('what nobody asks for any more is given up', async () => {
  const w = filled();
  await w.clock.advance(AGENT_CACHE_TTL_MS + 1);
  w.last().answer(6, 'b');
  expect([w.cache.size, w.calls.length]).toEqual([0, 2]);
});

test('what is only waited for is kept for a shorter time than what is to be cached', async () => {
  const w = world();
  w.ask(4, null);
  w.last().answer(5, 'a');
  await w.clock.advance(WATCHED_IDLE_MS - 1);
  w.last().answer(6, 'b');
  expect(w.cache.size).toBe(1);
  await w.clock.advance(2);
  w.last().answer(7, 'c');
  expect(w.cache.size).toBe(0);
});

test('beyond the bound the one that was asked for the longest ago goes', () => {
  const w = world();
  for (let i = 0; i < CACHED_READS_MAX; i++) {
    w.ask(0, {}, `s${i}`);
    w.last().answer(5, 'a');
  }
  w.ask(0, {}, 's0');
  w.ask(0, {}, 'one more');
  expect(w.cache.size).toBe(CACHED_READS_MAX);
  expect(w.calls.filter(({ isCancelled }) => isCancelled).map(({ name }) => name)).toEqual(['s1']);
});

test('what somebody waits for stays; where all is waited for, further questions go to a server each', async () => {
  const w = world();
  for (let i = 0; i < CACHED_READS_MAX; i++) {
    w.ask(5, null, `s${i}`);
    if (i > 0) w.last().answer(5, 'a');
  }
  w.ask(9, null, 'one more');
  expect([w.cache.size, w.last().name, w.last().minIndex, w.told]).toEqual([CACHED_READS_MAX, 'one more', 9, []]);
  w.last().answer(10, 'b');
  expect(w.told.splice(0)).toEqual(['MISS: b@10']);
  await w.clock.advance(1000);
  w.told.splice(0);
  w.ask(0, null, 'one more');
  w.last().answer(10, 'b');
  w.ask(0, null, 'one more');
  expect([w.cache.size, w.told.at(-1)]).toEqual([CACHED_READS_MAX, 'HIT 0: b@10']);
});

test('closed, it answers whoever waits, cancels its calls and starts none', async () => {
  const w = filled();
  w.ask(5);
  w.cache.close();
  expect([w.told, w.last().isCancelled]).toEqual([['HIT 0: a@5'], true]);
  await w.clock.advance(AGENT_CACHE_TTL_MS);
  expect(w.calls).toHaveLength(2);
});
