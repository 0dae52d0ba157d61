import { type Clock, type Stream, seededRng, silentLog, type Timer } from '@proconsul/base';
import { describe, expect, test } from 'vitest';
import type { Server } from '../configuration.ts';
import type { AppendEntriesRequest, InstallSnapshotRequest, RaftRequest, RaftResponse } from '../core/messages.ts';
import type { RequestHandler } from '../node/transport.ts';
import { streamPair, turns } from '../testing/stream-pair.ts';
import { NetworkTransport } from './network-transport.ts';
import { LANE_IDLE_MS, LANE_IN_FLIGHT_MAX, SERVED_IN_ORDER_MAX } from './protocol.ts';
import { encodeRequest } from './request-codec.ts';

class TestClock implements Clock {
  time = 0;
  readonly #timers = new Set<{ at: number; fn(): void }>();
  now = (): number => this.time;
  wallMs = (): number => this.time;
  after(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.time + delayMs, fn };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }
  async advance(ms: number): Promise<void> {
    await turns();
    this.time += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.time || !this.#timers.delete(timer)) continue;
      timer.fn();
      await turns();
    }
    await turns();
  }
  get timers(): number {
    return this.#timers.size;
  }
}

const B: Server = { id: 'b', address: 'b:8300', suffrage: 'voter' };

function setup(options: { readonly cut?: (bytes: Uint8Array) => Uint8Array[] } = {}) {
  const clock = new TestClock();
  const dials: Stream[] = [];
  const errors: string[] = [];
  const log = {
    ...silentLog,
    error: (message: string, fields?: object) => errors.push(`${message}: ${JSON.stringify(fields)}`),
  };
  const refuse = (): Promise<Stream> => Promise.reject(new Error('connection refused'));
  const served = new NetworkTransport({ id: 'b', address: 'b:8300' }, { clock, log, dial: refuse });
  let isDown = false;
  const transport = new NetworkTransport(
    { id: 'a', address: 'a:8300' },
    {
      clock,
      log,
      dial: async () => {
        if (isDown) return refuse();
        const { dialled, accepted } = streamPair(options.cut);
        dials.push(accepted);
        served.serve(accepted);
        return dialled;
      },
    },
  );
  const seen: RaftRequest[] = [];
  const answers: ((response: RaftResponse) => void)[] = [];
  const sentAfter: (number | undefined)[] = [];
  const hold: RequestHandler = (received, respond) => {
    const { sentAfter: moment, ...request } = received as AppendEntriesRequest;
    sentAfter.push(moment);
    seen.push(request);
    answers.push(respond);
  };
  served.onRequest(hold);
  return {
    clock,
    dials,
    errors,
    served,
    transport,
    seen,
    sentAfter,
    answers,
    setDown: (down: boolean) => (isDown = down),
  };
}

const append = (prevLogIndex: number, entries: AppendEntriesRequest['entries'] = []): AppendEntriesRequest => ({
  kind: 'append-entries',
  from: 'a',
  address: 'a:8300',
  term: 3,
  prevLogIndex,
  prevLogTerm: prevLogIndex === 0 ? 0 : 2,
  entries,
  leaderCommit: 0,
});
const yes = (lastLog: number): RaftResponse => ({
  kind: 'append-entries',
  term: 3,
  lastLog,
  success: true,
  noRetryBackoff: false,
});

describe('NetworkTransport', () => {
  test('several appends are under way at once, and answers find their requests by order', async () => {
    const { transport, seen, answers, dials } = setup();
    const sent = [transport.send(B, append(5)), transport.send(B, append(6)), transport.send(B, append(7))];
    await turns();
    expect(seen).toEqual([append(5), append(6), append(7)]);
    expect(dials).toHaveLength(1);
    answers[2]!(yes(7));
    answers[0]!(yes(5));
    answers[1]!(yes(6));
    expect(await Promise.all(sent)).toEqual([yes(5), yes(6), yes(7)]);
  });

  test('a heartbeat has its own connection, and does not wait for an append that is stuck', async () => {
    const { transport, answers, seen, dials } = setup();
    const stuck = transport.send(B, append(5));
    const heartbeat = transport.send(B, append(0, null));
    await turns();
    expect(dials).toHaveLength(2);
    expect(seen[1]).toEqual(append(0, null));
    answers[1]!(yes(9));
    expect(await heartbeat).toEqual(yes(9));
    answers[0]!(yes(5));
    await stuck;
  });

  test('an append was sent after the answer to the last but one, however long it was on its way', async () => {
    const { clock, transport, answers, sentAfter, dials } = setup();
    const send = async (request: AppendEntriesRequest) => {
      void transport.send(B, request);
      await turns();
    };
    const answer = async (at: number) => {
      clock.time = at;
      answers.at(-1)?.(yes(5));
      await turns();
    };
    await send(append(5));
    await answer(100);
    await send(append(0, null));
    await answer(150);
    await send(append(5));
    await answer(200);
    await send(append(5));
    clock.time = 900;
    await send(append(5));
    await answer(1000);
    await send({ ...append(5), term: 4 });
    const never = Number.NEGATIVE_INFINITY;
    expect(sentAfter).toEqual([never, undefined, never, 100, 200, never]);
    expect(dials).toHaveLength(2);
  });

  test('messages survive being cut into single bytes', async () => {
    const { transport, answers, seen } = setup({ cut: (bytes) => Array.from(bytes, (b) => Uint8Array.of(b)) });
    const entries = [
      { index: 6, term: 3, type: 0, data: new Uint8Array(700).fill(7), appendedAtMs: 1_700_000_000_123 },
    ];
    const sent = transport.send(B, append(5, entries));
    await turns(2000);
    expect(seen).toEqual([append(5, entries)]);
    answers[0]!(yes(5));
    await turns(500);
    expect(await sent).toEqual(yes(5));
  });

  test('a refused connection rejects, and the next request tries again', async () => {
    const { transport, setDown, answers } = setup();
    setDown(true);
    await expect(transport.send(B, append(5))).rejects.toMatchObject({ code: 'RAFT_CONNECTION' });
    setDown(false);
    const sent = transport.send(B, append(5));
    await turns();
    answers[0]!(yes(5));
    expect(await sent).toEqual(yes(5));
  });

  test('a connection that breaks rejects everything under way on it', async () => {
    const { transport, dials } = setup();
    const sent = [transport.send(B, append(5)), transport.send(B, append(6))].map((p) => p.catch((e) => e.code));
    await turns();
    dials[0]!.destroy();
    expect(await Promise.all(sent)).toEqual(['RAFT_CONNECTION', 'RAFT_CONNECTION']);
  });

  test('without an answer in time the connection is given up', async () => {
    const { transport, clock, dials } = setup();
    const heartbeat = transport.send(B, append(0, null)).catch((e) => e.code);
    const entries = transport.send(B, append(5)).catch((e) => e.code);
    await clock.advance(2000);
    expect(await heartbeat).toBe('RAFT_TIMEOUT');
    await clock.advance(8000);
    expect(await entries).toBe('RAFT_TIMEOUT');
    void transport.send(B, append(5)).catch(() => undefined);
    await turns();
    expect(dials).toHaveLength(3);
  });

  test('an idle connection is closed after a while, and leaves no timer', async () => {
    const { transport, clock, answers } = setup();
    const sent = transport.send(B, append(5));
    await turns();
    answers[0]!(yes(5));
    await sent;
    await clock.advance(LANE_IDLE_MS);
    expect(clock.timers).toBe(0);
  });

  test('what is under way to one server is bounded', async () => {
    const { transport } = setup();
    for (let i = 0; i < LANE_IN_FLIGHT_MAX; i++) void transport.send(B, append(5)).catch(() => undefined);
    await expect(transport.send(B, append(5))).rejects.toMatchObject({ code: 'RAFT_BUSY' });
  });

  test('a sender that does not wait for answers is held up', async () => {
    const { served, seen, answers } = setup();
    const { dialled, accepted } = streamPair();
    served.serve(accepted);
    const wire = encodeRequest(append(5));
    for (let i = 0; i < SERVED_IN_ORDER_MAX + 10; i++) dialled.write(wire);
    await turns(1000);
    expect(seen).toHaveLength(SERVED_IN_ORDER_MAX);
    expect(accepted.isPaused).toBe(true);
    answers[0]!(yes(5));
    await turns(1000);
    expect(seen).toHaveLength(SERVED_IN_ORDER_MAX + 1);
  });

  test('bytes that are no request end the connection, with the reason in the log', async () => {
    const { served, errors } = setup();
    for (const bytes of [[9], [0, 0xc1], [0, 0x81, 0xa4, 0x54, 0x65, 0x72, 0x6d, 0xa1, 0x41], [3, 0x91, 1]]) {
      const { dialled, accepted } = streamPair();
      served.serve(accepted);
      dialled.write(Uint8Array.from(bytes));
      await turns();
      expect(accepted.isClosed).toBe(true);
    }
    expect(errors).toHaveLength(4);
    expect(errors[0]).toContain('unknown rpc type 9');
    expect(errors[0]).toContain('10.0.0.1:1');
  });

  test('a request that never becomes whole does not hold the connection for ever', async () => {
    const { served, clock } = setup();
    const { dialled, accepted } = streamPair();
    served.serve(accepted);
    dialled.write(encodeRequest(append(5)).subarray(0, 20));
    await clock.advance(59_000);
    expect(accepted.isClosed).toBe(false);
    await clock.advance(1000);
    expect(accepted.isClosed).toBe(true);
  });

  test('an older protocol is answered with an error', async () => {
    const { served, transport } = setup();
    const { dialled, accepted } = streamPair((bytes) => {
      // The version is the value behind its key: 3 becomes 1.
      const at = Buffer.from(bytes).indexOf('ProtocolVersion');
      if (at >= 0 && bytes[0] === 3) bytes[at + 15] = 1;
      return [bytes];
    });
    served.serve(accepted);
    const old = new NetworkTransport(
      { id: 'a', address: 'a:1' },
      { clock: new TestClock(), log: silentLog, dial: async () => dialled },
    );
    const answer = old.send(B, { kind: 'timeout-now', from: 'a', address: 'a:1' });
    await expect(answer).rejects.toMatchObject({
      code: 'RAFT_REMOTE',
      message: 'operation not supported with current protocol version',
    });
    transport.close();
  });

  test('without anybody to answer, connections are closed', async () => {
    const { served, transport } = setup();
    served.onRequest(undefined);
    await expect(transport.send(B, append(5))).rejects.toMatchObject({ code: 'RAFT_CONNECTION' });
  });

  test('closing rejects what is under way, and everything later', async () => {
    const { transport } = setup();
    const sent = transport.send(B, append(5)).catch((e) => e.code);
    await turns();
    transport.close();
    expect(await sent).toBe('RAFT_CLOSED');
    await expect(transport.send(B, append(5))).rejects.toMatchObject({ code: 'RAFT_CLOSED' });
  });
});

const install = (sizeBytes: number): InstallSnapshotRequest => ({
  kind: 'install-snapshot',
  from: 'a',
  address: 'a:8300',
  term: 3,
  lastLogIndex: 100,
  lastLogTerm: 3,
  configuration: { servers: [B] },
  configurationIndex: 1,
  sizeBytes,
});
const installed: RaftResponse = { kind: 'install-snapshot', term: 3, success: true };

async function* pieces(...sizes: number[]): AsyncIterable<Uint8Array> {
  for (const size of sizes) yield seededRng(size).bytes(size);
}

describe('snapshots', () => {
  test('the state arrives whole and in order, and is answered afterwards', async () => {
    const { transport, served } = setup();
    const got: Uint8Array[] = [];
    served.onRequest(async (_request, respond, state) => {
      for await (const piece of state!) got.push(piece);
      respond(installed);
    });
    const answer = await transport.send(B, install(3_000_010), pieces(10, 2_000_000, 1_000_000));
    expect(answer).toEqual(installed);
    const want = Buffer.concat([
      seededRng(10).bytes(10),
      seededRng(2_000_000).bytes(2_000_000),
      seededRng(1_000_000).bytes(1_000_000),
    ]);
    expect(Buffer.concat(got).equals(want)).toBe(true);
  });

  test('a refusal before the state was read lets the rest run out', async () => {
    const { transport, served } = setup();
    served.onRequest((_request, respond) => respond({ ...installed, success: false }));
    const answer = await transport.send(B, install(2_000_000), pieces(2_000_000));
    expect(answer).toEqual({ ...installed, success: false });
  });

  test('state that ends early is not taken for whole by anybody', async () => {
    const { transport, served } = setup();
    let failure: unknown;
    served.onRequest(async (_request, _respond, state) => {
      try {
        for await (const piece of state!) void piece;
      } catch (error) {
        failure = error;
      }
    });
    await expect(transport.send(B, install(100), pieces(60))).rejects.toMatchObject({
      message: 'the snapshot is shorter than its size',
    });
    await turns();
    expect(String(failure)).toContain('the connection ended inside a snapshot');
  });

  test('a slow disk holds the sender up', async () => {
    const { served } = setup();
    let take: (() => void) | undefined;
    let read = 0;
    served.onRequest(async (_request, respond, state) => {
      for await (const piece of state!) {
        read += piece.length;
        await new Promise<void>((resolve) => (take = resolve));
      }
      respond(installed);
    });
    const { dialled, accepted } = streamPair();
    served.serve(accepted);
    dialled.write(encodeRequest(install(5_000_000)));
    for (let i = 0; i < 50; i++) dialled.write(new Uint8Array(100_000));
    await turns(1000);
    expect(accepted.isPaused).toBe(true);
    expect(read).toBe(100_000);
    for (let i = 0; i < 50; i++) {
      take?.();
      await turns(50);
    }
    expect(read).toBe(5_000_000);
  });

  test('the time allowed grows with the size', async () => {
    const { transport, clock } = setup();
    const size = 1024 * 1024;
    const answer = transport.send(B, install(size), pieces(size)).catch((e) => e.message);
    await clock.advance(39_000);
    const state = await Promise.race([answer, turns().then(() => 'waiting')]);
    expect(state).toBe('waiting');
    await clock.advance(1_000);
    expect(await answer).toBe('i/o timeout');
  });
});
