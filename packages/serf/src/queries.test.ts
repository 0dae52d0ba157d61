import { fromUtf8, utf8 } from '@proconsul/base';
import { describe, expect, test } from 'vitest';
import { ANSWERS_MAX } from './asked-query.ts';
import { encodeQuery, encodeQueryResponse } from './messages.ts';
import type { QueryOptions } from './pool.ts';
import { type TestSerf, World } from './testing/world.ts';

/** Asks and lets time pass until the answer, at most `ms`. */
async function ask(world: World, from: TestSerf, options: QueryOptions, ms = 10_000, name = 'uptime') {
  const acks: string[] = [];
  const responses: Record<string, string> = {};
  let tookMs = -1;
  const started = world.clock.now();
  void from.serf
    .query(name, utf8('?'), {
      ...options,
      onAck: (node) => acks.push(node),
      onResponse: (node, payload) => (responses[node] = fromUtf8(payload)),
    })
    .then(() => (tookMs = world.clock.now() - started));
  await world.pass(ms);
  return { acks: acks.sort(), responses, tookMs };
}

async function answering(world: World, names: string[], tags: Record<string, Record<string, string>> = {}) {
  const all = names.map((name) => world.member(name, { tags: tags[name] ?? {} }));
  for (const one of all) {
    one.onQuery = (query) => query.respond(utf8(`42 from ${one.serf.self.name}`));
    await one.serf.start();
  }
  for (const one of all.slice(1)) await one.join(all[0]!);
  await world.pass(2_000);
  return all;
}

describe('queries', () => {
  test('are acknowledged and answered by everybody, and end when all have answered', async () => {
    const world = new World();
    const [a, b] = await answering(world, ['a', 'b', 'c']);
    const { acks, responses, tookMs } = await ask(world, a!, { wantAck: true });
    expect(acks).toEqual(['a', 'b', 'c']);
    expect(responses).toEqual({ a: '42 from a', b: '42 from b', c: '42 from c' });
    expect(tookMs).toBeLessThan(1_500);
    const query = b!.events.find((e) => e.kind === 'query')!;
    expect(query).toMatchObject({ kind: 'query', query: { name: 'uptime', from: 'a' } });
    expect(a!.serf.stats()).toMatchObject({ query_time: '2' });
  });

  test('end after their time when somebody is silent', async () => {
    const world = new World();
    const [a, b] = await answering(world, ['a', 'b', 'c']);
    b!.onQuery = () => {};
    expect((await ask(world, a!, {})).tookMs).toBe(3_200);
    expect((await ask(world, a!, { timeoutMs: 500 })).tookMs).toBe(500);
  });

  test('without a wish for acknowledgements get none', async () => {
    const world = new World();
    const [a] = await answering(world, ['a', 'b']);
    expect((await ask(world, a!, {})).acks).toEqual([]);
  });

  test('go only to whom their filters mean', async () => {
    const world = new World();
    const [a] = await answering(world, ['a', 'b', 'c', 'd'], {
      b: { role: 'web' },
      c: { role: 'db' },
      d: { role: 'dbx' },
    });
    const who = async (options: QueryOptions) => Object.keys((await ask(world, a!, options)).responses).sort();
    expect(await who({ nodes: ['b', 'c', 'nobody'] })).toEqual(['b', 'c']);
    expect(await who({ tags: { role: '^db' } })).toEqual(['c', 'd']);
    expect(await who({ tags: { role: '^db$' } })).toEqual(['c']);
    expect(await who({ nodes: ['d'], tags: { role: 'db' } })).toEqual(['d']);
    expect(await who({ tags: { role: '(' } })).toEqual([]);
  });

  test('answers come through others when the direct way is blocked, and count once', async () => {
    const world = new World();
    const [a] = await answering(world, ['a', 'b', 'c', 'd']);
    world.gossip.drops = (from, to) => from === 'b' && to === 'a';
    expect((await ask(world, a!, { nodes: ['b'], timeoutMs: 2_000 })).responses).toEqual({});
    const relayed = await ask(world, a!, { nodes: ['b'], wantAck: true, relayFactor: 2 });
    expect(relayed.acks).toEqual(['b']);
    expect(relayed.responses).toEqual({ b: '42 from b' });
    world.gossip.drops = () => false;
    expect((await ask(world, a!, { nodes: ['b'], wantAck: true, relayFactor: 3 })).acks).toEqual(['b']);
  });

  test('are answered once, in time and with at most 1024 bytes', async () => {
    const world = new World();
    const [a, b] = await answering(world, ['a', 'b']);
    const texts: string[] = [];
    b!.onQuery = (query) => {
      const respond = (payload: Uint8Array) => {
        try {
          query.respond(payload);
        } catch (error) {
          texts.push((error as Error).message);
        }
      };
      respond(new Uint8Array(1024));
      respond(utf8('small'));
      respond(utf8('again'));
      world.clock.after(5_000, () => respond(utf8('late')));
    };
    const { responses } = await ask(world, a!, {});
    expect(responses['b']).toBe('small');
    expect(texts).toEqual(['response exceeds limit of 1024 bytes', 'response already sent', 'response already sent']);
    b!.onQuery = (query) => {
      world.clock.after(5_000, () =>
        expect(() => query.respond(utf8('late'))).toThrow('response is past the deadline'),
      );
    };
    expect((await ask(world, a!, {})).responses['b']).toBeUndefined();
  });

  test('that are too large, or have a name of Serf itself, are refused', async () => {
    const world = new World();
    const [a] = await world.members('a');
    await expect(a!.serf.query('big', new Uint8Array(1024), {})).rejects.toThrow('query exceeds limit of 1024 bytes');
    await expect(a!.serf.query('_serf_foo', new Uint8Array(0), {})).rejects.toThrow(
      "Queries cannot contain the '_serf_' prefix",
    );
    expect(a!.serf.stats()['query_time']).toBe('1');
  });

  test('_serf_ping is acknowledged and shown to nobody', async () => {
    const world = new World();
    const [a, b] = await answering(world, ['a', 'b']);
    const { acks, responses } = await ask(world, a!, { wantAck: true }, 10_000, '_serf_ping');
    expect(acks).toEqual(['a', 'b']);
    expect(responses).toEqual({});
    expect(b!.events.some((e) => e.kind === 'query')).toBe(false);
  });

  test('end when the member stops', async () => {
    const world = new World();
    const [a] = await world.members('a', 'b');
    let isDone = false;
    void a!.serf.query('x', utf8(''), {}).then(() => (isDone = true));
    await a!.serf.stop();
    await world.pass(10);
    expect(isDone).toBe(true);
  });

  test('which say not to be spread are not; those from before the ring are not taken', async () => {
    const world = new World();
    const [a] = await world.members('a', 'b');
    const query = {
      Addr: Uint8Array.of(127, 0, 0, 1),
      Filters: null,
      Name: 'q',
      Payload: null,
      Port: 9,
      RelayFactor: 0,
      SourceNode: 'z',
      Timeout: 1e9,
    };
    const send = (ID: number, LTime: number, Flags: number) =>
      a!.pool.delegate.onMessage(encodeQuery({ ...query, ID, LTime, Flags }));
    send(1, 600, 2);
    expect(a!.serf.stats()).toMatchObject({ query_time: '601', query_queue: '0' });
    send(2, 600, 0);
    expect(a!.serf.stats()).toMatchObject({ query_queue: '1' });
    send(2, 600, 0);
    send(3, 50, 0);
    expect(a!.serf.stats()).toMatchObject({ query_queue: '1' });
    expect(a!.logged).toContain('WARN serf: received old query q from time 50 (current: 601)');
  });

  test('answers to nothing, and floods of them, are dropped', async () => {
    const world = new World();
    const [a] = await world.members('a');
    const answer = { Flags: 0, From: 'x', ID: 1, LTime: 77, Payload: null };
    a!.pool.delegate.onMessage(encodeQueryResponse(answer));
    let count = 0;
    void a!.serf.query('q', utf8(''), { nodes: ['x'], onResponse: () => count++ });
    // Whoever does not know the ID is not heard.
    for (let i = 0; i < 100; i++)
      a!.pool.delegate.onMessage(encodeQueryResponse({ ...answer, From: `${i}`, LTime: 1 }));
    expect(count).toBe(0);
    expect(ANSWERS_MAX).toBeGreaterThan(10_000);
  });
});
