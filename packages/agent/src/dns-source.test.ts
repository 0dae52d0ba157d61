import { ManualClock } from '@proconsul/base/testing';
import type { Caller, Consistency } from '@proconsul/endpoints';
import { Node, NodeService } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { CatalogDnsSource } from './dns-source.ts';

/** A server with a state that does not change and is so old, and what it is asked. */
function oldServer(lastContactMs: number) {
  const asked: Consistency[] = [];
  const clock = new ManualClock();
  const view = (consistency: Consistency) => {
    const name = consistency === 'stale' ? 'old' : 'new';
    const value = { Nodes: [], Node: { Node: name }, DNS: { TTL: '' }, Service: consistency };
    return { index: 1, value, valid: true, memo: new Map() };
  };
  const views = { stale: view('stale'), default: view('default'), consistent: view('consistent') };
  const caller = {
    isLeader: false,
    leads: () => caller.isLeader,
    peek: () => (caller.isLeader ? views.default : undefined),
    read(_method: unknown, _args: unknown, { consistency }: { consistency: Consistency }, done: unknown) {
      asked.push(consistency);
      const meta = { knownLeader: true, lastContactMs: consistency === 'stale' ? lastContactMs : 0 };
      (done as (error: null, view: unknown, meta: unknown) => void)(null, views[consistency], meta);
      return () => {};
    },
  };
  return { asked, caller, clock, source: new CatalogDnsSource(caller as unknown as Caller, () => '', 'me', clock) };
}

const OPTIONS = {
  datacenter: undefined,
  allowStale: true,
  maxStaleMs: 5000,
  useCache: false,
  cacheMaxAgeMs: 0,
  token: undefined,
};

test.for([
  [5000, ['stale'], 'old'],
  [5001, ['stale', 'default'], 'new'],
] as const)('a node that a server with a state of %d ms knows is asked for %j', async ([age, asked, name]) => {
  const server = oldServer(age);
  const { value } = await server.source.node('n', OPTIONS);
  expect([server.asked, value?.Node]).toEqual([asked, name]);
});

test('a prepared query that was executed on too old a state is executed by the leader', async () => {
  const server = oldServer(6000);
  const lookup = { ...OPTIONS, name: 'q', sourceAddress: '10.0.0.9' };
  const { value } = await server.source.preparedQuery(lookup as never);
  expect([server.asked, value?.service]).toEqual([['stale', 'default'], 'default']);
});

test('without allow_stale only the leader is asked', async () => {
  const server = oldServer(6000);
  await server.source.node('n', { ...OPTIONS, allowStale: false });
  expect(server.asked).toEqual(['default']);
});

test('an answer of a follower may be given again until it is too old, even if nothing changes, and again after a further look', async () => {
  const { source, clock } = oldServer(2000);
  const view = await source.node('n', OPTIONS);
  await clock.advance(3000);
  expect(view.valid).toBe(true);
  await clock.advance(1);
  expect(view.valid).toBe(false);
  expect((await source.node('n', OPTIONS)).valid).toBe(true);
});

test.for([
  [true, [true, true, false]],
  [false, [true, false, false]],
] as const)(
  'an answer of a leader holds while it leads, then only for as long as it may be old (stale allowed: %s)',
  async ([allowStale, holds]) => {
    const { source, clock, caller } = oldServer(0);
    caller.isLeader = true;
    const view = await source.node('n', { ...OPTIONS, allowStale });
    await clock.advance(4000);
    const seen = [view.valid];
    caller.isLeader = false;
    seen.push(view.valid);
    await clock.advance(1001);
    seen.push(view.valid);
    expect(seen).toEqual(holds);
  },
);

test('of the services at an address those of the first node come first, by their ids', async () => {
  const at = (node: string, id: string, name: string) => ({
    Node: Node.make({ Node: node, Datacenter: 'dc1' }),
    Service: NodeService.make({ ID: id, Service: name, Address: '10.0.0.9' }),
  });
  const value = [at('n5', 'a', 'abc'), at('N1', 'z', 'zed'), at('n1', 'b', 'bed')];
  const caller = {
    leads: () => true,
    peek: () => ({ index: 1, value, valid: true, memo: new Map() }),
  };
  const source = new CatalogDnsSource(caller as unknown as Caller, () => '', 'me', new ManualClock());
  const found = (await source.servicesByAddress('10.0.0.9', OPTIONS)).value;
  expect(found.map(({ Service }) => Service)).toEqual(['bed', 'zed', 'abc']);
});
