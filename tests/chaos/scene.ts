import { pause } from '../e2e/harness.ts';
import { mulberry32 } from '../e2e/random.ts';
import type { Load } from './load.ts';
import type { Machine } from './machine.ts';
import { unsettled } from './settled.ts';
import { shuffled } from './shuffled.ts';
import { FairTime, waitedMs } from './starvation.ts';
import type { World } from './world.ts';

/** How long a death may go unnoticed. Source: reliability goals, R14, with room for a busy machine. */
const NOTICED_WITHIN_MS = 30_000;
const ASK_WITHIN_MS = 1_000;
const POLL_MS = 50;
/** Numbers of servers that join later begin here. */
const FIRST_NEW = 9;
/** Within this time after the last fault everybody is back in place. */
const WHOLE_WITHIN_MS = 90_000;
const WHOLE_POLL_MS = 300;

/** The death of a leader. */
export interface Death {
  readonly killedAt: number;
  /** For how long, until another one led, one of the other servers or this program had no processor: the longest of these times. */
  readonly starvedMs: number;
}

/** What a fault acts on: the cluster, its surroundings, chance, and the programs that use it. */
export class Scene {
  readonly world: World;
  readonly servers: Machine[];
  readonly clients: Machine[];
  random: () => number = () => 0;
  readonly load: Load;
  wrong: string[] = [];
  readonly notes: string[] = [];
  /** Milliseconds from a kill -9 to the critical check. */
  noticedMs: number[] = [];
  /** Leaders that were killed with kill -9. */
  deaths: Death[] = [];
  /** How often all servers lost their power together. */
  powerCuts = 0;
  /** A restored state may be older than what watchers have seen. */
  mayGoBack = false;
  readonly #from = performance.now();
  #added = 0;

  constructor(world: World, servers: Machine[], clients: Machine[], load: Load) {
    this.world = world;
    this.servers = servers;
    this.clients = clients;
    this.load = load;
  }

  /** From here on everything belongs to another fault, with another seed. */
  begin(name: string, seed: number): void {
    this.note(`${name}, seed ${seed}`);
    this.random = mulberry32(seed);
    this.wrong = [];
    this.noticedMs = [];
    this.deaths = [];
    this.powerCuts = 0;
    this.mayGoBack = false;
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
    return shuffled(this.random, of);
  }

  /** The time that the agents which run, and this program, had to do something. */
  fairTime(): FairTime {
    const running = () => this.machines.filter((m) => m.isRunning).map((m) => m.agent.pid);
    return new FairTime(() => [process.pid, ...running()]);
  }

  /** Waits until the answer is more than nothing; throws when it is not within so much {@link fairTime}. */
  async eventually<T>(
    ask: () => Promise<T>,
    { withinMs, what }: { readonly withinMs: number; readonly what: string },
  ): Promise<Exclude<T, undefined | null | false | ''>> {
    for (const time = this.fairTime(); ; ) {
      const found = await ask();
      if (found) return found as Exclude<T, undefined | null | false | ''>;
      if (time.elapsedMs() > withinMs) throw new Error(`${what} did not come within ${withinMs} ms`);
      await pause(POLL_MS);
    }
  }

  /** The server that most of those that run take for the leader. */
  async leader(): Promise<Machine> {
    return await this.eventually(
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

  /** For a server that was not there before. */
  newName(): string {
    return `s${FIRST_NEW + this.#added++}`;
  }

  /** Returns when another one leads. */
  async killLeader(): Promise<{ readonly victim: Machine; readonly killedAt: number }> {
    const victim = await this.leader();
    const pids = [process.pid, ...this.servers.filter((m) => m !== victim && m.isRunning).map((m) => m.agent.pid)];
    const before = pids.map(waitedMs);
    const killedAt = performance.now();
    await this.kill(victim);
    await this.leader();
    const starvedMs = Math.max(...pids.map((pid, i) => waitedMs(pid) - (before[i] as number)));
    this.deaths.push({ killedAt, starvedMs });
    return { victim, killedAt };
  }

  /**
   * Waits until a server that was started again hears a leader, and all servers vote: one that was away for long is taken out of the
   * peers, and without its vote the next death may be one too many.
   */
  async follows(m: Machine): Promise<void> {
    const votes = async () => {
      if (!(await m.json<string>('/v1/status/leader', ASK_WITHIN_MS))) return false;
      const peers = await m.json<{ Servers: { Voter: boolean }[] }>('/v1/operator/raft/configuration');
      return peers?.Servers.filter((s) => s.Voter).length === this.servers.length;
    };
    await this.eventually(votes, { withinMs: 60_000, what: `a leader for ${m.name}, and a vote for everybody` });
  }

  start(m: Machine): void {
    this.note(`start ${m.name}`);
    m.start();
  }

  /** Waits until the catalog calls a machine that was killed at `from` critical, or has dropped it. */
  async noticed(m: Machine, from: number): Promise<void> {
    for (const time = this.fairTime(); ; ) {
      const asked = this.pick(this.servers.filter((s) => s.isRunning && s !== m));
      const checks = await asked.json<{ CheckID: string; Status: string }[]>(`/v1/health/node/${m.name}?stale`);
      const serf = checks?.find((c) => c.CheckID === 'serfHealth');
      if (checks !== undefined && serf?.Status !== 'passing') break;
      if (time.elapsedMs() > NOTICED_WITHIN_MS) {
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
    for (const time = this.fairTime(); ; ) {
      const fault = await unsettled(this.servers, this.clients);
      const took = performance.now() - from;
      if (fault === undefined) return took;
      if (fault !== last) this.note(`not whole: ${fault}`);
      last = fault;
      if (time.elapsedMs() > WHOLE_WITHIN_MS) {
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
