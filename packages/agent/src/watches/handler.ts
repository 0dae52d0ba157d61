import { spawn } from 'node:child_process';
import { type Clock, errorText, type Log } from '@proconsul/base';
import { checkType, TailBuffer } from '@proconsul/checks';
import { errnoText } from '../runners/go-text.ts';
import { commandProblem } from '../runners/script.ts';
import type { WatchHandler } from './definition.ts';

/** Bytes of output of a handler that are logged. Source: watches page of the documentation. */
export const HANDLER_OUTPUT_SIZE_MAX = 4096;

const SHELL = '/bin/sh';

/** Runs a handler once. Resolves when it is done; what goes wrong is logged. `json` has no newline at its end. */
export type RunHandler = (handler: WatchHandler, json: string, index: string) => Promise<void>;

/** Handlers of an agent. They are not ended with the agent: what they do may have to be finished. */
export function handlerRunner(dependencies: { readonly clock: Clock; readonly log: Log }): RunHandler {
  const { clock, log } = dependencies;
  return (handler, json, index) =>
    handler.kind === 'http' ? callHttp(handler, json, index, clock, log) : runProgram(handler, { json, index }, log);
}

type Program = Exclude<WatchHandler, { kind: 'http' }>;

async function runProgram(handler: Program, input: { json: string; index: string }, log: Log): Promise<void> {
  const shown = handler.kind === 'args' ? handler.args : handler.command;
  const argv = handler.kind === 'args' ? handler.args : [process.env['SHELL'] || SHELL, '-c', handler.command];
  const output = new TailBuffer(HANDLER_OUTPUT_SIZE_MAX);
  const problem = commandProblem(argv[0] ?? '') ?? (await run(argv, input, output));
  if (problem !== undefined) log.error('Failed to run watch handler', { watch_handler: shown, error: problem });
  log.debug('watch handler output', { watch_handler: shown, output: output.textWithNotice() });
}

/** Resolves with what was wrong, in Go's words. */
function run(
  argv: readonly string[],
  { json, index }: { json: string; index: string },
  output: TailBuffer,
): Promise<string | undefined> {
  return new Promise((done) => {
    const child = spawn(argv[0] as string, argv.slice(1), {
      env: { ...process.env, CONSUL_INDEX: index },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (bytes: Uint8Array) => output.write(bytes));
    child.stderr.on('data', (bytes: Uint8Array) => output.write(bytes));
    // A handler need not read what it is given.
    child.stdin.on('error', () => {});
    child.stdin.end(`${json}\n`);
    child.on('error', (error) => done(`fork/exec ${argv[0]}: ${errnoText(error)}`));
    child.on('close', (code, signal) => {
      if (code === 0) done(undefined);
      else done(code === null ? `signal: ${SIGNAL_TEXTS[signal ?? ''] ?? signal}` : `exit status ${code}`);
    });
  });
}

/** How Go names signals that end a process. Source: Linux' strsignal. */
const SIGNAL_TEXTS: Readonly<Record<string, string>> = {
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGQUIT: 'quit',
  SIGABRT: 'aborted',
  SIGKILL: 'killed',
  SIGSEGV: 'segmentation fault',
  SIGPIPE: 'broken pipe',
  SIGTERM: 'terminated',
};

async function callHttp(
  handler: WatchHandler & { kind: 'http' },
  json: string,
  index: string,
  clock: Clock,
  log: Log,
): Promise<void> {
  const request = checkType({
    HTTP: handler.url,
    Method: handler.method,
    Body: `${json}\n`,
    Header: {
      'User-Agent': ['Consul Watch Handler'],
      'Content-Type': ['application/json'],
      ...handler.headers,
      'X-Consul-Index': [index],
    },
    TLSSkipVerify: handler.tlsSkipVerify,
  });
  try {
    const { exchangeHttp } = await import('../runners/http.ts');
    const { status, reason, body } = await exchangeHttp(request, {
      clock,
      signal: new AbortController().signal,
      timeoutMs: handler.timeoutMs,
      outputMaxSize: HANDLER_OUTPUT_SIZE_MAX,
      tls: {},
      dockerHost: '',
    });
    if (status >= 200 && status <= 299) log.trace('http watch handler output', { watch: handler.url, output: body });
    else {
      const fields = { watch: handler.url, status: `${status} ${reason}`, output: body };
      log.error('http watch handler failed with output', fields);
    }
  } catch (error) {
    log.error('Failed to invoke http watch handler', { watch: handler.url, error: errorText(error) });
  }
}
