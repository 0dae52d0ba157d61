import { type Kind, kind } from './kind.ts';
import type { Machine } from './machine.ts';
import type { Scene } from './scene.ts';

/** Shorter than a lease lasts, and longer than a new leader takes. */
const SHORT_MS = [50, 350] as const;
const LONG_MS = [2500, 6000] as const;

/** Of leaders, one after the other. */
const KILLS = 10;

async function killAndNotice(scene: Scene, m: Machine): Promise<void> {
  const from = performance.now();
  await scene.kill(m);
  await scene.noticed(m, from);
  scene.start(m);
}

async function killTogether(scene: Scene, victims: readonly Machine[]): Promise<void> {
  scene.note(`kill -9 ${victims.map((m) => m.name).join(' ')}`);
  await Promise.all(victims.map((m) => m.kill()));
  await scene.pause(scene.between(100, 3000));
  for (const m of scene.shuffled(victims)) {
    await scene.pause(scene.between(0, 500));
    scene.start(m);
  }
}

async function standStill(scene: Scene, victims: readonly Machine[], [least, most]: readonly [number, number]) {
  const forMs = scene.between(least, most);
  scene.note(`SIGSTOP ${victims.map((m) => m.name).join(' ')} for ${forMs} ms`);
  await Promise.all(victims.map((m) => m.standStill(forMs)));
}

export const PROCESS_KINDS: readonly Kind[] = [
  kind('kill-leader', 'kill -9 of the leader, started again once its death was noticed', [], async (scene) => {
    const { victim, killedAt } = await scene.killLeader();
    await scene.noticed(victim, killedAt);
    scene.start(victim);
  }),
  kind(
    'kill-leader-often',
    'kill -9 of the leader, ten times, each as soon as the one before follows and votes',
    [],
    async (scene) => {
      for (let n = 0; n < KILLS; n++) {
        const { victim } = await scene.killLeader();
        scene.start(victim);
        await scene.follows(victim);
        await scene.pause(scene.between(0, 1000));
      }
    },
  ),
  kind('kill-follower', 'kill -9 of a follower, started again once its death was noticed', [], async (scene) => {
    await killAndNotice(scene, await scene.follower());
  }),
  kind('kill-majority', 'kill -9 of a majority of the servers at once', [], async (scene) => {
    await killTogether(scene, scene.majority());
  }),
  kind('kill-all', 'kill -9 of all servers at once', [], async (scene) => {
    await killTogether(scene, scene.servers);
  }),
  kind('kill-client', 'kill -9 of a client agent, started again once its death was noticed', [], async (scene) => {
    await killAndNotice(scene, scene.pick(scene.clients));
  }),
  kind('kill-starting', 'a server is killed again and again while it starts', [], async (scene) => {
    const m = await scene.follower();
    await scene.kill(m);
    for (let n = 0; n < 4; n++) {
      scene.start(m);
      await scene.pause(scene.between(50, 1500));
      await scene.kill(m);
    }
    scene.start(m);
  }),
  kind('stop-leader-short', 'SIGSTOP of the leader, shorter than its lease, several times', [], async (scene) => {
    for (let n = 0; n < 5; n++) {
      await standStill(scene, [await scene.leader()], SHORT_MS);
      await scene.pause(scene.between(50, 600));
    }
  }),
  kind('stop-leader-long', 'SIGSTOP of the leader until another one leads', [], async (scene) => {
    await standStill(scene, [await scene.leader()], LONG_MS);
  }),
  kind('stop-follower', 'SIGSTOP of a follower for seconds', [], async (scene) => {
    await standStill(scene, [await scene.follower()], LONG_MS);
  }),
  kind('stop-majority', 'SIGSTOP of a majority of the servers for seconds', [], async (scene) => {
    await standStill(scene, scene.majority(), LONG_MS);
  }),
  kind('stop-all', 'SIGSTOP of all servers, as when a host is moved', [], async (scene) => {
    await standStill(scene, scene.servers, LONG_MS);
  }),
  kind('stop-client', 'SIGSTOP of a client agent for seconds', [], async (scene) => {
    await standStill(scene, [scene.pick(scene.clients)], LONG_MS);
  }),
  kind('restart-rolling', 'SIGTERM and start of one server after the other', [], async (scene) => {
    for (const m of scene.shuffled(scene.servers)) {
      scene.note(`SIGTERM ${m.name}`);
      await m.terminate();
      scene.start(m);
      await scene.whole();
    }
  }),
  kind('leave-and-return', 'a server leaves and comes back', [], async (scene) => {
    const m = scene.random() < 0.5 ? await scene.leader() : await scene.follower();
    scene.note(`${m.name} leaves`);
    m.unsound();
    await m.client.put('/v1/agent/leave', undefined, 30_000);
    await m.agent.exit(30_000);
    m.isRunning = false;
    await scene.pause(scene.between(0, 2000));
    scene.start(m);
  }),
];
