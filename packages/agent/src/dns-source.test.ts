import type { Caller, Consistency } from '@proconsul/endpoints';
import { expect, test } from 'vitest';
import { CatalogDnsSource } from './dns-source.ts';

/** A server whose state is so old, and what it is asked. */
function oldServer(lastContactMs: number) {
  const asked: Consistency[] = [];
  const caller = {
    leads: () => false,
    peek: () => undefined,
    read(_method: unknown, _args: unknown, { consistency }: { consistency: Consistency }, done: unknown) {
      asked.push(consistency);
      const isStale = consistency === 'stale';
      const value = { Nodes: [], Node: { Node: isStale ? 'old' : 'new' }, DNS: { TTL: '' }, Service: consistency };
      const view = { index: 1, value, valid: false, memo: new Map() };
      const meta = { knownLeader: true, lastContactMs: isStale ? lastContactMs : 0 };
      (done as (error: null, view: unknown, meta: unknown) => void)(null, view, meta);
      return () => {};
    },
  };
  return { asked, source: new CatalogDnsSource(caller as unknown as Caller, () => '', 'me') };
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
