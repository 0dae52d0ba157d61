import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, errorText, fromUtf8, type Log, type Millis, type Timer, utf8 } from '@proconsul/base';
import { type Caller, KVS } from '@proconsul/endpoints';
import type { UserEvent } from '@proconsul/http-api';
import { DirEntry, KVSRequest } from '@proconsul/schema';
import { readNow } from './read-now.ts';

/** Output is written in pieces of at most this many bytes, at least this often. */
export const OUTPUT_BYTES: number = 4 * 1024;
const OUTPUT_EVERY_MS: Millis = 500;

/** Pieces of output of one job; what comes after is not written. */
export const OUTPUT_PIECES_MAX = 1 << 16;

/** Jobs that run at once; more are not begun. */
export const JOBS_MAX = 64;

/** Exit code of a job that could not be started or was ended by a signal. */
const EXIT_UNKNOWN = 255;

export interface RemoteExecDependencies {
  readonly caller: Caller;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Log;
  token(): string;
}

interface Job {
  readonly Command?: string;
  readonly Args?: readonly string[] | null;
  /** Base64. */
  readonly Script?: string | null;
  /** Nanoseconds without output after which a sign of life is written. */
  readonly Wait?: number;
}

/**
 * Runs what `consul exec` asks for. The job lies in the key-value store below a session's key, and what happens is written
 * beside it under that session, so that everything goes with it. Source: exec command documentation and recorded runs.
 */
export class RemoteExec {
  readonly #d: RemoteExecDependencies;
  #running = 0;

  constructor(dependencies: RemoteExecDependencies) {
    this.#d = dependencies;
  }

  /** Never rejects: what goes wrong is logged. */
  async handle(event: UserEvent): Promise<void> {
    const { log } = this.#d;
    log.debug('received remote exec event', { id: event.ID });
    if (this.#running >= JOBS_MAX) {
      log.warn('too many remote executions at once, ignored', { event_id: event.ID });
      return;
    }
    this.#running++;
    try {
      await this.#run(event);
    } catch (error) {
      log.error('remote exec failed', { event_id: event.ID, error: errorText(error) });
    } finally {
      this.#running--;
    }
  }

  async #run(event: UserEvent): Promise<void> {
    const { Prefix, Session } = JSON.parse(fromUtf8(event.Payload ?? new Uint8Array(0)));
    if (typeof Prefix !== 'string' || typeof Session !== 'string') throw new Error('malformed event');
    const base = `${Prefix}/${Session}`;
    const job = await this.#job(`${base}/job`);
    const out = `${base}/${this.#d.nodeName}`;
    const write = (name: string, value: Uint8Array) => this.#write(`${out}/${name}`, Session, value);
    if (!(await write('ack', new Uint8Array(0)))) throw new Error('failed to write ack: session is gone');
    this.#d.log.info('remote exec script', { script: job.Command ?? '' });
    const code = await execute(job, this.#d.clock, (n, bytes) => write(`out/${pieceName(n)}`, bytes));
    await write('exit', utf8(String(code)));
  }

  async #job(Key: string): Promise<Job> {
    const args = { Datacenter: '', Token: this.#d.token(), Key };
    const entry = await readNow(this.#d.caller, KVS.Get, args, 'stale');
    if (entry === null) throw new Error(`failed to get remote exec job: no such key: ${Key}`);
    return JSON.parse(fromUtf8(entry.Value ?? new Uint8Array(0)));
  }

  #write(Key: string, Session: string, Value: Uint8Array): Promise<boolean> {
    const request = KVSRequest.make({
      Token: this.#d.token(),
      Op: 'lock',
      DirEnt: DirEntry.make({ Key, Value, Session }),
    });
    return this.#d.caller.write(KVS.Apply, request);
  }
}

const pieceName = (n: number): string => n.toString(16).padStart(5, '0');

/** The exit code. Output goes to `write` in order, each piece after the one before it. */
async function execute(
  job: Job,
  clock: Clock,
  write: (piece: number, bytes: Uint8Array) => Promise<unknown>,
): Promise<number> {
  const dir = job.Script ? mkdtempSync(join(tmpdir(), 'rexec')) : undefined;
  try {
    const output = new Output(clock, (job.Wait ?? 0) / 1e6, write);
    const [command, ...args] = commandOf(job, dir);
    const code = await start(command, args, output);
    await output.finish();
    return code;
  } finally {
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  }
}

function commandOf(job: Job, dir: string | undefined): [string, ...string[]] {
  if (dir !== undefined) {
    const path = join(dir, 'script');
    writeFileSync(path, Buffer.from(job.Script ?? '', 'base64'), { mode: 0o700 });
    return [path];
  }
  const [first, ...rest] = job.Args ?? [];
  if (first !== undefined) return [first, ...rest];
  return [process.env['SHELL'] || '/bin/sh', '-c', job.Command ?? ''];
}

function start(command: string, args: readonly string[], output: Output): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (bytes: Uint8Array) => output.add(bytes));
    child.stderr.on('data', (bytes: Uint8Array) => output.add(bytes));
    child.on('error', () => resolve(EXIT_UNKNOWN));
    child.on('close', (code) => resolve(code ?? EXIT_UNKNOWN));
  });
}

/** Output on its way into the store: gathered for a moment, written in pieces. */
class Output {
  readonly #clock: Clock;
  readonly #quietMs: Millis;
  readonly #write: (piece: number, bytes: Uint8Array) => Promise<unknown>;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #pieces = 0;
  #flushTimer: Timer | undefined;
  #quietTimer: Timer | undefined;
  #written: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, quietMs: Millis, write: (piece: number, bytes: Uint8Array) => Promise<unknown>) {
    this.#clock = clock;
    this.#quietMs = quietMs;
    this.#write = write;
    this.#sayAliveLater();
  }

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes.slice());
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= OUTPUT_BYTES) this.#flush();
    else this.#flushTimer ??= this.#clock.after(OUTPUT_EVERY_MS, () => this.#flush());
  }

  /** While the job says nothing, empty pieces tell that it lives. */
  #sayAliveLater(): void {
    this.#quietTimer?.cancel();
    if (this.#quietMs > 0) this.#quietTimer = this.#clock.after(this.#quietMs, () => this.#piece(new Uint8Array(0)));
  }

  #flush(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    const all = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (let at = 0; at < all.length; at += OUTPUT_BYTES) this.#piece(all.subarray(at, at + OUTPUT_BYTES));
  }

  #piece(bytes: Uint8Array): void {
    this.#sayAliveLater();
    if (this.#pieces >= OUTPUT_PIECES_MAX) return;
    const n = this.#pieces++;
    this.#written = this.#written.then(() => this.#write(n, bytes));
    // Whether it arrived is asked at the end.
    this.#written.catch(() => {});
  }

  async finish(): Promise<void> {
    this.#flush();
    this.#flushTimer?.cancel();
    this.#quietTimer?.cancel();
    await this.#written;
  }
}
