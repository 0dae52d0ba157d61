import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { formatDuration } from '@proconsul/base';
import { type AgentSelf, collect } from '@proconsul/client';
import { CommandError, type Context, command } from '../command.ts';
import { fileError, goError } from '../go-error.ts';
import { toGoJson } from '../go-json.ts';
import { TAR_END, tarEntry } from '../snapshot/tar.ts';

const TARGETS = ['metrics', 'logs', 'pprof', 'host', 'agent', 'members'] as const;
type Target = (typeof TARGETS)[number];

const DURATION_MIN_NS = 10e9;
const INTERVAL_MIN_NS = 5e9;
/** How much longer than asked the capture runs, so that the last interval is whole. */
const DURATION_EXTRA_NS = 2e9;
const INDEX_VERSION = 1;

const flags = {
  archive: { kind: 'bool', default: true, doc: 'Pack what was gathered into one file; otherwise leave the folder.' },
  capture: {
    kind: 'list',
    doc: 'What to gather: metrics, logs, pprof, host, agent, members. May be repeated. Default: all of it.',
  },
  duration: { kind: 'duration', default: 300e9, doc: 'How long to gather, at least 10s.' },
  interval: { kind: 'duration', default: 30e9, doc: 'How often to gather what changes, at least 5s.' },
  output: { kind: 'string', doc: 'Name of the result, without an extension.' },
  since: { kind: 'string', doc: 'How far back logs are wanted. Accepted for other tools; has no effect here.' },
} as const;

type DebugContext = Context<typeof flags>;

export const debug = command({
  name: 'debug',
  args: '[options]',
  help:
    'Gathers what helps to find a fault, over a while: metrics, logs, profiles, and what the agent knows about its\n' +
    'machine, itself and its cluster. Profiles need `enable_debug` or the permission operator:read.\n\n' +
    '    $ consul debug -interval=20s -duration=1m -capture=agent -capture=metrics',
  http: {},
  flagErrorPrefix: '==> Error parsing flags: ',
  flags,
  async run(c) {
    const output = c.flags.output || `consul-debug-${stamp(new Date())}`;
    const targets = await validate(c);
    const archive = c.flags.archive ? `${output}.tar.gz` : output;
    const stop = new AbortController();
    const off = c.io.onSignal(() => stop.abort());
    try {
      await mkdir(output, { recursive: true, mode: 0o755 });
      await gather(c, output, archive, targets, stop.signal);
      if (c.flags.archive) await pack(output, archive);
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError(`==> ${goError(error)}`);
    } finally {
      off();
    }
    c.print(`    Saved debug archive: ${archive}`);
    return 0;
  },
});

/** `2026-11-21T02-22-18Z`. */
const stamp = (date: Date): string => `${date.toISOString().slice(0, 19).replaceAll(':', '-')}Z`;

/** Checks the flags and the agent. Throws CommandError. */
async function validate(c: DebugContext): Promise<readonly Target[]> {
  const prefix = '==> Capture validation failed: ';
  const { duration, interval, capture } = c.flags;
  if (duration < DURATION_MIN_NS) throw new CommandError(`${prefix}duration must be longer than 10s`);
  if (interval < INTERVAL_MIN_NS) throw new CommandError(`${prefix}interval must be longer than 10s`);
  const unknown = capture.find((name) => !TARGETS.includes(name as Target));
  const { agent } = c.consul;
  let self: AgentSelf;
  try {
    self = await agent.self();
  } catch (error) {
    const text = `error querying target agent: ${goError(error)}. verify connectivity and agent address`;
    throw new CommandError(prefix + text);
  }
  if (unknown !== undefined) throw new CommandError(`${prefix}target not found: ${unknown}`);
  const targets = capture.length === 0 ? TARGETS : (capture as Target[]);
  // With a token the agent decides: operator:read is enough.
  const mayProfile = self.DebugConfig?.['EnableDebug'] !== false || hasToken(c);
  if (mayProfile || !targets.includes('pprof')) return targets;
  c.warn('[WARN] Unable to capture pprof. Set enable_debug to true on target agent to enable profiling.');
  return targets.filter((target) => target !== 'pprof');
}

function hasToken(c: DebugContext): boolean {
  const flags: Readonly<Record<string, unknown>> = c.flags;
  return Boolean(
    flags['token'] || flags['token-file'] || c.io.env['CONSUL_HTTP_TOKEN'] || c.io.env['CONSUL_HTTP_TOKEN_FILE'],
  );
}

async function gather(
  c: DebugContext,
  folder: string,
  archive: string,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<void> {
  const { agent } = c.consul;
  const self = await agent.self();
  const { duration, interval } = c.flags;
  c.print('==> Starting debugger and capturing static information...');
  c.print(`     Agent Version: '${self.Config.Version}'`);
  c.print(`          Interval: '${formatDuration(interval)}'`);
  c.print(`          Duration: '${formatDuration(duration)}'`);
  c.print(`            Output: '${archive}'`);
  c.print(`           Capture: '${targets.join(', ')}'`);
  const write = (name: string, value: unknown) => writeFile(join(folder, name), toGoJson(value, '\t'));
  const steps: Readonly<Record<'host' | 'agent' | 'members', () => Promise<void>>> = {
    host: async () => write('host.json', await agent.host()),
    agent: async () => write('agent.json', await agent.self()),
    members: async () => write('members.json', await agent.members({ wan: true })),
  };
  for (const name of ['host', 'agent', 'members'] as const) {
    if (targets.includes(name)) await steps[name]().catch((error) => problem(c, name, error));
  }
  await gatherOverTime(c, folder, targets, signal);
  const total = formatDuration(duration + DURATION_EXTRA_NS);
  await write('index.json', {
    Version: INDEX_VERSION,
    AgentVersion: self.Config.Version,
    Interval: formatDuration(interval),
    Duration: total,
    Targets: targets,
  });
}

const problem = (c: DebugContext, what: string, error: unknown): void =>
  c.warn(`==> Capture of ${what} failed: ${goError(error)}`);

/** Streams metrics and logs for the whole time while profiles are taken at each interval. */
async function gatherOverTime(
  c: DebugContext,
  folder: string,
  targets: readonly Target[],
  outer: AbortSignal,
): Promise<void> {
  if (!targets.some((target) => target === 'metrics' || target === 'logs' || target === 'pprof')) return;
  const totalMs = (c.flags.duration + DURATION_EXTRA_NS) / 1e6;
  const end = new AbortController();
  const stop = () => end.abort();
  outer.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(stop, totalMs);
  const { agent } = c.consul;
  const signal = end.signal;
  const jobs: Promise<void>[] = [];
  const save = (name: string, file: string, open: () => Promise<AsyncIterable<Uint8Array>>) =>
    jobs.push(saveStream(join(folder, file), open, signal).catch((error) => problem(c, name, error)));
  if (targets.includes('metrics')) save('metrics', 'metrics.json', () => agent.metricsStream({ signal }));
  if (targets.includes('logs')) save('logs', 'consul.log', () => agent.monitor({ logLevel: 'TRACE', signal }));
  const isProfiled = targets.includes('pprof');
  if (isProfiled) {
    const seconds = Math.floor(c.flags.duration / 1e9);
    jobs.push(profile(c, join(folder, 'profile.prof'), 'profile', seconds, signal));
    jobs.push(profile(c, join(folder, 'trace.out'), 'trace', seconds, signal));
  }
  jobs.push(intervals(c, isProfiled ? folder : undefined, signal));
  await Promise.all([...jobs, delay(totalMs, undefined, { signal }).catch(() => {})]);
  clearTimeout(timer);
  outer.removeEventListener('abort', stop);
}

async function saveStream(
  path: string,
  open: () => Promise<AsyncIterable<Uint8Array>>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await pipeline(await open(), createWriteStream(path));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Tells of each interval, and takes heap and goroutine profiles into a folder of its own below `folder`, if given. */
async function intervals(c: DebugContext, folder: string | undefined, signal: AbortSignal): Promise<void> {
  const intervalMs = c.flags.interval / 1e6;
  const count = Math.floor(c.flags.duration / c.flags.interval);
  for (let n = 0; n <= count && !signal.aborted; n++) {
    const at = new Date();
    if (n === 0) c.print(`==> Beginning capture interval ${goTime(at)} (${n})`);
    if (folder !== undefined) {
      const sub = join(folder, stamp(at));
      await mkdir(sub, { recursive: true });
      await profile(c, join(sub, 'heap.prof'), 'heap', 0, signal);
      await profile(c, join(sub, 'goroutine.prof'), 'goroutine', 0, signal);
    }
    c.print(`==> Capture successful ${goTime(new Date())} (${n})`);
    if (n < count) await delay(intervalMs, undefined, { signal }).catch(() => {});
  }
}

/** Saves one profile; that an agent has none of this kind is only told. */
async function profile(
  c: DebugContext,
  path: string,
  name: string,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const { agent } = c.consul;
  try {
    const response = await agent.pprof(name, seconds, { signal });
    await writeFile(path, await collect(response.body));
  } catch (error) {
    if (!signal.aborted) problem(c, `the profile ${name}`, error);
  }
}

/** `2026-11-21 02:22:18.252 +0000 UTC`. */
const goTime = (date: Date): string => `${date.toISOString().slice(0, 23).replace('T', ' ')} +0000 UTC`;

async function pack(folder: string, archive: string): Promise<void> {
  async function* entries(): AsyncGenerator<Uint8Array> {
    const root = basename(folder);
    yield tarEntry({ name: root, mtime: Date.now() / 1000 });
    yield* folderEntries(folder, root);
    yield TAR_END;
  }
  try {
    await pipeline(entries(), createGzip(), createWriteStream(archive, { mode: 0o600 }));
  } catch (error) {
    throw new CommandError(`==> failed to create archive: ${fileError(error, 'open', archive)}`);
  }
  await rm(folder, { recursive: true });
}

async function* folderEntries(folder: string, prefix: string): AsyncGenerator<Uint8Array> {
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    const info = await stat(path);
    const mtime = info.mtimeMs / 1000;
    if (info.isDirectory()) {
      yield tarEntry({ name: `${prefix}/${name}`, mtime });
      yield* folderEntries(path, `${prefix}/${name}`);
    } else {
      yield tarEntry({ name: `${prefix}/${name}`, content: await readFile(path), mtime });
    }
  }
}
