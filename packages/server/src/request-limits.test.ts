import { noMetrics, silentLog } from '@proconsul/base';
import { Catalog, KVS, Operator, READ_NOW, type ReadMethod, SessionMethods, Status } from '@proconsul/endpoints';
import { DirEntry, KVSRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { BURST_SECONDS, LimitedCaller, RequestLimits, type RequestLimitsOptions } from './request-limits.ts';
import { oneServer } from './testing/one-server.ts';

const who = { Datacenter: '', Token: '' };
const put = KVSRequest.make({ Op: 'set', DirEnt: DirEntry.make({ Key: 'k' }) });
const ENFORCED: RequestLimitsOptions = { mode: 'enforcing', readRate: 5, writeRate: 3 };

function world(options: RequestLimitsOptions = ENFORCED) {
  const w = oneServer();
  const lines: string[] = [];
  const counted: string[] = [];
  const limits = new RequestLimits(options, {
    clock: w.clock,
    log: { ...silentLog, debug: (line) => lines.push(line) },
    metrics: { ...noMetrics, count: (name) => counted.push(name) },
  });
  const caller = new LimitedCaller(w.server, limits);
  const read = (method: ReadMethod<never, unknown> = KVS.Get as never) => {
    let told: Error | null = null;
    const args = { ...who, Key: 'k', NodeMetaFilters: null, Filter: '', Source: null, Global: false };
    caller.read(method, args as never, READ_NOW, (error) => {
      told = error;
    });
    return told as Error | null;
  };
  const write = () =>
    caller.write(KVS.Apply, put).then(
      () => null,
      (error: Error) => error,
    );
  const passed = async (attempts: number, attempt: () => unknown) => {
    let count = 0;
    for (let i = 0; i < attempts; i++) if ((await attempt()) === null) count++;
    return count;
  };
  return { ...w, limits, caller, read, write, passed, lines, counted };
}

describe('limits of requests', () => {
  test('let ten seconds of calls through at once, and then what the rate allows', async () => {
    const w = world();
    expect(await w.passed(120, w.read)).toBe(5 * BURST_SECONDS);
    expect(await w.passed(80, w.write)).toBe(3 * BURST_SECONDS);
    w.clock.jump(2000);
    expect(await w.passed(120, w.read)).toBe(10);
    expect(await w.passed(80, w.write)).toBe(6);
    w.clock.jump(1_000_000);
    expect(await w.passed(120, w.read)).toBe(5 * BURST_SECONDS);
  });

  test('send readers to another server, and writers of a leader nowhere', async () => {
    const w = world({ ...ENFORCED, readRate: 0, writeRate: 0 });
    expect(w.read()).toMatchObject({
      message: 'rate limit exceeded, try again later or against a different server',
      status: 429,
    });
    expect(await w.write()).toMatchObject({
      message: 'rate limit exceeded for operation that can only be performed by the leader, try again later',
      status: 503,
    });
    w.consensus.leading = false;
    expect(await w.write()).toMatchObject({ status: 429 });
    const renewal = w.caller.write(SessionMethods.Renew, { ...who, SessionID: 'x' });
    await expect(renewal).rejects.toMatchObject({ status: 429 });
  });

  test('count a read once, whether it is peeked at or read', async () => {
    const w = world();
    const peek = () => {
      try {
        return w.caller.peek(KVS.Get, { ...who, Key: 'k' }) === undefined ? w.read() : null;
      } catch (error) {
        return error;
      }
    };
    expect(await w.passed(120, peek)).toBe(50);
    expect(peek()).toMatchObject({ status: 429 });
    w.consensus.leading = false;
    expect(w.caller.peek(KVS.Get, { ...who, Key: 'k' })).toBeUndefined();
  });

  test('make every reader ask', () => {
    const valid = (w: ReturnType<typeof world>) => {
      const peeked = w.caller.peek(KVS.Get, { ...who, Key: 'k' })?.valid;
      let read: boolean | undefined;
      w.caller.read(KVS.Get, { ...who, Key: 'k' }, READ_NOW, (_error, view) => {
        read = view?.valid;
      });
      return [peeked, read];
    };
    expect(valid(world())).toEqual([false, false]);
    expect(valid(world({ ...ENFORCED, mode: 'disabled' }))).toEqual([true, true]);
  });

  test('leave out what agents and operators live by', () => {
    const w = world({ ...ENFORCED, readRate: 0 });
    expect(w.read(Status.Leader as never)).toBeNull();
    expect(w.read(Operator.RaftGetConfiguration as never)).toBeNull();
    expect(w.read(Operator.Usage as never)).not.toBeNull();
    expect(w.read(Catalog.ListNodes as never)).not.toBeNull();
  });

  test('only tell of it when they are permissive', async () => {
    const w = world({ ...ENFORCED, mode: 'permissive', readRate: 1 });
    expect(await w.passed(1000, w.read)).toBe(1000);
    expect(w.counted).toHaveLength(1000 - BURST_SECONDS);
    expect(w.counted[0]).toBe('rpc.rate_limit.exceeded');
    expect(w.lines).toHaveLength(990);
    await w.passed(1000, w.read);
    expect(w.lines).toHaveLength(1000);
  });

  test('are none when they are off or negative', async () => {
    expect(await world({ ...ENFORCED, mode: 'disabled' }).passed(200, () => null)).toBe(200);
    const off = world({ ...ENFORCED, mode: 'disabled', readRate: 0, writeRate: 0 });
    expect(await off.passed(200, off.write)).toBe(200);
    const free = world({ ...ENFORCED, readRate: -1, writeRate: Number.POSITIVE_INFINITY });
    expect(await free.passed(200, free.read)).toBe(200);
    expect(await free.passed(200, free.write)).toBe(200);
  });

  test('may change while they are used', async () => {
    const w = world();
    await w.passed(60, w.read);
    w.limits.reload({ ...ENFORCED, writeRate: 1 });
    expect(w.read()).not.toBeNull();
    expect(await w.passed(60, w.write)).toBe(10);
    w.limits.reload({ ...ENFORCED, mode: 'disabled' });
    expect(w.read()).toBeNull();
  });
});
