import { Agent, request } from 'node:http';
import { eventually, pause, type Reply, TestAgent } from './harness.ts';
import { type Entry, KillModel, type State } from './kill-model.ts';
import { mulberry32 } from './random.ts';

export interface KillOptions {
  readonly rounds: number;
  readonly seed: number;
  /** No further round is begun after this time. */
  readonly withinMs?: number;
  readonly log?: (line: string) => void;
}

export interface KillResult {
  readonly rounds: number;
  readonly acked: number;
  readonly killedWhileStarting: number;
  readonly wrong: readonly string[];
}

const WRITERS = 6;
const TXN_WRITERS = 3;
const KEYS_PER_WRITER = 5;
const LOAD_MS_MAX = 250;
const START_KILL_MS_MAX = 400;

/**
 * Starts a durable server, writes to it over several connections, kills it at a random moment, starts it again on the
 * same data and compares; `rounds` times. Some kills hit the server while it is still starting.
 */
export async function runKill({ rounds, seed, withinMs = 600_000, log = () => {} }: KillOptions): Promise<KillResult> {
  const random = mulberry32(seed);
  const model = new KillModel();
  const writers = makeWriters(model, random);
  const end = performance.now() + withinMs;
  const wrong: string[] = [];
  let killedWhileStarting = 0;
  let done = 0;
  const agent = new TestAgent({
    mode: 'server',
    args: ['-log-level', 'warn'],
    // Small, so that snapshots and the truncation of the log fall under the kills as well.
    config: { raft_snapshot_threshold: 256, raft_snapshot_interval: '1s', raft_trailing_logs: 64 },
  });
  try {
    await agent.start();
    while (done < rounds && wrong.length === 0 && performance.now() < end) {
      const port = agent.ports.http;
      const load = writers.map((w) => w.run(port));
      await pause(random() * LOAD_MS_MAX);
      await agent.kill();
      await Promise.all(load);
      if (random() < 0.2) {
        killedWhileStarting++;
        agent.spawn();
        await pause(random() * START_KILL_MS_MAX);
        await agent.kill();
      }
      await agent.start();
      done++;
      const listed = await readBack(agent);
      const entries = listed.status === 404 ? [] : listed.json<Entry[]>();
      const found = model.check(entries, Number(listed.headers.get('x-consul-index')));
      wrong.push(...found.map((text) => `round ${done}: ${text}`));
      if (done % 10 === 0) log(`${done} rounds, ${model.acked} acknowledged writes, ${entries.length} keys`);
    }
  } finally {
    for (const w of writers) w.close();
    await agent.stop();
  }
  return { rounds: done, acked: model.acked, killedWhileStarting, wrong };
}

/** Consistent: a server that has just begun to lead may otherwise answer from what it had when it stopped applying. */
const readBack = (agent: TestAgent): Promise<Reply> =>
  eventually(async () => {
    const reply = await agent.get('/v1/kv/kill/?recurse&consistent');
    return (reply.status === 200 || reply.status === 404) && reply;
  });

interface Writer {
  /** Writes until the connection breaks or the server does not say yes. */
  run(port: number): Promise<void>;
  close(): void;
}

function makeWriters(model: KillModel, random: () => number): Writer[] {
  const writers: Writer[] = [];
  for (let w = 0; w < WRITERS; w++) {
    const key = (n: number) => `kill/w${w}/${n % KEYS_PER_WRITER}`;
    writers.push(writer((port, send, n) => writeKey(model, random, { port, send, key: key(n), n })));
  }
  for (let w = 0; w < TXN_WRITERS; w++) {
    const keys = [0, 1, 2].map((k) => `kill/t${w}/${k}`);
    model.group(keys);
    writers.push(writer((port, send, n) => writeAll(model, { port, send, keys, n })));
  }
  return writers;
}

type Send = (port: number, method: string, path: string, body: string) => Promise<{ status: number; text: string }>;
/** One write; false when it was not answered with yes. */
type Write = (port: number, send: Send, n: number) => Promise<boolean>;

function writer(write: Write): Writer {
  const connection = new Agent({ keepAlive: true, maxSockets: 1 });
  const send: Send = (port, method, path, body) =>
    new Promise((resolve, reject) => {
      const req = request({ agent: connection, host: '127.0.0.1', port, method, path }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        res.on('error', reject);
        res.on('close', () =>
          res.complete ? resolve({ status: res.statusCode ?? 0, text }) : reject(new Error('cut')),
        );
      });
      req.on('error', reject);
      req.end(body);
    });
  let n = 0;
  return {
    async run(port) {
      try {
        while (await write(port, send, n++));
      } catch {
        // The kill: what was on its way stays pending in the model.
      }
    },
    close: () => connection.destroy(),
  };
}

interface KeyWrite {
  readonly port: number;
  readonly send: Send;
  readonly key: string;
  readonly n: number;
}

/** Sets, deletes, or sets by compare-and-set with the index that is known. */
async function writeKey(model: KillModel, random: () => number, { port, send, key, n }: KeyWrite): Promise<boolean> {
  const kind = random();
  if (kind < 0.15) {
    model.begin([key], null);
    const { status } = await send(port, 'DELETE', `/v1/kv/${key}`, '');
    if (status !== 200) return false;
    model.ack([key]);
    return true;
  }
  const state: State = String(n);
  const { modifyIndex } = model.acknowledged(key);
  const cas = kind < 0.4 && modifyIndex > 0;
  if (cas) return await compareAndSet(model, { port, send, key, n });
  model.begin([key], state);
  const { status, text } = await send(port, 'PUT', `/v1/kv/${key}`, state);
  if (status !== 200 || text.trim() !== 'true') return false;
  model.ack([key]);
  return true;
}

/** Reads the index first, since a plain write does not tell it. Only this connection writes the key, so it must match. */
async function compareAndSet(model: KillModel, { port, send, key, n }: KeyWrite): Promise<boolean> {
  const read = await send(port, 'GET', `/v1/kv/${key}`, '');
  if (read.status !== 200 && read.status !== 404) return false;
  const index = read.status === 404 ? 0 : (JSON.parse(read.text) as Entry[])[0]?.ModifyIndex;
  model.begin([key], String(n));
  const { status, text } = await send(port, 'PUT', `/v1/kv/${key}?cas=${index}`, String(n));
  if (status !== 200) return false;
  if (text.trim() !== 'true') throw new Error('compare-and-set of a key of our own was refused');
  model.ack([key]);
  return true;
}

interface GroupWrite {
  readonly port: number;
  readonly send: Send;
  readonly keys: readonly string[];
  readonly n: number;
}

async function writeAll(model: KillModel, { port, send, keys, n }: GroupWrite): Promise<boolean> {
  const remove = n % 7 === 6;
  const Value = Buffer.from(String(n)).toString('base64');
  const operations = keys.map((Key) => ({ KV: remove ? { Verb: 'delete', Key } : { Verb: 'set', Key, Value } }));
  model.begin(keys, remove ? null : String(n));
  const { status, text } = await send(port, 'PUT', '/v1/txn', JSON.stringify(operations));
  if (status !== 200) return false;
  const results = JSON.parse(text).Results as { KV: Entry }[] | null;
  model.ack(keys, remove ? 0 : (results?.[0]?.KV.ModifyIndex ?? 0));
  return true;
}
