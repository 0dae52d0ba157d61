import { type LocalServer, LogHub, type RunningAgent, runAgent } from '@proconsul/agent';
import type { Disk, Millis, Rng } from '@proconsul/base';
import { loadConfig, type RuntimeConfig } from '@proconsul/config';
import { SimFiles } from '../durable/sim-files.ts';
import type { EventQueue } from '../event-queue.ts';
import type { AgentNetwork } from './network.ts';
import { AgentProcess, type MachineClock } from './process.ts';
import { diskOf } from './process-disk.ts';

/** Settings of all agents of a run. */
export interface AgentSettings {
  readonly servers: number;
  /** Addresses that everybody joins. */
  readonly join: readonly string[];
  /** The one server of another datacenter, which all servers join over the WAN; undefined when there is none. */
  readonly far: string | undefined;
  /** More lines of configuration. */
  readonly hcl: string;
}

export interface MachineWorld {
  readonly events: EventQueue;
  readonly rng: Rng;
  readonly network: AgentNetwork;
  readonly settings: AgentSettings;
  note(who: string, text: string): void;
  /** Lines of the agents' own logs; undefined when nobody reads them. */
  readonly logLine: ((who: string, line: string) => void) | undefined;
  /** A promise of the product was broken, seen from inside a callback. */
  fail(error: Error): void;
}

/** Whoever watches over an agent starts it again after this time. */
const RESTART_MS: Millis = 500;

/** Which machine it is. */
export type Place = Pick<Machine, 'name' | 'address' | 'isServer' | 'datacenter'>;

/** One life of an agent. */
export interface Life {
  readonly process: AgentProcess;
  /** Undefined while it starts. */
  running: RunningAgent | undefined;
}

/** Where an agent of the product runs: an address, a disk, clocks. It may die, stand still, lose its power, and start again. */
export class Machine {
  readonly name: string;
  readonly address: string;
  readonly nodeId: string;
  readonly isServer: boolean;
  readonly datacenter: string;
  readonly files: SimFiles;
  readonly clock: MachineClock;
  readonly #world: MachineWorld;
  readonly #config: RuntimeConfig;
  #life: Life | undefined;
  starts = 0;
  onPowerCut = (): void => {};
  onWipe = (): void => {};
  /** The file in which bits were turned. */
  harmed: string | undefined;
  /** Its last start ended because of that file. */
  hasNamedDamage = false;
  /** Somebody starts the agent again whenever it has ended. */
  isKept = false;
  /** A sync of its disk has failed, or is to fail: it may end by itself. */
  hasBadDisk = false;

  constructor({ name, address, isServer, datacenter }: Place, clock: MachineClock, world: MachineWorld) {
    this.name = name;
    this.address = address;
    this.isServer = isServer;
    this.datacenter = datacenter;
    this.clock = clock;
    this.#world = world;
    this.files = new SimFiles(world.events, world.rng);
    const digit = address.split('.').map(Number);
    this.nodeId = `00000000-0000-4000-8000-0000000${digit[2]}00${String(digit[3]).padStart(2, '0')}`;
    this.#config = configOf(this, world.settings);
  }

  get life(): Life | undefined {
    return this.#life;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  /** It has started, and does not stand still. */
  get isRunning(): boolean {
    return this.#life?.running !== undefined && !this.#life.process.isStalled;
  }

  /** The server side, once the agent has started. */
  get server(): LocalServer | undefined {
    return this.#life?.running?.server;
  }

  start(): void {
    if (this.#life !== undefined) return;
    const { events, rng, network, logLine, note } = this.#world;
    const process = new AgentProcess(events, this.clock);
    const life: Life = { process, running: undefined };
    this.#life = life;
    this.starts++;
    note(this.name, 'starts');
    const hub = new LogHub({ level: logLine === undefined ? 'ERROR' : 'DEBUG', json: false }, process);
    hub.open(logLine === undefined ? [] : [(line) => logLine(this.name, line.replace(/^\S+ /, ''))]);
    const isOver = (): boolean => this.#life !== life;
    runAgent({
      world: { clock: process, rng, network: network.attach(this.address, process), ownsProcess: false },
      config: this.#config,
      nodeId: this.nodeId,
      disk: diskOf(process, this.files.mount()) as Disk,
      hub,
      loadAgain: () => this.#config,
      onLeave: () => this.#exit(life, 'has left'),
      onFatal: (what, error) => isOver() || this.#ended(`${what}: ${error.message}`),
    }).then(
      (running) => {
        if (isOver()) return;
        life.running = running;
        note(this.name, 'has started');
      },
      (error: Error) => isOver() || this.#refused(error),
    );
  }

  /** It could not start: on a full disk, or with a damaged file, which it must name. */
  #refused({ message }: Error): void {
    const isFull = this.files.isFull || message.startsWith('ENOSPC');
    this.hasNamedDamage = this.harmed !== undefined && message.includes(this.harmed);
    if (!isFull && !this.hasNamedDamage) {
      return this.#world.fail(new Error(`${this.name} does not start: ${message} (harmed: ${this.harmed})`));
    }
    this.#world.note(this.name, `does not start: ${message}`);
    this.#world.events.after(0, () => this.kill());
  }

  /** The agent has ended by itself, with 1: only a disk that failed is a reason. */
  #ended(why: string): void {
    if (!this.hasBadDisk) return this.#world.fail(new Error(`${this.name}: ${why}`));
    this.#world.note(this.name, `ends: ${why}`);
    this.#world.events.after(0, () => this.kill());
  }

  /** SIGTERM: an orderly end, without a farewell to the others. */
  terminate(): void {
    const life = this.#life;
    if (life?.running === undefined || life.process.isStalled) return;
    this.#world.note(this.name, 'is told to end');
    this.#exit(life, 'has ended');
  }

  /** The agent ends in order; then its process is gone. */
  #exit(life: Life, how: string): void {
    const gone = (): void => {
      if (this.#life === life) this.#world.events.after(0, () => this.#life === life && this.#die(how));
    };
    life.running?.stop().then(gone, (error: Error) => this.#life === life && this.#world.fail(error));
  }

  /** Turns bits of a file of its Raft, while it is down. False when it has none. */
  harm(some: boolean): boolean {
    this.harmed = some ? this.files.scramble('raft/') : this.files.flipBit('bytes', 'raft/');
    if (this.harmed !== undefined) this.#world.note(this.name, `has ${this.harmed} damaged`);
    return this.harmed !== undefined;
  }

  /** Its data is removed, while it is down. */
  wipe(): void {
    this.#world.note(this.name, 'loses all its data');
    this.files.erase();
    this.harmed = undefined;
    this.hasNamedDamage = false;
    this.onWipe();
  }

  /** The next sync of its disk fails. */
  failSync(): void {
    this.#world.note(this.name, 'has a disk that fails');
    this.hasBadDisk = true;
    this.files.failNextSync = true;
  }

  /** kill -9: what was written stays, and the kernel closes the connections. */
  kill(): void {
    this.#die('is killed');
  }

  #die(how: string): void {
    if (!this.#end(how)) return;
    this.#world.network.abandon(this.address);
    this.files.kill();
  }

  /** What was not synced is lost, but for a random part; nobody hears of it. */
  cutPower(): void {
    if (!this.#end('loses power')) return;
    this.#world.network.darken(this.address);
    this.files.cutPower();
    this.onPowerCut();
  }

  #end(how: string): boolean {
    const life = this.#life;
    if (life === undefined) return false;
    this.#world.note(this.name, how);
    life.process.kill();
    this.#life = undefined;
    if (this.isKept) this.#world.events.after(RESTART_MS, () => this.isKept && this.start());
    return true;
  }

  /** SIGSTOP, and SIGCONT after `forMs`. */
  pause(forMs: Millis): void {
    if (this.#life === undefined || this.#life.process.isStalled) return;
    this.#world.note(this.name, `stands still for ${Math.round(forMs)} ms`);
    this.#life.process.stall(forMs);
  }
}

function configOf(place: Machine, { servers, join, far, hcl }: AgentSettings): RuntimeConfig {
  const { name, address, isServer, datacenter } = place;
  const isFar = address === far;
  const text = `
    datacenter = "${datacenter}"
    data_dir = "/data" node_name = "${name}" bind_addr = "${address}" client_addr = "${address}"
    ${isServer ? `server = true bootstrap_expect = ${isFar ? 1 : servers}` : ''}
    retry_join = ${JSON.stringify(isFar ? [far] : join)} retry_interval = "2s"
    ${isServer && far !== undefined ? `retry_join_wan = ${JSON.stringify([far])} retry_interval_wan = "2s"` : ''}
    ports { grpc = -1 grpc_tls = -1 ${far === undefined ? 'serf_wan = -1' : ''} }
    dns_config { max_stale = "5s" }
    connect { enabled = false }
    telemetry { disable_hostname = true prometheus_retention_time = "0s" }
    ${hcl}`;
  const { runtime } = loadConfig({
    args: ['-hcl', text],
    readFile: () => new Uint8Array(0),
    listDir: () => [],
    stat: (path) => (path === '/data' ? 'directory' : undefined),
    env: {},
    hostname: name,
    interfaces: [{ name: 'eth0', address, prefixLength: 8, flags: ['up'], isDefault: true }],
  });
  return runtime;
}
