import { type ChildProcess, spawn } from 'node:child_process';
import { eventually } from './eventually.ts';
import type { RunOptions } from './program.ts';

/** A command that runs beside the test. End it with {@link stop}. */
export class Background {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = '';

  constructor(command: readonly string[], options: Omit<RunOptions, 'input' | 'timeoutMs'> = {}) {
    const [name = '', ...args] = command;
    const env = { ...process.env, ...options.env };
    const child = spawn(name, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const collect = (text: string) => {
      this.#output += text;
    };
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    const killer = () => child.kill('SIGKILL');
    process.once('exit', killer);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.on('error', (error) => {
        collect(error.message);
        resolve(null);
      });
      child.on('close', (code) => {
        process.off('exit', killer);
        resolve(code);
      });
    });
  }

  /** Standard output and error, as they came. */
  get output(): string {
    return this.#output;
  }

  /** Waits for a text in the output and returns the match. */
  async until(pattern: RegExp, withinMs = 15_000): Promise<RegExpExecArray> {
    try {
      return await eventually(() => pattern.exec(this.#output), { withinMs, what: String(pattern) });
    } catch (error) {
      throw new Error(`${(error as Error).message}; output:\n${this.#output}`);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit code, once it has ended by itself. */
  exit(): Promise<number | null> {
    return this.#ended;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
