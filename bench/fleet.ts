import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from './connection.ts';
import { agentEnvironment, pause } from './shared.ts';

const READY_WITHIN_MS = 120_000;
const POLL_MS = 10;
/** Ports of one agent: HTTP, serf LAN, serf WAN, server. */
const PORTS_EACH = 4;
/** Ticks of /proc/PID/stat in a second. */
const TICKS_PER_SECOND = 100;

/** One agent of a cluster as a process, on loopback. */
export class FleetAgent {
  readonly name: string;
  readonly port: number;
  readonly dir: string;
  child: ChildProcess | undefined;

  constructor(name: string, port: number, dir: string) {
    this.name = name;
    this.port = port;
    this.dir = dir;
  }

  get serfPort(): number {
    return this.port + 1;
  }

  /** Kills the process and waits for its end. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  }

  /** The body of an answer as JSON; undefined when there is none, or no success. */
  async get<T>(path: string): Promise<T | undefined> {
    let connection: Connection | undefined;
    try {
      connection = await Connection.open(this.port);
      const { status, body } = await connection.request('GET', path);
      return status === 200 ? (JSON.parse(String(body)) as T) : undefined;
    } catch {
      return undefined;
    } finally {
      connection?.close();
    }
  }

  rssMib(): number {
    const line = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.child?.pid}/status`, 'utf8'));
    return Number(line?.[1]) / 1024;
  }

  /** Seconds of processor time since the start. */
  cpuSeconds(): number {
    const text = readFileSync(`/proc/${this.child?.pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
}

/** Servers and client agents of one kind, on loopback ports of their own. */
export class Fleet {
  readonly #command: readonly string[];
  readonly #dir: string;
  readonly #firstPort: number;
  readonly servers: FleetAgent[] = [];
  readonly clients: FleetAgent[] = [];

  constructor(command: readonly string[], dir: string, firstPort: number) {
    this.#command = command;
    this.#dir = dir;
    this.#firstPort = firstPort;
  }

  /** Starts `count` servers and waits until they agree on a leader and everybody is a voter. */
  async startServers(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.servers.push(this.#make(`s${i}`, i));
    for (const server of this.servers) this.#spawn(server, ['-server', '-bootstrap-expect', String(count)]);
    await this.until('a leader and voters', async () => {
      for (const server of this.servers) if (!(await server.get<string>('/v1/status/leader'))) return false;
      const raft = await this.servers[0]?.get<{ Servers: { Voter: boolean }[] }>('/v1/operator/raft/configuration');
      return raft !== undefined && raft.Servers.filter((s) => s.Voter).length === count;
    });
  }

  /** Starts client agents; does not wait. */
  startClients(count: number): void {
    const from = this.clients.length;
    for (let i = from; i < from + count; i++) {
      const client = this.#make(`c${i}`, this.servers.length + i);
      this.clients.push(client);
      this.#spawn(client, []);
    }
  }

  /** A killed server comes back with its data. */
  restart(server: FleetAgent): void {
    this.#spawn(server, ['-server', '-bootstrap-expect', String(this.servers.length)]);
  }

  async leader(): Promise<FleetAgent> {
    let found: FleetAgent | undefined;
    await this.until('a leader', async () => {
      for (const server of this.servers) {
        if (server.child === undefined) continue;
        const address = await server.get<string>('/v1/status/leader');
        found = this.servers.find((s) => s.child !== undefined && address === `127.0.0.1:${s.port + 3}`);
        if (found !== undefined) return true;
      }
      return false;
    });
    return found as FleetAgent;
  }

  async follower(): Promise<FleetAgent> {
    const leader = await this.leader();
    return this.servers.find((s) => s !== leader && s.child !== undefined) as FleetAgent;
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + READY_WITHIN_MS;
    while (!(await holds())) {
      if (performance.now() > end) throw new Error(`no ${what} within ${READY_WITHIN_MS / 1000} s: ${this.#logs()}`);
      await pause(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.servers, ...this.clients].map((agent) => agent.kill()));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #make(name: string, n: number): FleetAgent {
    return new FleetAgent(name, this.#firstPort + n * PORTS_EACH, join(this.#dir, name));
  }

  #spawn(agent: FleetAgent, role: readonly string[]): void {
    mkdirSync(agent.dir, { recursive: true });
    const { port } = agent;
    const file = join(agent.dir, 'bench.json');
    const ports = {
      http: port,
      serf_lan: port + 1,
      serf_wan: role.length > 0 ? port + 2 : -1,
      server: port + 3,
      dns: -1,
      grpc: -1,
      grpc_tls: -1,
    };
    const settings = {
      ports,
      retry_join: [`127.0.0.1:${this.servers[0]?.serfPort}`],
      retry_interval: '1s',
      performance: { raft_multiplier: 1 },
      disable_update_check: true,
    };
    writeFileSync(file, JSON.stringify(settings));
    const [name = '', ...first] = this.#command;
    const fixed = ['-config-file', file, '-log-level', 'error', '-node', agent.name, '-bind', '127.0.0.1'];
    const log = openSync(join(agent.dir, 'log'), 'a');
    agent.child = spawn(name, [...first, 'agent', ...fixed, '-data-dir', join(agent.dir, 'data'), ...role], {
      stdio: ['ignore', log, log],
      env: agentEnvironment(),
    });
  }

  #logs(): string {
    return this.servers.map((s) => `${s.name}: ${readFileSync(join(s.dir, 'log'), 'utf8').slice(-300)}`).join('\n');
  }
}
