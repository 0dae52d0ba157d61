import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '../cluster/cluster.ts';
import { pause } from '../e2e/harness.ts';
import { judge } from './judge.ts';
import { Load } from './load.ts';
import { Machine } from './machine.ts';
import type { Episode } from './order.ts';
import { OwnPause } from './own-pause.ts';
import { Programs } from './programs.ts';
import { type Death, Scene } from './scene.ts';
import type { World } from './world.ts';

export interface ChaosOptions {
  /** One after the other on the same cluster, under the same programs, until one finds something. */
  readonly episodes: readonly Episode[];
  readonly servers: number;
  /** Each fault is begun again until this time is over. */
  readonly seconds: number;
  readonly world: World;
  /** Hears of each episode as soon as it was judged. */
  readonly onResult?: (result: ChaosResult) => void;
}

export interface ChaosResult {
  readonly kind: string;
  readonly seed: number;
  readonly servers: number;
  readonly wrong: readonly string[];
  /** The longest time without an acknowledged write, from the first fault on. */
  readonly gapMs: number;
  /** The longest time for which a sound server gave no stale answer. */
  readonly staleGapMs: number;
  readonly noticedMs: readonly number[];
  /** From each kill -9 of a leader to the first acknowledgement of a write that began after it, and what is known of that time. */
  readonly deaths: readonly (Death & { readonly leaderlessMs: number })[];
  readonly powerCuts: number;
  /** The longest time for which the program that judges stood still itself. */
  readonly ownPauseMs: number;
  /** How long it took until everybody was back in place. */
  readonly wholeMs: number;
  readonly wallMs: number;
  readonly writes: number;
  readonly operations: number;
  /** Writes the protocol, the logs and the histories into a folder. */
  keep(dir: string): void;
}

const CLIENTS = 2;
/** So long everything works before the first fault, and so long the programs go on after the last. */
const CALM_MS = 1_500;

/** Settings that bring on within seconds what takes minutes otherwise. */
const SETTINGS = {
  log_level: 'info',
  disable_update_check: true,
  // So that snapshots, and logs cut short, are part of every run.
  raft_snapshot_threshold: 512,
  raft_snapshot_interval: '2s',
  raft_trailing_logs: 256,
  autopilot: { server_stabilization_time: '1s' },
};

/** One cluster, and one fault after the other; what came of each. Throws when no cluster comes up. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult[]> {
  const { episodes, servers, seconds, world, onResult } = options;
  const place = (node: string) => world.place(node);
  const cluster = await Cluster.start({ servers, clients: CLIENTS, config: SETTINGS, place });
  const run = new ChaosRun(cluster, world, episodes[0]?.seed ?? 0);
  const results: ChaosResult[] = [];
  try {
    for (const episode of episodes) {
      const result = await run.episode(episode, seconds);
      results.push(result);
      onResult?.(result);
      // Whatever comes next would find it again.
      if (result.wrong.length > 0) break;
    }
  } finally {
    await run.end();
  }
  return results;
}

/** One cluster and the programs that use it. What they see is kept from the first episode to the last. */
class ChaosRun {
  readonly #scene: Scene;
  readonly #programs: Programs;
  readonly #servers: number;
  #isBegun = false;

  constructor(cluster: Cluster, world: World, seed: number) {
    this.#scene = sceneOf(cluster, world);
    this.#servers = cluster.servers.length;
    knowEachOther(this.#scene);
    this.#programs = new Programs(this.#scene.load, this.#scene.servers, this.#scene.clients, seed);
  }

  /** Lets a fault happen while the programs go on; afterwards they stop, and all that they have seen is judged. */
  async episode({ kind, seed }: Episode, seconds: number): Promise<ChaosResult> {
    const [scene, programs] = [this.#scene, this.#programs];
    const ownPause = new OwnPause();
    const startedAt = performance.now();
    const before = programs.counts();
    let wholeMs = 0;
    let faultAt = startedAt;
    scene.begin(kind.name, seed);
    programs.begin();
    try {
      await this.#use();
      await pause(CALM_MS);
      faultAt = performance.now();
      do await kind.run(scene);
      while (performance.now() < faultAt + seconds * 1000);
      scene.note('everything is healed');
      wholeMs = await scene.whole();
      await pause(CALM_MS);
      await scene.load.hold();
      scene.note('the programs have stopped');
      await judge(scene, programs);
    } catch (error) {
      scene.fail(`the run broke off: ${(error as Error).stack ?? error}`);
    }
    const { wrong, noticedMs, powerCuts } = scene;
    const after = programs.counts();
    return {
      ...{ kind: kind.name, seed, servers: this.#servers, wrong, noticedMs, powerCuts, wholeMs },
      ownPauseMs: ownPause.end(),
      wallMs: performance.now() - startedAt,
      gapMs: programs.writes.gapMs(faultAt),
      deaths: scene.deaths.map((d) => ({ ...d, leaderlessMs: programs.writes.firstAfterMs(d.killedAt) })),
      staleGapMs: Math.max(...programs.stale.map((s) => s.worstMs)),
      writes: after.writes - before.writes,
      operations: after.operations - before.operations,
      keep: (dir) => this.#keep(dir),
    };
  }

  /** Starts the programs, or lets them go on. */
  async #use(): Promise<void> {
    const { load } = this.#scene;
    if (this.#isBegun) return load.resume();
    this.#isBegun = true;
    await this.#scene.whole();
    for (const watcher of this.#programs.watchers) watcher.start();
    // So that a killed agent has something to lose.
    for (const worker of this.#programs.services) await worker.register('web-2');
    load.start(this.#programs.workers);
  }

  #keep(dir: string): void {
    const { notes, wrong, machines } = this.#scene;
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'protocol.txt'), [...notes, '', ...wrong, ''].join('\n'));
    writeFileSync(join(dir, 'history.jsonl'), this.#programs.history());
    for (const { name, agent } of machines) writeFileSync(join(dir, `${name}.log`), agent.log);
  }

  async end(): Promise<void> {
    for (const watcher of this.#programs.watchers) watcher.stop();
    await this.#scene.load.stop().catch(() => {});
    await Promise.all(this.#scene.machines.map((m) => m.stop()));
  }
}

/** Whoever has left, or lost what it knew, finds the others from its configuration. */
function knowEachOther({ servers, machines }: Scene): void {
  const addresses = servers.map((m) => `${m.host}:${m.agent.ports.serf_lan}`);
  for (const { agent } of machines) agent.writeConfig('join.json', JSON.stringify({ retry_join: addresses }));
}

function sceneOf(cluster: Cluster, world: World): Scene {
  const [servers, clients] = [cluster.servers, cluster.clients].map((of) => of.map((agent) => new Machine(agent)));
  const load = new Load(() => scene.machines);
  const scene: Scene = new Scene(world, servers as Machine[], clients as Machine[], load);
  return scene;
}
