import { eventually, pause } from '../e2e/harness.ts';
import { mulberry32 } from '../e2e/random.ts';
import type { Load } from './load.ts';
import type { Machine } from './machine.ts';
import { unsettled } from './settled.ts';
import type { World } from './world.ts';

/** How long a death may go unnoticed. Source: reliability goals, R14, with room for a busy machine. */
const NOTICED_WITHIN_MS = 30_000;
const ASK_WITHIN_MS = 1_000;
const POLL_MS = 25;
/** Within this time after the last fault everybody is back in place. */
const WHOLE_WITHIN_MS = 90_000;
const WHOLE_POLL_MS = 100;

/** What a fault acts on: the cluster, its surroundings, chance, and the programs that use it. */
export class Scene {
  readonly world: World;
  readonly servers: Machine[];
  readonly clients: Machine[];
  readonly random: () => number;
  readonly load: Load;
  readonly wrong: string[] = [];
  readonly notes: string[] = [];
  /** Milliseconds from a kill -9 to the critical check. */
  readonly noticedMs: number[] = [];
  /** A restored state may be older than what watchers have seen. */
  mayGoBack = false;
  readonly #from = performance.now();

  constructor(world: World, servers: Machine[], clients: Machine[], seed: number, load: Load) {
    this.world = world;
    this.servers = servers;
    this.clients = clients;
    this.random = mulberry32(seed);
    this.load = load;
  }

  get machines(): readonly Machine[] {
    return [...this.servers, ...this.clients];
  }

  /** Words of the protocol of the run. */
  note(text: string): void {
    this.notes.push(`${((performance.now() - this.#from) / 1000).toFixed(2).padStart(7)} ${text}`);
  }

  fail(text: string): void {
    this.wrong.push(text);
  }

  readonly pause = pause;

  /** A time between the two, by chance. */
  between(leastMs: number, mostMs: number): number {
    return Math.round(leastMs + this.random() * (mostMs - leastMs));
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)] as T;
  }

  /** In another order. */
  shuffled<T>(of: readonly T[]): T[] {
    const out = [...of];
    for (let i = out.length - 1; i > 0; i--) {
      const j = Math.floor(this.random() * (i + 1));
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }

  /** The server that most of those that run take for the leader. */
  async leader(): Promise<Machine> {
    return await eventually(
      async () => {
        const asked = this.servers.filter((s) => s.isRunning);
        const told = await Promise.all(asked.map((s) => s.json<string>('/v1/status/leader', ASK_WITHIN_MS)));
        return this.servers.find((s) => {
          const address = `${s.host}:${s.agent.ports.server}`;
          return s.isRunning && told.filter((t) => t === address).length * 2 > asked.length;
        });
      },
      { withinMs: 60_000, what: 'a leader' },
    );
  }

  async follower(): Promise<Machine> {
    const leader = await this.leader();
    return this.pick(this.servers.filter((s) => s !== leader && s.isRunning));
  }

  /** So many servers that the others are no majority; the leader is one of them or not, by chance. */
  majority(): Machine[] {
    return this.shuffled(this.servers).slice(0, Math.floor(this.servers.length / 2) + 1);
  }

  minority(): Machine[] {
    return this.shuffled(this.servers).slice(0, Math.floor((this.servers.length - 1) / 2));
  }

  async kill(m: Machine): Promise<void> {
    this.note(`kill -9 ${m.name}`);
    await m.kill();
  }

  start(m: Machine): void {
    this.note(`start ${m.name}`);
    m.start();
  }

  /** Waits until the catalog calls a machine that was killed at `from` critical, or has dropped it. */
  async noticed(m: Machine, from: number): Promise<void> {
    const end = from + NOTICED_WITHIN_MS;
    for (;;) {
      const asked = this.pick(this.servers.filter((s) => s.isRunning && s !== m));
      const checks = await asked.json<{ CheckID: string; Status: string }[]>(`/v1/health/node/${m.name}?stale`);
      const serf = checks?.find((c) => c.CheckID === 'serfHealth');
      if (checks !== undefined && serf?.Status !== 'passing') break;
      if (performance.now() > end) {
        this.fail(`nobody noticed within ${NOTICED_WITHIN_MS} ms that ${m.name} was killed`);
        return;
      }
      await pause(POLL_MS);
    }
    const took = performance.now() - from;
    this.noticedMs.push(took);
    this.note(`${m.name} is critical after ${Math.round(took)} ms`);
  }

  /** Waits until the cluster is as it was before anything went wrong, and tells how long that took. */
  async whole(): Promise<number> {
    const from = performance.now();
    let last: string | undefined;
    for (;;) {
      const fault = await unsettled(this.servers, this.clients);
      const took = performance.now() - from;
      if (fault === undefined) return took;
      if (fault !== last) this.note(`not whole: ${fault}`);
      last = fault;
      if (took > WHOLE_WITHIN_MS) {
        this.fail(`not whole after ${WHOLE_WITHIN_MS} ms: ${fault}`);
        return took;
      }
      await pause(WHOLE_POLL_MS);
    }
  }

  hosts(of: readonly Machine[]): string[] {
    return of.map((m) => m.host);
  }
}
