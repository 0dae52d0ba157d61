import { concatBytes, fromUtf8, type Stream, unhex, utf8 } from '@proconsul/base';
import { SnapshotRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { streamPair } from '../testing/stream-pair.ts';
import { askForArchive, giveArchive, type SnapshotHandlers, serveSnapshot } from './snapshot-stream.ts';

/** Recorded: what a client agent of version 1.21.0 asks, after the first byte. */
const RECORDED_SAVE =
  '84aa416c6c6f775374616c65c2aa4461746163656e746572a3646331a24f7000a5546f6b656eda002431313131313131312d323232322d333333332d343434342d353535353535353535353535';

const request = SnapshotRequest.make({ Datacenter: 'dc1', Token: 'secret' });

async function* chunksOf(text: string, size: number): AsyncIterable<Uint8Array> {
  const bytes = utf8(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return fromUtf8(concatBytes(all));
}

function serve(handlers: Partial<SnapshotHandlers>): { client: Stream; over: Promise<void> } {
  const [client, server] = streamPair();
  const no = async () => {
    throw new Error('not here');
  };
  return { client, over: serveSnapshot(server, { save: no, restore: no, ...handlers }) };
}

describe('a snapshot connection', () => {
  test('brings an archive of any length, and the index of its state', async () => {
    const archive = 'archive '.repeat(2000);
    const asked: SnapshotRequest[] = [];
    const { client } = serve({
      save: async (r) => {
        asked.push(r);
        return { index: 104, chunks: chunksOf(archive, 1000) };
      },
    });
    const saved = await askForArchive(async () => client, { ...request, AllowStale: true });
    expect(saved.index).toBe(104);
    expect(await textOf(saved.chunks)).toBe(archive);
    expect(asked).toEqual([{ ...request, AllowStale: true, Op: 0 }]);
  });

  test('that ends without an answer is made again, and a third time at the most', async () => {
    const brokenOff = () => {
      const [client, server] = streamPair();
      server.onData(() => server.destroy());
      return client;
    };
    const { client } = serve({ save: async () => ({ index: 7, chunks: chunksOf('archive', 3) }) });
    const ways = [brokenOff(), brokenOff(), client];
    const saved = await askForArchive(async () => ways.shift() as Stream, request);
    expect(await textOf(saved.chunks)).toBe('archive');
    let dialled = 0;
    const never = async () => {
      dialled++;
      return brokenOff();
    };
    await expect(askForArchive(never, request)).rejects.toThrow('failed to decode response: EOF');
    expect(dialled).toBe(3);
  });

  test('takes an archive', async () => {
    const archive = 'x'.repeat(5000);
    let got = '';
    const { client, over } = serve({
      restore: async (_r, chunks) => {
        got = await textOf(chunks);
      },
    });
    await giveArchive(client, request, chunksOf(archive, 900));
    await over;
    expect(got).toBe(archive);
  });

  test.for([
    ['save', (c: Stream) => askForArchive(async () => c, request), 'No cluster leader'],
    ['restore', (c: Stream) => giveArchive(c, request, chunksOf('abc', 1)), 'failed to restore'],
    ['restore', (c: Stream) => giveArchive(c, { ...request, AllowStale: true }, chunksOf('a', 1)), 'stale not allowed'],
  ] as const)('%#: what goes wrong in a %s is told to who asked', async ([, ask, text]) => {
    const { client } = serve({
      save: async () => {
        throw new Error('No cluster leader');
      },
      restore: async () => {
        throw new Error('failed to restore');
      },
    });
    await expect(ask(client)).rejects.toThrow(text);
  });

  test('understands what a real agent asks', async () => {
    const asked: SnapshotRequest[] = [];
    const { client } = serve({
      save: async (r) => {
        asked.push(r);
        return { index: 1, chunks: chunksOf('', 1) };
      },
    });
    client.write(unhex(RECORDED_SAVE));
    await expect.poll(() => asked).toEqual([{ ...request, Token: '11111111-2222-3333-4444-555555555555' }]);
  });

  test('that breaks while the archive comes is an error, not a short archive', async () => {
    const [client, server] = streamPair();
    let fall = () => {};
    const falls = new Promise<void>((resolve) => {
      fall = resolve;
    });
    async function* broken(): AsyncIterable<Uint8Array> {
      yield utf8('half');
      await falls;
      server.destroy(new Error('broken pipe'));
      await falls;
      yield utf8('rest');
    }
    void serveSnapshot(server, { save: async () => ({ index: 7, chunks: broken() }), restore: async () => {} });
    const saved = await askForArchive(async () => client, request);
    fall();
    await expect(textOf(saved.chunks)).rejects.toThrow('broken pipe');
  });

  test.for([['c1'], ['85ff']])('with rubbish (%s) is closed', async ([bytes]) => {
    const { client, over } = serve({});
    const closed = new Promise<void>((resolve) => client.onClose(() => resolve()));
    client.write(unhex(bytes as string));
    client.end();
    await over;
    await closed;
  });
});
