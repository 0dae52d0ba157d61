import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { quoteGo } from '@proconsul/base';
import { type CheckType, type RawResult, statusOfExitCode, TailBuffer, timedOutText } from '@proconsul/checks';
import { errnoText } from './go-text.ts';
import { critical, deadlineOf, onAbort, type RunContext } from './runner.ts';

const SHELL = '/bin/sh';
let haveShell: boolean | undefined;

/**
 * Runs the command in a process group of its own, without a shell of its own, and takes its exit code: 0 passing, 1
 * warning, anything else critical. Standard output and error share one pipe, in the order in which they were written.
 * When the time is over the whole group is killed. Like the reference agent, waits until every process that inherited
 * the output has closed it.
 */
export async function runScript(check: CheckType, context: RunContext): Promise<RawResult> {
  const [command = '', ...args] = check.ScriptArgs;
  const problem = commandProblem(command);
  if (problem !== undefined) return critical(problem);
  return runCommand(command, args, context);
}

/** Runs a command that is known to exist, here or in the helper. Shared with OS service checks. */
export async function runCommand(command: string, args: readonly string[], context: RunContext): Promise<RawResult> {
  const result = context.spawner?.isBusy() ? await context.spawner.run(command, args, context) : undefined;
  return result ?? runCommandHere(command, args, context);
}

/** Starts the command from this process. */
export function runCommandHere(command: string, args: readonly string[], context: RunContext): Promise<RawResult> {
  const output = new TailBuffer(context.outputMaxSize);
  const deadline = deadlineOf(context);
  haveShell ??= existsSync(SHELL);
  // The shell only joins the two outputs, then becomes the command: the process and its exit code are the command's.
  const argv = haveShell ? [SHELL, '-c', 'exec "$@" 2>&1', 'sh', command, ...args] : [command, ...args];
  return new Promise<RawResult>((done) => {
    const child = spawn(argv[0]!, argv.slice(1), { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const finish = (result: RawResult) => {
      forget();
      deadline.release();
      done(result);
    };
    child.stdout.on('data', (bytes: Uint8Array) => output.write(bytes));
    child.stderr.on('data', (bytes: Uint8Array) => output.write(bytes));
    child.on('error', (error) => finish(critical(`fork/exec ${command}: ${errnoText(error)}`)));
    child.on('close', (code) => finish({ status: statusOfExitCode(code), output: output.textWithNotice() }));
    const forget = onAbort(deadline.signal, () => {
      killGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
      const text = timedOutText(context.timeoutMs);
      const said = output.textWithNotice();
      queueMicrotask(() => finish(critical(said === '' ? text : `${text}\n\n${said}`)));
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already, or it changed its user: there is nothing more that we could do.
  }
}

/** Why a command cannot be started, in Go's words, or undefined. */
export function commandProblem(command: string): string | undefined {
  if (command.includes('/')) {
    try {
      if (!statSync(command).isFile()) return `fork/exec ${command}: permission denied`;
      accessSync(command, constants.X_OK);
      return undefined;
    } catch (error) {
      return `fork/exec ${command}: ${errnoText(error)}`;
    }
  }
  const paths = (process.env['PATH'] ?? '').split(delimiter);
  if (command !== '' && paths.some((dir) => isExecutable(join(dir === '' ? '.' : dir, command)))) return undefined;
  return `exec: ${quoteGo(command)}: executable file not found in $PATH`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
