import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, type Consul, type HeldLock, LockError } from '@proconsul/client';
import { CommandError, type Context, command } from '../command.ts';
import { goError } from '../go-error.ts';
import { Child, endText } from './child.ts';

/** How long a child has after SIGTERM before SIGKILL when its lock is lost. */
const KILL_GRACE_MS = 5_000;
const EXIT_CHILD_FAILED = 2;

const flags = {
  'child-exit-code': { kind: 'bool', doc: 'Exit with 2 when the child fails; otherwise its failure is only reported.' },
  'monitor-retry': {
    kind: 'int',
    default: 3,
    doc: 'How many times to ask again about a lock that is held when the server has trouble, 2 seconds apart.',
  },
  n: { kind: 'int', default: 1, doc: 'How many may hold the lock at once; more than one makes a semaphore.' },
  name: { kind: 'string', doc: 'Name of the session.' },
  'pass-stdin': { kind: 'bool', doc: 'Give our standard input to the child.' },
  shell: { kind: 'bool', default: true, doc: 'Let a shell read the command ($SHELL, or /bin/sh).' },
  timeout: { kind: 'duration', doc: 'Longest wait for the lock; 0 waits for ever.' },
  try: { kind: 'duration', doc: 'Old name of -timeout.' },
  verbose: { kind: 'bool', doc: 'Say what happens.' },
} as const;

type LockContext = Context<typeof flags>;

export const lock = command({
  name: 'lock',
  args: '[options] prefix child...',
  help:
    'Waits for a lock under a prefix of the key-value store, runs a command while it is held, and releases it. When the\n' +
    'lock is lost the command gets SIGTERM, and SIGKILL if that does not end it.\n\n' +
    'The lock key `PREFIX/.lock` is removed when nobody uses it any more.',
  http: { server: true },
  flags,
  async run(c) {
    const problem = usageProblem(c);
    if (problem) return c.fail(problem);
    const prefix = c.args[0]!.replace(/^\//, '');
    const { agent } = c.consul;
    await c.attempt('Error querying Consul agent: ', () => agent.self());
    return lockAndRun(c, prefix, c.args.slice(1));
  },
});

function usageProblem(c: LockContext): string | undefined {
  const { flags, args } = c;
  if (flags.n <= 0) return 'Lock holder limit must be positive';
  if (args.length < 2) return 'Key prefix and child command must be specified';
  if (flags.timeout < 0 || flags.try < 0) return 'Timeout must be positive';
  if (flags['monitor-retry'] < 0) return "Number for 'monitor-retry' must be >= 0";
  return undefined;
}

async function lockAndRun(c: LockContext, prefix: string, words: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const off = c.io.onSignal(() => stop.abort());
  try {
    const lockable = prepare(c, prefix, words);
    verbose(c, 'Attempting lock acquisition');
    const held = await acquire(c, lockable, stop.signal);
    if (!held) return await notAcquired(c, lockable, stop.signal.aborted);
    let code = 0;
    try {
      verbose(c, 'Starting handler');
      const child = await startChild(c, words);
      if (child) code = await supervise(c, child, held, stop.signal);
    } finally {
      await release(c, held, lockable);
    }
    return c.flags['child-exit-code'] ? code : 0;
  } finally {
    off();
  }
}

/** A signal while waiting is no error; a timeout is. */
async function notAcquired(c: LockContext, lockable: Lockable, interrupted: boolean): Promise<number> {
  if (!interrupted) return c.fail('Shutdown triggered or timeout during lock acquisition');
  c.warn('Shutdown triggered during lock acquisition');
  await cleanUp(c, lockable);
  return 0;
}

const verbose = (c: LockContext, line: string): void => {
  if (c.flags.verbose) c.print(line);
};

type Lockable = ReturnType<Consul['lock']> | ReturnType<Consul['semaphore']>;

function prepare(c: LockContext, prefix: string, words: readonly string[]): Lockable {
  const { n, name } = c.flags;
  const session = { Name: name || `Consul lock for '${words.join(' ')}' at '${prefix}'` };
  const options = { session, monitorRetries: c.flags['monitor-retry'] };
  if (n === 1) {
    const key = `${prefix.replace(/\/$/, '')}/.lock`;
    verbose(c, `Setting up lock at path: ${key}`);
    return c.consul.lock(key, options);
  }
  verbose(c, `Setting up semaphore (limit ${n}) at prefix: ${prefix}`);
  return c.consul.semaphore(prefix, n, options);
}

async function acquire(c: LockContext, lockable: Lockable, signal: AbortSignal): Promise<HeldLock | undefined> {
  const timeoutMs = (c.flags.timeout || c.flags.try) / 1e6;
  try {
    return await lockable.acquire({ signal, timeoutMs });
  } catch (error) {
    throw new CommandError(`Lock acquisition failed: ${acquireError(error)}`);
  }
}

function acquireError(error: unknown): string {
  if (error instanceof LockError) return error.message;
  return `${error instanceof ApiError ? 'failed to acquire lock: ' : ''}${goError(error)}`;
}

async function startChild(c: LockContext, words: readonly string[]): Promise<Child | undefined> {
  const { shell } = c.flags;
  const stdin = c.flags['pass-stdin'] ? 'inherit' : new Uint8Array(0);
  try {
    return await Child.start(words, { shell, io: c.io, env: { CONSUL_LOCK_HELD: 'true' }, stdin });
  } catch (error) {
    c.warn(`Error starting handler: ${goError(error)}`);
    return undefined;
  }
}

/** Waits for the child, or ends it when the lock is lost or we are told to stop. Gives the exit code that this means. */
async function supervise(c: LockContext, child: Child, held: HeldLock, stop: AbortSignal): Promise<number> {
  const reason = await Promise.race([
    child.ended.then(() => undefined),
    aborted(held.lost).then(() => 'Lock lost, killing child'),
    aborted(stop).then(() => 'Shutdown triggered, killing child'),
  ]);
  if (reason !== undefined) {
    verbose(c, reason);
    await killChild(c, child);
  }
  const text = endText(await child.ended);
  if (text !== undefined) c.warn(`Error running handler: ${text}`);
  if (reason === undefined) verbose(c, 'Child terminated, releasing lock');
  return text === undefined ? 0 : EXIT_CHILD_FAILED;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function killChild(c: LockContext, child: Child): Promise<void> {
  verbose(c, `Terminating child pid ${child.pid}`);
  child.kill('SIGTERM');
  const done = new AbortController();
  const grace = delay(KILL_GRACE_MS, 'late' as const, { signal: done.signal }).catch(() => undefined);
  const first = await Promise.race([child.ended, grace]);
  done.abort();
  if (first !== 'late') return verbose(c, 'Child terminated');
  verbose(c, `Child did not exit after grace period of ${KILL_GRACE_MS / 1000}s`);
  verbose(c, `Killing child pid ${child.pid}`);
  child.kill('SIGKILL');
  await child.ended;
}

async function release(c: LockContext, held: HeldLock, lockable: Lockable): Promise<void> {
  try {
    await held.release();
  } catch (error) {
    throw new CommandError(`Lock release failed: ${goError(error)}`);
  }
  await cleanUp(c, lockable);
}

async function cleanUp(c: LockContext, lockable: Lockable): Promise<void> {
  try {
    verbose(c, (await lockable.destroy()) ? 'Cleanup succeeded' : 'Cleanup aborted, lock in use');
  } catch (error) {
    throw new CommandError(`Lock cleanup failed: ${goError(error)}`);
  }
}
