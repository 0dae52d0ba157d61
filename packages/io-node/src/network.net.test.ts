import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, type Endpoint, fromUtf8, type Listener, type Network, type Stream, utf8 } from '@proconsul/base';
import { expect, test } from 'vitest';
import { nodeNetwork } from './network.ts';

const ANY: Endpoint = { host: '127.0.0.1', port: 0 };
const TIMEOUT_MS = 5_000;

/** Everything that arrives until the other side ends. */
export function collect(stream: Stream): Promise<string> {
  const chunks: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    stream.onData((bytes) => chunks.push(bytes));
    stream.onEnd(() => resolve(fromUtf8(concatBytes(chunks))));
    stream.onClose((error) => (error ? reject(error) : resolve(fromUtf8(concatBytes(chunks)))));
  });
}

export function echo(network: Network, options: Parameters<Network['listen']>[0] = ANY): Promise<Listener> {
  return network.listen(options, (stream) => {
    stream.onData((bytes) => stream.write(bytes));
    stream.onEnd(() => stream.end());
  });
}

test('bytes go both ways and each side ends on its own', async () => {
  const listener = await echo(nodeNetwork);
  expect(listener.local.port).toBeGreaterThan(0);
  const stream = await nodeNetwork.dial({ ...listener.local, timeoutMs: TIMEOUT_MS });
  expect(stream.remote).toEqual(listener.local);
  const answer = collect(stream);
  stream.write(utf8('hello '));
  stream.writeAll?.([utf8('wor'), utf8('ld')]);
  stream.end();
  expect(await answer).toBe('hello world');
  await listener.close();
});

test('a unix-domain socket gets its mode, replaces a stale one, and never replaces a file', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'proconsul-unix-'));
  const path = join(dir, 'http.sock');
  const unix = { host: '', port: 0, path, mode: 0o620, user: String(process.getuid?.() ?? ''), group: '' };
  const first = await echo(nodeNetwork, unix);
  expect((await stat(path)).mode & 0o777).toBe(0o620);
  const second = await echo(nodeNetwork, unix);
  const stream = await nodeNetwork.dial({ host: '', port: 0, path, timeoutMs: TIMEOUT_MS });
  const answer = collect(stream);
  stream.write(utf8('over a file'));
  stream.end();
  expect(await answer).toBe('over a file');
  await first.close();
  await second.close();
  const plain = join(dir, 'plain');
  await writeFile(plain, 'precious');
  await expect(echo(nodeNetwork, { ...unix, path: plain })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect((await stat(plain)).size).toBe(8);
  await rm(dir, { recursive: true });
});

test('errors carry the code of the system and the text that Go prints', async () => {
  const listener = await echo(nodeNetwork);
  const { port } = listener.local;
  await expect(echo(nodeNetwork, listener.local)).rejects.toThrow(
    `listen tcp 127.0.0.1:${port}: bind: address already in use`,
  );
  await listener.close();
  await expect(nodeNetwork.dial({ ...listener.local, timeoutMs: TIMEOUT_MS })).rejects.toMatchObject({
    name: 'NetworkError',
    code: 'ECONNREFUSED',
    message: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  });
  await expect(nodeNetwork.dial({ ...listener.local, localHost: '127.0.0.1', timeoutMs: TIMEOUT_MS })).rejects.toThrow(
    `dial tcp 127.0.0.1:0->127.0.0.1:${port}: connect: connection refused`,
  );
});

test('dialling gives up when its signal aborts', async () => {
  const listener = await echo(nodeNetwork);
  const signal = AbortSignal.abort();
  await expect(nodeNetwork.dial({ ...listener.local, timeoutMs: TIMEOUT_MS, signal })).rejects.toMatchObject({
    code: 'ECANCELED',
  });
  await listener.close();
});

test('a destroyed stream reports one close, with the error it was given, and delivers nothing more', async () => {
  const listener = await echo(nodeNetwork);
  const stream = await nodeNetwork.dial({ ...listener.local, timeoutMs: TIMEOUT_MS });
  const events: string[] = [];
  const closed = new Promise<void>((resolve) => {
    stream.onData(() => events.push('data'));
    stream.onClose((error) => {
      events.push(`closed: ${error?.message}`);
      resolve();
    });
  });
  stream.write(utf8('x'));
  stream.destroy(new Error('enough'));
  await closed;
  expect(stream.write(utf8('late'))).toBe(true);
  expect(events).toEqual(['closed: enough']);
  await listener.close();
});

test('a reader that pauses stops the writer, and nothing is lost when it goes on', async () => {
  const total = 8 * 1024 * 1024;
  let drains = 0;
  const listener = await nodeNetwork.listen(ANY, (stream) => {
    let left = total;
    const chunk = new Uint8Array(65_536);
    const pump = () => {
      while (left > 0) {
        left -= chunk.length;
        if (!stream.write(chunk)) return;
      }
      stream.end();
    };
    stream.onDrain(() => {
      drains++;
      pump();
    });
    pump();
  });
  const stream = await nodeNetwork.dial({ ...listener.local, timeoutMs: TIMEOUT_MS });
  let got = 0;
  await new Promise<void>((resolve) => {
    stream.onData((bytes) => {
      got += bytes.length;
      stream.pause();
      setImmediate(() => stream.resume());
    });
    stream.onEnd(resolve);
  });
  stream.end();
  expect(got).toBe(total);
  expect(drains).toBeGreaterThan(0);
  await listener.close();
});

test('datagrams reach the other socket with their sender, and a bad target harms nothing', async () => {
  let arrived: (text: string) => void;
  const received = new Promise<string>((resolve) => {
    arrived = resolve;
  });
  const server = await nodeNetwork.bindUdp(ANY, (bytes, from) => server.send(bytes, from));
  const client = await nodeNetwork.bindUdp(ANY, (bytes) => arrived(fromUtf8(bytes)));
  client.send(utf8('lost'), { host: '127.0.0.1', port: 70_000 });
  client.send(utf8('lost'), { host: '::1', port: 1 });
  client.send(utf8('ping'), server.local);
  expect(await received).toBe('ping');
  await expect(nodeNetwork.bindUdp(server.local, () => undefined)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await client.close();
  await server.close();
  client.send(utf8('after close'), server.local);
});
