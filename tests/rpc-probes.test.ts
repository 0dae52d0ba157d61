import { createConnection } from 'node:net';
import { silentLog, unhex, utf8 } from '@proconsul/base';
import { KVS } from '@proconsul/endpoints';
import { nodeNetwork, systemClock } from '@proconsul/io-node';
import { decodeAny, Reader } from '@proconsul/msgpack';
import { FirstByte, RpcListener, serveCalls } from '@proconsul/rpc';
import { DirEntry, KVSRequest } from '@proconsul/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import probes from '../packages/endpoints/src/testdata/rpc-probes.json' with { type: 'json' };
import { oneServer } from '../packages/server/src/testing/one-server.ts';

// What a server of the reference answered to requests made by hand, asked of ours over a real connection.

let port = 0;
let listener: RpcListener;
/** The server's time goes by quickly. */
let ticking: ReturnType<typeof setInterval>;

beforeAll(async () => {
  const w = oneServer();
  ticking = setInterval(() => w.clock.jump(100), 5);
  listener = new RpcListener(
    {},
    {
      ...{ network: nodeNetwork, clock: systemClock, log: silentLog },
      handlers: { call: serveCalls(w.server), raft: (s) => s.destroy(), snapshot: (s) => s.destroy() },
    },
  );
  const listening = await listener.listen({ host: '127.0.0.1', port: 0 });
  port = listening.local.port;
  const DirEnt = DirEntry.make({ Key: 'foo', Value: utf8('bar'), Flags: 42 });
  await w.server.write(KVS.Apply, KVSRequest.make({ Op: 'set', DirEnt }));
});

afterAll(async () => {
  clearInterval(ticking);
  await listener.close();
});

/** Header and body of the answer. */
function ask(request: Uint8Array): Promise<[Record<string, unknown>, unknown]> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    let got = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an answer')));
    socket.on('data', (bytes) => {
      got = Buffer.concat([got, bytes]);
      try {
        const reader = new Reader(got);
        const header = decodeAny(reader) as Record<string, unknown>;
        const body = decodeAny(reader, { rawAs: 'bytes' });
        resolve([header, body instanceof Uint8Array ? inside(body) : decodeAny(new Reader(got, headerSize(got)))]);
        socket.destroy();
      } catch {
        // Not all of it is here yet.
      }
    });
    socket.write(Uint8Array.of(FirstByte.single));
    socket.write(request);
  });
}

function headerSize(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  reader.skip();
  return reader.offset;
}

/** A text, or values one behind the other. */
function inside(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  if (/^[ -~]*$/.test(text)) return text;
  const reader = new Reader(bytes);
  const values: unknown[] = [];
  while (reader.remaining > 0) values.push(decodeAny(reader));
  return values;
}

/** Indexes are those of another log, and the address that of another server. */
function settled(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/^127\.0\.0\.1:\d+$/, 'address');
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, /Index$/.test(key) ? 'index' : settled(inner)]),
  );
}

/** Answered by others than the state, or only with access control. */
const ELSEWHERE = new Set(['Internal.EventFire without token', 'KVS.Get unknown token']);

describe('a request made by hand', () => {
  test.for(probes.vectors.filter((v) => !ELSEWHERE.has(v.name)))('$name', async ({ request, response }) => {
    const recorded = unhex(response);
    const body = decodeAny(new Reader(recorded, headerSize(recorded)), { rawAs: 'bytes' });
    const want = [
      decodeAny(new Reader(recorded)),
      body instanceof Uint8Array ? inside(body) : decodeAny(new Reader(recorded, headerSize(recorded))),
    ];
    expect(settled(await ask(unhex(request)))).toEqual(settled(want));
  });
});
