import { setTimeout as delay } from 'node:timers/promises';
import { watch } from '@proconsul/client';
import { CommandError, type Context, command } from '../command.ts';
import { goError } from '../go-error.ts';
import { readStdin } from '../io.ts';
import { checkFilters } from './event.ts';

const SESSION_TTL_MS = 15_000;
/** Largest script, so that it fits a key's value. */
const SCRIPT_BYTES_MAX = 512 * 1024;
const EXIT_NODE_FAILED = 2;

const flags = {
  node: { kind: 'string', doc: 'Only nodes whose name matches this regular expression.' },
  prefix: { kind: 'string', default: '_rexec', doc: 'Where in the key-value store the job is kept.' },
  service: { kind: 'string', doc: 'Only nodes with a service that matches this regular expression.' },
  shell: { kind: 'bool', default: true, doc: 'Let a shell on each node read the command.' },
  tag: { kind: 'string', doc: 'Only services with a tag that matches this regular expression. Needs -service.' },
  verbose: { kind: 'bool', doc: 'Say what happens.' },
  wait: {
    kind: 'duration',
    default: 2e9,
    doc: 'How long to wait after the last sign of life before it counts as done.',
  },
  'wait-repl': {
    kind: 'duration',
    default: 200e6,
    doc: 'How long to wait for the job to reach all servers before the event is fired.',
  },
} as const;

type ExecContext = Context<typeof flags>;

export const exec = command({
  name: 'exec',
  args: '[options] [-|command...]',
  help:
    'Runs a command on many nodes at once and shows what they print. The agents there must allow it with\n' +
    '`disable_remote_exec = false`. With `-` the script is read from standard input.',
  http: { server: true },
  flags,
  async run(c) {
    if (c.args.join(' ') === '') return c.failWithHelp('Must specify a command to execute');
    if (c.args[0] === '-' && !c.flags.shell) return c.fail('Cannot configure -shell=false when reading from stdin');
    checkFilters(c.flags);
    const { agent } = c.consul;
    const { Config } = await c.attempt('Error querying Consul agent: ', () => agent.self());
    const made = await jobOf(c);
    if (made.Script === '') return c.failWithHelp('Must specify a command to execute');
    const job = JSON.stringify(made);
    const session = await createSession(c, Config);
    const off = c.io.onSignal(() => stop.abort());
    const stop = new AbortController();
    try {
      return await runJob(c, session, job, stop.signal);
    } finally {
      off();
      stop.abort();
      await cleanUp(c, session);
    }
  },
});

interface Job {
  Command?: string;
  Args?: string[];
  Script?: string;
  Wait: number;
}

async function jobOf(c: ExecContext): Promise<Job> {
  const { wait: Wait, shell } = c.flags;
  if (c.args[0] === '-') {
    const script = await readStdin(c.io);
    if (script.length > SCRIPT_BYTES_MAX) throw new CommandError('Failed to read stdin: script too large');
    return { Script: script.toString('base64'), Wait };
  }
  return shell ? { Command: c.args.join(' '), Wait } : { Args: [...c.args], Wait };
}

/** What is told of the agent that we ask. */
interface Asked {
  readonly Datacenter: string;
  readonly NodeName: string;
}

/** A session that the agents of the job can see end. It is renewed while we run. */
async function createSession(c: ExecContext, asked: Asked): Promise<string> {
  const { sessions } = c.consul;
  const request = { Behavior: 'delete' as const, TTL: `${SESSION_TTL_MS / 1000}s`, ...(await ownerOf(c, asked)) };
  const session = await c.attempt('Failed to create session: ', () => sessions.create(request));
  verbose(c, `Created remote execution session: ${session}`);
  return session;
}

/** The node that the session belongs to. In another datacenter ours is not known: there it is a server, without checks. */
async function ownerOf(c: ExecContext, { Datacenter, NodeName }: Asked) {
  // One of the common flags.
  const { datacenter } = c.flags as unknown as { readonly datacenter: string };
  if (datacenter === '' || datacenter === Datacenter) return { Name: 'Remote Exec' };
  const prefix = 'Failed to create session: Failed to find Consul server in remote datacenter: ';
  const { health } = c.consul;
  const [server] = (await c.attempt(prefix, () => health.service('consul', { passing: true }))).value;
  if (server === undefined) throw new CommandError(`${prefix}no server is passing`);
  return { Name: `Remote Exec via ${NodeName}@${Datacenter}`, Node: server.Node.Node, NodeChecks: [] };
}

const verbose = (c: ExecContext, line: string): void => {
  if (c.flags.verbose) c.print(line);
};

async function cleanUp(c: ExecContext, session: string): Promise<void> {
  const { kv, sessions } = c.consul;
  const problem = (error: unknown) => c.warn(`Failed to destroy session: ${goError(error)}`);
  await kv.deleteTree(`${c.flags.prefix}/${session}/`).catch(problem);
  await sessions.destroy(session).catch(problem);
}

async function runJob(c: ExecContext, session: string, job: string, signal: AbortSignal): Promise<number> {
  const { kv, events, sessions } = c.consul;
  const { prefix, node, service, tag } = c.flags;
  const base = `${prefix}/${session}/`;
  const stored = await c.attempt('Failed to create job file: ', () => kv.put(`${base}job`, job, { acquire: session }));
  if (!stored) throw new CommandError('Failed to create job file: failed to acquire key');
  verbose(c, 'Uploaded remote execution spec');
  await delay(c.flags['wait-repl'] / 1e6, undefined, { signal }).catch(() => {});
  const payload = JSON.stringify({ Prefix: prefix, Session: session });
  const fired = await c.attempt('Failed to fire event: ', () => events.fire('_rexec', payload, { node, service, tag }));
  verbose(c, `Fired remote execution event: ${fired.ID}`);
  const renewal = setInterval(() => void sessions.renew(session).catch(() => {}), SESSION_TTL_MS / 2);
  const startedAt = performance.now();
  try {
    const failed = await follow(c, base, signal);
    if (signal.aborted) return 1;
    verbose(c, `Completed in ${((performance.now() - startedAt) / 1000).toFixed(2)} seconds`);
    return failed ? EXIT_NODE_FAILED : 0;
  } finally {
    clearInterval(renewal);
  }
}

/** What nodes have said so far. */
class Progress {
  readonly #seen = new Set<string>();
  readonly #c: ExecContext;
  acknowledged = 0;
  completed = 0;
  failed = false;
  constructor(c: ExecContext) {
    this.#c = c;
  }

  /** Handles a key that is new; true if it was. `path` is below the job: NODE/ack, NODE/out/00000, NODE/exit. */
  handle(path: string, value: Uint8Array): boolean {
    if (path === 'job' || this.#seen.has(path)) return false;
    this.#seen.add(path);
    const [node = '', what, part] = path.split('/');
    if (what === 'ack') {
      this.acknowledged++;
      verbose(this.#c, `==> ${node}: acknowledged`);
    } else if (what === 'exit') {
      this.#finished(node, Buffer.from(value).toString());
    } else if (what === 'out' && part !== undefined) {
      for (const line of Buffer.from(value).toString().split('\n'))
        this.#c.print(`    ${node}:${line ? ` ${line}` : ''}`);
    }
    return true;
  }

  #finished(node: string, text: string): void {
    const code = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(code)) {
      this.#c.warn(`Failed to parse exit code '${text}' for '${node}'`);
      return;
    }
    this.completed++;
    if (code !== 0) this.failed = true;
    this.#c.print(`==> ${node}: finished with exit code ${code}`);
  }
}

/** Shows what nodes write under the job until nothing has come for a while; true if a node failed. */
async function follow(c: ExecContext, base: string, signal: AbortSignal): Promise<boolean> {
  const quiet = new AbortController();
  const stop = () => quiet.abort();
  signal.addEventListener('abort', stop, { once: true });
  const progress = new Progress(c);
  let timer = setTimeout(stop, quietMs(c, progress));
  const { kv } = c.consul;
  for await (const { value: pairs } of watch((block) => kv.list(base, block), { signal: quiet.signal })) {
    let news = false;
    for (const pair of inOrder(pairs)) news = progress.handle(pair.Key.slice(base.length), pair.Value) || news;
    if (!news) continue;
    clearTimeout(timer);
    timer = setTimeout(stop, quietMs(c, progress));
  }
  clearTimeout(timer);
  signal.removeEventListener('abort', stop);
  if (!signal.aborted) {
    c.print(`${progress.completed} / ${progress.acknowledged} node(s) completed / acknowledged`);
  }
  return progress.failed;
}

/** What a node printed comes before its exit code, also when both arrive at once. */
function inOrder<T extends { Key: string }>(pairs: readonly T[]): T[] {
  const isExit = (pair: T) => pair.Key.endsWith('/exit');
  return [...pairs.filter((pair) => !isExit(pair)), ...pairs.filter(isExit)];
}

/** While nodes that answered are still running, twice the wait; after that the wait itself. */
function quietMs(c: ExecContext, progress: Progress): number {
  const wait = c.flags.wait / 1e6;
  return progress.acknowledged > progress.completed ? wait * 2 : wait;
}
