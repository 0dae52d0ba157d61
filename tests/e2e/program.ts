import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout: where the lockfile is. Found by going up, since scripts run from a bundle in another folder. */
function checkout(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package-lock.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

export const root = checkout();
export const bundle = join(root, 'packages/cli/dist/proconsul.cjs');

/**
 * The program under test, as words of a command line: `PROCONSUL_BIN` when it is set (a path, or a command with
 * arguments), and the bundle of this checkout otherwise. Any program with Consul's command line will do.
 */
export function program(): readonly string[] {
  const given = process.env['PROCONSUL_BIN'];
  if (given === undefined || given === '') return [process.execPath, bundle];
  if (/\.[cm]?js$/.test(given)) return [process.execPath, given];
  return given.split(/\s+/);
}

/** Why the program cannot run, or undefined. */
export function programMissing(): string | undefined {
  const last = program().at(-1) as string;
  return last.includes('/') && !existsSync(last) ? `${last} is not there: run npm run build first` : undefined;
}

/** Whether a program is on the PATH. */
export function has(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0;
}

/**
 * For `describe.skipIf(lacks('dig'))`: true, with the reason printed, when one of the programs that a file of tests
 * needs is not installed here.
 */
export function lacks(...names: readonly string[]): boolean {
  const missing = names.filter((n) => !has(n));
  return skipBecause(missing.length > 0 && `not installed: ${missing.join(', ')}`);
}

/** For `describe.skipIf(...)`: true, with the reason printed, when there is one. */
export function skipBecause(reason: string | false | undefined): boolean {
  if (reason === false || reason === undefined) return false;
  console.log(`skipped: ${reason}`);
  return true;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Runs a command to its end. Kills it, and rejects, when that takes longer than `timeoutMs` (20 s). */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { timeoutMs = 20_000 } = options;
  return new Promise((resolve, reject) => {
    const [name = '', ...args] = command;
    const child = spawn(name, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => {}); // It may end without having read its input.
    child.stdin.end(options.input ?? '');
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${command.join(' ')}: no end in ${timeoutMs} ms\n${stdout}${stderr}`));
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
