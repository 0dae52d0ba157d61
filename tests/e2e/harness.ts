import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort, releasePorts } from './ports.ts';
import { program, type Ran, type RunOptions, run } from './program.ts';

export { eventually, pause } from './eventually.ts';
export { freePort } from './ports.ts';
export { has, lacks, program, programMissing, type Ran, root, run, skipBecause } from './program.ts';

export interface AgentOptions {
  /**
   * `dev`: in memory. `server`: a durable server of its own, elected by `-bootstrap`. `peer`: a durable server that becomes
   * what its configuration says. `client`: a client agent. The last two are ready when they answer. Default: dev.
   */
  readonly mode?: 'dev' | 'server' | 'peer' | 'client';
  readonly node?: string;
  /** Another program than the one under test: words of a command line. */
  readonly program?: readonly string[];
  /** Words that stand before the command and run it: in another namespace, with other limits. */
  readonly within?: readonly string[];
  /** The address that it has. Default: 127.0.0.1. */
  readonly host?: string;
  /** Ports of its own, where `host` is nobody else's. Default: free ones. */
  readonly ports?: Ports;
  /** Where its data lies. Default: in a folder of its own. */
  readonly dataDir?: string;
  /** Merged over the harness's own keys: ports, `raft_multiplier` 1. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Files of a configuration directory: name to text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly withinMs?: number;
}

/** Plain objects and arrays are sent as JSON. */
export type Body = string | Uint8Array<ArrayBuffer> | object;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  json<T = any>(): T;
}

/** `X-Consul-Index` of an answer. */
export const indexOf = (reply: Reply): number => Number(reply.headers.get('x-consul-index'));

export interface Ports {
  readonly http: number;
  readonly dns: number;
  readonly server: number;
  readonly serf_lan: number;
  readonly serf_wan: number;
}

const living = new Set<ChildProcess>();
const START_ATTEMPTS = 3;
const START_WITHIN_MS = 40_000;
const STOP_WITHIN_MS = 15_000;

process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** One agent as a process of its own, on ports of its own, with a folder of its own that goes with it. */
export class TestAgent {
  readonly dir: string;
  readonly options: AgentOptions;
  #ports: Ports | undefined;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> | undefined;
  #log = '';

  constructor(options: AgentOptions) {
    this.options = options;
    this.#ports = options.ports;
    this.dir = mkdtempSync(join(tmpdir(), 'proconsul-e2e-'));
    mkdirSync(join(this.dir, 'conf.d'));
    for (const [name, text] of Object.entries(options.files ?? {})) this.writeConfig(name, text);
  }

  get ports(): Ports {
    if (this.#ports === undefined) throw new Error('not started');
    return this.#ports;
  }

  get dataDir(): string {
    return this.options.dataDir ?? join(this.dir, 'data');
  }

  get host(): string {
    return this.options.host ?? '127.0.0.1';
  }

  /** `HOST:PORT`, as `CONSUL_HTTP_ADDR` takes it. */
  get address(): string {
    return `${this.host}:${this.ports.http}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Everything that the process has written, of every start. */
  get log(): string {
    return this.#log;
  }

  url(path: string): string {
    return `http://${this.address}${path}`;
  }

  /** Puts a file into the configuration directory: read at the start and at each reload. */
  writeConfig(name: string, text: string): void {
    writeFileSync(join(this.dir, 'conf.d', name), text);
  }

  removeConfig(name: string): void {
    rmSync(join(this.dir, 'conf.d', name));
  }

  /** Starts the process and returns when it leads and its own node is in the catalog. Keeps its ports and its folder. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#ports ??= await choosePorts();
      this.#spawn(this.#ports);
      try {
        await this.untilReady();
        return;
      } catch (error) {
        await this.kill();
        if (attempt === START_ATTEMPTS || !/address already in use|EADDRINUSE/.test(this.#log)) {
          throw new Error(`agent did not start: ${(error as Error).message}\n${this.#log.slice(-4000)}`);
        }
        releasePorts(Object.values(this.#ports));
        this.#ports = undefined;
      }
    }
  }

  /** Starts the process without waiting for anything. */
  spawn(): void {
    this.#spawn(this.ports);
  }

  #spawn(ports: Ports): void {
    const { mode = 'dev', node = 'test', config = {}, args = [], within = [], host } = this.options;
    const file = join(this.dir, 'agent.json');
    const own = {
      ports: { ...ports, grpc: -1, grpc_tls: -1 },
      performance: { raft_multiplier: 1 },
      ...(host === undefined ? {} : { client_addr: host }),
    };
    writeFileSync(file, JSON.stringify(merge(own, config)));
    const [name = '', ...first] = [...within, ...(this.options.program ?? program())];
    const data = ['-data-dir', this.dataDir];
    const states = {
      dev: ['-dev'],
      server: ['-server', '-bootstrap', ...data],
      peer: ['-server', ...data],
      client: data,
    };
    const state = states[mode];
    const base = ['-node', node, '-bind', this.host, '-config-file', file, '-config-dir', join(this.dir, 'conf.d')];
    const child = spawn(name, [...first, 'agent', ...state, ...base, ...args], {
      env: { ...process.env, ...this.options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    living.add(child);
    this.#child = child;
    const collect = (text: string) => {
      this.#log += text;
    };
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    this.#exit = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#log += `${error.message}\n`;
        living.delete(child);
        resolve({ code: -1, signal: null });
      });
      child.on('close', (code, signal) => {
        living.delete(child);
        resolve({ code, signal });
      });
    });
  }

  /** Returns when the agent leads and its own check is passing, or, as the mode is, when it answers. */
  async untilReady(): Promise<void> {
    const exit = this.#exit as Promise<Exit>;
    let ended = false;
    exit.then(() => {
      ended = true;
    });
    await eventually(
      async () => {
        if (ended) return true;
        const { mode = 'dev' } = this.options;
        if (mode === 'peer' || mode === 'client') return (await this.get('/v1/agent/self')).status === 200;
        const reply = await this.get('/v1/health/service/consul?passing');
        return reply.status === 200 && reply.text.includes('serfHealth');
      },
      { withinMs: this.options.withinMs ?? START_WITHIN_MS, what: 'readiness' },
    );
    if (ended) throw new Error('the process ended');
  }

  /** Waits for the end of the process, however it comes. */
  async exit(withinMs: number = STOP_WITHIN_MS): Promise<Exit> {
    const exit = this.#exit as Promise<Exit>;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end in ${withinMs} ms\n${this.#log.slice(-2000)}`)), withinMs);
    });
    try {
      return await Promise.race([exit, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  /** Ends the process and removes its folder. Call it in `afterAll`, whatever happened before. */
  async stop(): Promise<void> {
    await this.kill();
    if (this.#ports !== undefined) releasePorts(Object.values(this.#ports));
    rmSync(this.dir, { recursive: true, force: true });
  }

  async request(
    method: string,
    path: string,
    body?: Body,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const sent = isPlain(body) ? JSON.stringify(body) : (body as string | Uint8Array<ArrayBuffer> | undefined);
    const reply = await fetch(this.url(path), { method, headers, ...(sent === undefined ? {} : { body: sent }) });
    const text = await reply.text();
    return { status: reply.status, headers: reply.headers, text, json: () => JSON.parse(text) };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    return this.request('GET', path, undefined, headers);
  }

  put(path: string, body?: Body): Promise<Reply> {
    return this.request('PUT', path, body);
  }

  delete(path: string): Promise<Reply> {
    return this.request('DELETE', path);
  }

  /** PUT that must be answered with 200. */
  async mustPut(path: string, body?: Body): Promise<Reply> {
    const reply = await this.put(path, body);
    if (reply.status !== 200) throw new Error(`PUT ${path}: ${reply.status} ${reply.text}`);
    return reply;
  }

  /** The command line of the program under test, pointed at this agent. */
  cli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run([...program(), ...args], { ...options, env: { CONSUL_HTTP_ADDR: this.address, ...options.env } });
  }

  /** Resident size of the process in bytes, where the system tells it; 0 elsewhere. */
  rssBytes(): number {
    try {
      const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
      return Number(kib ?? 0) * 1024;
    } catch {
      return 0;
    }
  }
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Starts an agent; see {@link TestAgent.start}. */
export async function startAgent(options: AgentOptions = {}): Promise<TestAgent> {
  const agent = new TestAgent(options);
  try {
    await agent.start();
  } catch (error) {
    await agent.stop();
    throw error;
  }
  return agent;
}

async function choosePorts(): Promise<Ports> {
  return {
    http: await freePort(),
    dns: await freePort(),
    server: await freePort(),
    serf_lan: await freePort(),
    serf_wan: await freePort(),
  };
}

const isPlain = (v: unknown): v is object =>
  typeof v === 'object' && v !== null && (Array.isArray(v) || Object.getPrototypeOf(v) === Object.prototype);

function merge(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = out[key];
    out[key] = isPlain(before) && isPlain(value) && !Array.isArray(value) ? merge({ ...before }, { ...value }) : value;
  }
  return out;
}
