import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { works } from './commands.ts';

const INSIDE = 'PROCONSUL_CHAOS_INSIDE';
/** Where the program inside writes what it wants from outside. */
const WISHES_FD = 3;
const UNSHARE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** What this process is to the run: outside of the namespaces, inside of them, or why there are none. */
export type Where = { readonly kind: 'outside' | 'inside' } | { readonly kind: 'loopback'; readonly why: string };

export async function whereAmI(): Promise<Where> {
  if (process.env[INSIDE] !== undefined) return { kind: 'inside' };
  if (process.platform !== 'linux') return { kind: 'loopback', why: 'there are no network namespaces on this system' };
  for (const command of ['ip', 'nsenter', 'unshare']) {
    if (!(await works(command, '--help')) && !(await works(command, '-V'))) {
      return { kind: 'loopback', why: `${command} is not installed` };
    }
  }
  const makesLinks = ['sh', '-c', 'mount -t tmpfs tmpfs /run && ip link add v-a type veth peer name v-b'];
  if (await works('unshare', ...UNSHARE, ...makesLinks)) return { kind: 'outside' };
  return { kind: 'loopback', why: 'this user may not make network namespaces' };
}

/**
 * Runs this program once more, in namespaces of its own for network, mounts and processes. Whatever ends it, the system takes
 * down with it: processes, links, namespaces, mounts. Resolves with its exit code.
 */
export function enter(env: Readonly<Record<string, string>>): Promise<number> {
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', [...UNSHARE, ...self], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...env, [INSIDE]: '1' },
  });
  grant(child);
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGKILL'));
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 130));
  });
}

/** Lets what is inside freeze a file system: the thaw comes from a process that nothing inside can take down. */
function grant(child: ChildProcess): void {
  let text = '';
  child.stdio[WISHES_FD]?.on('data', (chunk: Buffer) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const [path, forMs] = JSON.parse(text.slice(0, end)) as [string, number];
      text = text.slice(end + 1);
      const script = 'fsfreeze -f "$0"; sleep "$1"; fsfreeze -u "$0"';
      const words = ['-t', String(child.pid), '-m', 'sh', '-c', script, path, (forMs / 1000).toFixed(3)];
      spawn('nsenter', words, { stdio: 'ignore', detached: true });
    }
  });
}

/** From inside; see {@link enter}. */
export function freezer(wishes: Writable): (path: string, forMs: number) => void {
  return (path, forMs) => {
    wishes.write(`${JSON.stringify([path, forMs])}\n`);
  };
}

export { WISHES_FD };
