import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '../cluster/cluster.ts';
import { pause } from '../e2e/harness.ts';
import { judge } from './judge.ts';
import type { Kind } from './kind.ts';
import { Load } from './load.ts';
import { Machine } from './machine.ts';
import { OwnPause } from './own-pause.ts';
import { Programs } from './programs.ts';
import { Scene } from './scene.ts';
import type { World } from './world.ts';

export interface ChaosOptions {
  readonly kind: Kind;
  readonly seed: number;
  readonly servers: number;
  /** The fault is begun again until this time is over. */
  readonly seconds: number;
  readonly world: World;
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
  /** The longest time for which the program that judges stood still itself. */
  readonly ownPauseMs: number;
  /** How long it took until everybody was back in place. */
  readonly wholeMs: number;
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

/** One cluster, one kind of fault, one seed. */
export async function runChaos({ kind, seed, servers, seconds, world }: ChaosOptions): Promise<ChaosResult> {
  const place = (node: string) => world.place(node);
  const cluster = await Cluster.start({ servers, clients: CLIENTS, config: SETTINGS, place });
  const scene = sceneOf(cluster, world, seed);
  knowEachOther(scene);
  const { load } = scene;
  const programs = new Programs(load, scene.servers, scene.clients, seed);
  const ownPause = new OwnPause();
  let ownPauseMs = 0;
  let wholeMs = 0;
  let faultAt = performance.now();
  try {
    await scene.whole();
    for (const watcher of programs.watchers) watcher.start();
    // So that a killed agent has something to lose.
    for (const worker of programs.services) await worker.register('web-2');
    load.start(programs.workers);
    await pause(CALM_MS);
    faultAt = performance.now();
    do await kind.run(scene);
    while (performance.now() < faultAt + seconds * 1000);
    scene.note('everything is healed');
    wholeMs = await scene.whole();
    await pause(CALM_MS);
    await load.stop();
    scene.note('the programs have ended');
    await judge(scene, programs);
  } catch (error) {
    scene.fail(`the run broke off: ${(error as Error).stack ?? error}`);
  } finally {
    ownPauseMs = ownPause.end();
    for (const watcher of programs.watchers) watcher.stop();
    await load.stop().catch(() => {});
    await Promise.all(scene.machines.map((m) => m.stop()));
  }
  const { wrong, noticedMs, notes } = scene;
  const { writes, registers, lists, locks, stale } = programs;
  return {
    kind: kind.name,
    seed,
    servers,
    wrong,
    noticedMs,
    ownPauseMs,
    wholeMs,
    gapMs: writes.gapMs(faultAt),
    staleGapMs: Math.max(...stale.map((s) => s.worstMs)),
    writes: writes.keys.length,
    operations: registers.ops.length + lists.appends.length + lists.reads.length + locks.grants.length,
    keep: (dir) => {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'protocol.txt'), [...notes, '', ...wrong, ''].join('\n'));
      writeFileSync(join(dir, 'history.jsonl'), programs.history());
      for (const { name, agent } of scene.machines) writeFileSync(join(dir, `${name}.log`), agent.log);
    },
  };
}

/** Whoever has left, or lost what it knew, finds the others from its configuration. */
function knowEachOther({ servers, machines }: Scene): void {
  const addresses = servers.map((m) => `${m.host}:${m.agent.ports.serf_lan}`);
  for (const { agent } of machines) agent.writeConfig('join.json', JSON.stringify({ retry_join: addresses }));
}

function sceneOf(cluster: Cluster, world: World, seed: number): Scene {
  const [servers, clients] = [cluster.servers, cluster.clients].map((of) => of.map((agent) => new Machine(agent)));
  const load = new Load(() => scene.machines);
  const scene: Scene = new Scene(world, servers as Machine[], clients as Machine[], seed, load);
  return scene;
}
