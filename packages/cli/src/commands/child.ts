import { type ChildProcess, spawn } from 'node:child_process';
import { errnoText } from '../go-error.ts';
import type { Io } from '../io.ts';

export interface ChildOptions {
  /** Join the words and let a shell read them. */
  readonly shell: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly io: Io;
  /** Bytes for standard input; 'inherit' passes ours on; absent gives an empty one. */
  readonly stdin?: Uint8Array | 'inherit';
}

/** How a child ended: its code or the signal that killed it. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that runs as a child, its output going where ours goes. */
export class Child {
  readonly #process: ChildProcess;
  readonly ended: Promise<ChildEnd>;

  private constructor(child: ChildProcess, ended: Promise<ChildEnd>) {
    this.#process = child;
    this.ended = ended;
  }

  /** Starts a command. Rejects with Go's text when it cannot be started. */
  static async start(words: readonly string[], options: ChildOptions): Promise<Child> {
    const { shell, io, stdin } = options;
    const [file = '', ...args] = shell ? [io.env['SHELL'] || '/bin/sh', '-c', words.join(' ')] : words;
    const env = { ...io.env, ...options.env } as NodeJS.ProcessEnv;
    const output = io.sharesStreams ? 'inherit' : 'pipe';
    const child = spawn(file, args, { env, stdio: [stdin === 'inherit' ? 'inherit' : 'pipe', output, output] });
    child.stdout?.on('data', (chunk: Uint8Array) => io.write(chunk));
    child.stderr?.on('data', (chunk: Uint8Array) => io.writeError(chunk));
    // A child that does not read its input is no error.
    child.stdin?.on('error', () => {});
    child.stdin?.end(stdin === 'inherit' ? undefined : stdin);
    const ended = new Promise<ChildEnd>((resolve) => {
      // Its own children may keep the streams open for longer; that is their business, unless we read them.
      child.once(io.sharesStreams ? 'exit' : 'close', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new Error(startError(file, error))));
    });
    return new Child(child, ended);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Sends a signal to the child, if it still runs. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}

function startError(file: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && !file.includes('/')) return `exec: "${file}": executable file not found in $PATH`;
  return `fork/exec ${file}: ${errnoText(error)}`;
}

/** `exit status 7` or `signal: killed`, as Go words it; undefined for success. */
export function endText(end: ChildEnd): string | undefined {
  if (end.signal !== null) return `signal: ${SIGNAL_NAMES[end.signal] ?? end.signal}`;
  return end.code === 0 ? undefined : `exit status ${end.code}`;
}

const SIGNAL_NAMES: Readonly<Record<string, string>> = {
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGQUIT: 'quit',
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGSEGV: 'segmentation fault',
  SIGABRT: 'aborted',
  SIGPIPE: 'broken pipe',
};
