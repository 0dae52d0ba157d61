import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromUtf8, type Log, type Network, noMetrics, silentLog } from '@proconsul/base';
import { KeyList, MEMBERLIST_DEFAULTS, Memberlist, type MemberlistOptions } from '@proconsul/gossip';
import { NodeDisk, nodeAesGcm, nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { encodeKeyringFile, fromBase64, SERF_DEFAULTS, Serf, type SerfEvent, type SerfOptions } from '@proconsul/serf';
import { Background } from '../e2e/background.ts';
import { freePort } from '../e2e/ports.ts';
import { run } from '../e2e/program.ts';

const undo: (() => unknown)[] = [];

/** Ends everything that was started here, the last first. */
export async function endAll(): Promise<void> {
  for (const fn of undo.splice(0).reverse()) await fn();
}

/** Something to undo when the test ends. */
export function later(fn: () => unknown): void {
  undo.push(fn);
}

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'serf-interop-'));
  undo.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A real Serf agent. */
export class RealSerf {
  readonly name: string;
  readonly port: number;
  readonly rpc: number;
  readonly process: Background;

  private constructor(name: string, port: number, rpc: number, args: readonly string[]) {
    this.name = name;
    this.port = port;
    this.rpc = rpc;
    const base = ['-log-level=trace', `-node=${name}`, `-bind=127.0.0.1:${port}`];
    this.process = new Background(['serf', 'agent', ...base, `-rpc-addr=127.0.0.1:${rpc}`, ...args]);
    undo.push(() => this.process.stop());
  }

  static async start(name: string, args: readonly string[] = [], port?: number): Promise<RealSerf> {
    const agent = new RealSerf(name, port ?? (await freePort()), await freePort(), args);
    await agent.process.until(/Serf agent starting/);
    return agent;
  }

  /** Output of a command. Throws unless it succeeds. */
  async command(...words: readonly string[]): Promise<string> {
    const [name = '', ...rest] = words;
    const ran = await run(['serf', name, `-rpc-addr=127.0.0.1:${this.rpc}`, ...rest]);
    if (ran.code !== 0) throw new Error(`serf ${words.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  async members(): Promise<Record<string, { readonly status: string; readonly tags: Record<string, string> }>> {
    const { members } = JSON.parse(await this.command('members', '-format=json')) as {
      members: { name: string; status: string; tags: Record<string, string> }[];
    };
    return Object.fromEntries(members.map(({ name, status, tags }) => [name, { status, tags }]));
  }
}

export interface OurOptions extends Partial<SerfOptions> {
  readonly port?: number;
  readonly gossip?: Partial<MemberlistOptions>;
  readonly network?: Network;
  /** Base64. */
  readonly keys?: readonly string[];
  /** For the snapshot file. */
  readonly dir?: string;
}

/** One of ours. */
export class OurSerf {
  readonly serf: Serf;
  readonly events: SerfEvent[] = [];
  readonly logged: string[] = [];
  keyringFile = '';
  hasQuit = false;

  private constructor(name: string, options: OurOptions) {
    const { port = 0, gossip = {}, keys = [], dir, network = nodeNetwork, ...more } = options;
    const line = (message: string) => void this.logged.push(message);
    const log: Log = { ...silentLog, debug: line, info: line, warn: line, error: line, named: () => log };
    const keyring = new KeyList(keys.map((key) => fromBase64(key)!));
    const io = { clock: systemClock, rng: systemRng, log, metrics: noMetrics, keyring };
    const bind = { host: '127.0.0.1', port };
    this.serf = new Serf(
      { ...SERF_DEFAULTS, name, tags: {}, ...more },
      {
        ...io,
        ...(dir === undefined ? {} : { disk: new NodeDisk(dir) }),
        pool: (delegate) =>
          new Memberlist(
            { ...MEMBERLIST_DEFAULTS, name, bind, ...gossip },
            { ...io, network, aesGcm: nodeAesGcm, delegate },
          ),
        onEvent: (event) => {
          this.events.push(event);
          if (event.kind === 'query') event.query.respond(new TextEncoder().encode(`42 from ${name}`));
        },
        onKeyringChanged: (changed) => {
          this.keyringFile = encodeKeyringFile(changed);
        },
        onQuit: () => {
          this.hasQuit = true;
        },
      },
    );
    undo.push(() => this.serf.stop());
  }

  static async start(name: string, options: OurOptions = {}): Promise<OurSerf> {
    const one = new OurSerf(name, options);
    await one.serf.start();
    return one;
  }

  join(port: number) {
    return this.serf.join([{ host: '127.0.0.1', port }], { ignoreOldEvents: false });
  }

  get port(): number {
    return this.serf.self.port;
  }

  status(name: string): string | undefined {
    return this.serf.members().find((m) => m.name === name)?.status;
  }

  tags(name: string): Record<string, string> {
    return { ...this.serf.members().find((m) => m.name === name)?.tags };
  }

  userEvents(): string[] {
    return this.events.flatMap((e) => (e.kind === 'user' ? [`${e.name}=${fromUtf8(e.payload)} ${e.coalesce}`] : []));
  }
}
