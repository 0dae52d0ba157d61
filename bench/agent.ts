import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from './connection.ts';
import { agentEnvironment, pause } from './shared.ts';

const READY_WITHIN_MS = 60_000;
const POLL_MS = 5;

/** One agent under measurement: a durable single server, or a development agent, on loopback. */
export class BenchAgent {
  readonly command: readonly string[];
  readonly dir: string;
  readonly port: number;
  /** From the start of the process until its own check was listed as passing. */
  readyMs = 0;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(command: readonly string[], dir: string, port: number) {
    this.command = command;
    this.dir = dir;
    this.port = port;
  }

  get dnsPort(): number {
    return this.port + 1;
  }

  async start(dev: boolean): Promise<void> {
    mkdirSync(this.dir, { recursive: true });
    const file = join(this.dir, 'bench.json');
    const { port } = this;
    const ports = {
      http: port,
      dns: port + 1,
      grpc: -1,
      grpc_tls: -1,
      serf_lan: port + 3,
      serf_wan: port + 4,
      server: port + 5,
    };
    const limits = { http_max_conns_per_client: 15_000 };
    writeFileSync(file, JSON.stringify({ ports, limits, performance: { raft_multiplier: 1 } }));
    const state = dev ? ['-dev'] : ['-server', '-bootstrap', '-data-dir', join(this.dir, 'data')];
    const [name = '', ...first] = this.command;
    const fixed = ['-config-file', file, '-log-level', 'error', '-node', 'bench', '-bind', '127.0.0.1'];
    const log = openSync(join(this.dir, 'log'), 'a');
    const from = performance.now();
    const child = spawn(name, [...first, 'agent', ...fixed, ...state], {
      stdio: ['ignore', log, log],
      env: agentEnvironment(),
    });
    this.#child = child;
    let ended = false;
    this.#ended = new Promise((resolve) => {
      const end = () => {
        ended = true;
        resolve();
      };
      child.on('close', end);
      child.on('error', end);
    });
    while (performance.now() - from < READY_WITHIN_MS && !ended) {
      if (await this.#isReady()) {
        this.readyMs = performance.now() - from;
        return;
      }
      await pause(POLL_MS);
    }
    throw new Error(
      `${this.command.join(' ')} was not ready: ${readFileSync(join(this.dir, 'log'), 'utf8').slice(-600)}`,
    );
  }

  async #isReady(): Promise<boolean> {
    let connection: Connection | undefined;
    try {
      connection = await Connection.open(this.port);
      const { status, body } = await connection.request('GET', '/v1/health/service/consul?passing');
      return status === 200 && (body?.includes('serfHealth') ?? false);
    } catch {
      return false;
    } finally {
      connection?.close();
    }
  }

  /** Kills the process and waits for its end. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Resident size in MiB. */
  rssMib(): number {
    const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(this.#child?.pid)], { encoding: 'utf8' });
    return Number(stdout) / 1024;
  }
}
