import { ManualClock, settle } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { keptLog } from '../testing/kept-log.ts';
import { parseWatch } from './definition.ts';
import { nextToken, READ_PAUSE_MS, RETRY_MS_MAX, runPlan, type WatchAnswer } from './plan.ts';

/** Runs a watch against answers that the test gives one by one. */
function start(definition: Readonly<Record<string, unknown>>) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const told: string[] = [];
  const asked: string[] = [];
  const stop = new AbortController();
  let settleRead: { done: (answer: WatchAnswer) => void; fail: (error: Error) => void } | undefined;
  let holdHandler: Promise<void> = Promise.resolve();
  const done = runPlan(
    parseWatch({ ...definition, args: ['x'] }),
    {
      clock,
      log: keptLog(lines),
      read: (_plan, token) => {
        asked.push(token);
        return new Promise((done, fail) => {
          settleRead = { done, fail };
        });
      },
      handle: async (_handler, json, index) => {
        told.push(`${index} ${json}`);
        await holdHandler;
      },
    },
    stop.signal,
  );
  return {
    clock,
    lines,
    told,
    asked,
    stop,
    done,
    hold: (until: Promise<void>) => {
      holdHandler = until;
    },
    answer: async (token: string, value: unknown) => {
      await settle();
      settleRead!.done({ token, value });
      await clock.advance(READ_PAUSE_MS);
    },
    fail: async (text: string) => {
      settleRead!.fail(new Error(text));
      await settle();
    },
  };
}

const services = { type: 'services' };

test('the handler gets the first result, and then each that differs', async () => {
  const w = start(services);
  await w.answer('5', { web: [] });
  await w.answer('6', { web: [] });
  await w.answer('6', { other: [] });
  await w.answer('7', { web: ['a'], db: [] });
  expect(w.told).toEqual(['5 {"web":[]}', '7 {"db":[],"web":["a"]}']);
  expect(w.asked).toEqual(['', '5', '6', '6', '7']);
  w.stop.abort();
});

test('an index that goes backwards starts the watch over', async () => {
  const w = start(services);
  await w.answer('50', {});
  await w.answer('3', { a: [] });
  await w.answer('3', { a: [] });
  expect(w.asked).toEqual(['', '50', '', '3']);
  expect(w.told).toEqual(['50 {}', '3 {"a":[]}']);
  w.stop.abort();
});

test('a key that does not exist is null, and one that appears is shown as an object', async () => {
  const w = start({ type: 'key', key: 'w/1' });
  await w.answer('1', null);
  const row = { LockIndex: 0, Key: 'w/1', Flags: 0, Value: 'djE=', CreateIndex: 32, ModifyIndex: 32 };
  await w.answer('32', [row]);
  await w.answer('33', null);
  expect(w.told).toEqual([
    '1 null',
    '32 {"Key":"w/1","CreateIndex":32,"ModifyIndex":32,"LockIndex":0,"Flags":0,"Value":"djE=","Session":""}',
    '33 null',
  ]);
  w.stop.abort();
});

test('events are told once each, whatever their index', async () => {
  const w = start({ type: 'event' });
  const event = (id: string) => ({ ID: id, Name: 'e', Payload: null, Version: 1, LTime: 3 });
  const shown = (id: string) =>
    `{"ID":"${id}","Name":"e","Payload":null,"NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":1,"LTime":3}`;
  await w.answer('1', []);
  await w.answer('900', [event('a')]);
  await w.answer('17', [event('a'), event('b')]);
  await w.answer('18', [event('a'), event('b')]);
  expect(w.told).toEqual(['1 []', `900 [${shown('a')}]`, `17 [${shown('b')}]`]);
  expect(w.asked).toEqual(['', '1', '900', '17', '18']);
  w.stop.abort();
});

test('failures are logged and repeated, each later than the one before; a good answer forgives them', async () => {
  const w = start(services);
  const text = 'Unexpected response code: 500 (No known Consul servers)';
  await w.fail(text);
  await w.clock.advance(4_999);
  expect(w.asked).toHaveLength(1);
  await w.clock.advance(1);
  await w.fail(text);
  await w.clock.advance(20_000);
  await w.answer('5', {});
  await w.fail('x');
  const line = (retry: string, error = text) =>
    `ERROR Watch errored ${JSON.stringify({ type: 'services', error, retry })}`;
  expect(w.lines).toEqual([line('5s'), line('20s'), line('5s', 'x')]);
  await w.clock.advance(5_000);
  for (let n = 0; n < 8; n++) {
    await w.fail('x');
    await w.clock.advance(RETRY_MS_MAX);
  }
  expect(w.lines.at(-1)).toBe(line('3m0s', 'x'));
  w.stop.abort();
});

test('after a failure the handler is not called again for what it has seen', async () => {
  const w = start(services);
  await w.answer('5', { a: [] });
  await w.fail('x');
  await w.clock.advance(5_000);
  await w.answer('5', { a: [] });
  expect(w.told).toEqual(['5 {"a":[]}']);
  expect(w.asked).toEqual(['', '5', '', '5']);
  w.stop.abort();
});

test('while a handler runs nothing is read', async () => {
  const w = start(services);
  let release = () => {};
  w.hold(new Promise((done) => (release = done)));
  await w.answer('5', {});
  await w.clock.advance(60_000);
  expect(w.asked).toEqual(['']);
  release();
  await w.clock.advance(READ_PAUSE_MS);
  expect(w.asked).toEqual(['', '5']);
  w.stop.abort();
});

test('a watch that is stopped ends, also in the middle of a pause, and tells nothing more', async () => {
  const w = start(services);
  await w.fail('x');
  w.stop.abort();
  await w.done;
  const other = start(services);
  other.stop.abort();
  await other.answer('5', {});
  await other.done;
  expect(other.told).toEqual([]);
});

test('the next index', () => {
  expect(nextToken('key', '', '0')).toBe('1');
  expect(nextToken('key', '', '7')).toBe('7');
  expect(nextToken('key', '9', '7')).toBe('');
  expect(nextToken('key', '9007199254740993', '9007199254740992')).toBe('');
  expect(nextToken('event', '9', '7')).toBe('7');
  expect(nextToken('agent_service', 'abc', 'aba')).toBe('aba');
});
