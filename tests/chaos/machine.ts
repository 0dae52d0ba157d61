import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pause, type TestAgent } from '../e2e/harness.ts';
import { Client } from './client.ts';

/** One agent of the cluster under test. */
export class Machine {
  readonly agent: TestAgent;
  readonly client: Client;
  /** Since when nothing keeps it from answering; undefined: something does. */
  soundSince: number | undefined = performance.now();
  /** Nothing is wrong any more: it is sound from its next answer on. */
  isMended = true;
  isRunning = true;
  /** How often it was started again. */
  starts = 0;

  constructor(agent: TestAgent) {
    this.agent = agent;
    this.client = new Client(agent.host, agent.ports.http);
  }

  get name(): string {
    return this.agent.options.node ?? '';
  }

  get host(): string {
    return this.agent.host;
  }

  get isServer(): boolean {
    return this.agent.options.mode === 'peer';
  }

  /** Something is wrong with it from here on: nobody may expect answers. */
  unsound(): void {
    this.soundSince = undefined;
    this.isMended = false;
  }

  mended(): void {
    this.isMended = true;
  }

  async kill(): Promise<void> {
    this.unsound();
    this.isRunning = false;
    await this.agent.kill();
  }

  start(): void {
    this.starts++;
    this.agent.spawn();
    this.isRunning = true;
    this.mended();
  }

  /** Ends it in the ordinary way. */
  async terminate(): Promise<void> {
    this.unsound();
    this.agent.signal('SIGTERM');
    await this.agent.exit(30_000);
    this.isRunning = false;
  }

  async standStill(forMs: number): Promise<void> {
    this.unsound();
    this.agent.signal('SIGSTOP');
    await pause(forMs);
    this.agent.signal('SIGCONT');
    this.mended();
  }

  /** Takes everything that it has stored. */
  wipe(): void {
    const { dataDir } = this.agent;
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true, force: true });
  }

  /** The body of an answer; undefined when there is none. */
  async json<T>(path: string, withinMs = 3_000): Promise<T | undefined> {
    const { status, text } = await this.client.get(path, withinMs);
    return status === 200 ? (JSON.parse(text) as T) : undefined;
  }

  async stop(): Promise<void> {
    this.client.close();
    this.unsound();
    this.isRunning = false;
    await this.agent.stop();
  }
}
