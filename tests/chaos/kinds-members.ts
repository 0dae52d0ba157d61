import { join } from 'node:path';
import { TestAgent } from '../e2e/harness.ts';
import { type Kind, kind } from './kind.ts';
import { Machine } from './machine.ts';
import type { Scene } from './scene.ts';

interface Peer {
  readonly ID: string;
  readonly Node: string;
  readonly Voter: boolean;
}

const peers = async (m: Machine): Promise<readonly Peer[] | undefined> =>
  (await m.json<{ Servers: Peer[] }>('/v1/operator/raft/configuration'))?.Servers;

/** A server that was not there before, with the settings of the others. */
async function addServer(scene: Scene, name: string): Promise<Machine> {
  const [first] = scene.servers as [Machine];
  const { config = {} } = first.agent.options;
  const place = await scene.world.place(name);
  const join = { retry_join: scene.servers.map((m) => `${m.host}:${m.agent.ports.serf_lan}`) };
  const { dataDir: _, ...settings } = first.agent.options;
  const agent = new TestAgent({ ...settings, ...place, node: name, config: { ...config, ...join } });
  const added = new Machine(agent);
  added.unsound();
  scene.servers.push(added);
  scene.note(`${name} is added`);
  await agent.start();
  added.mended();
  return added;
}

async function removeServer(scene: Scene, m: Machine): Promise<void> {
  scene.note(`${m.name} leaves for good`);
  m.unsound();
  await m.client.put('/v1/agent/leave', undefined, 30_000);
  await m.agent.exit(30_000);
  scene.servers.splice(scene.servers.indexOf(m), 1);
  await m.stop();
}

export const MEMBER_KINDS: readonly Kind[] = [
  kind('remove-peer', 'an operator takes a follower out of the peers; it comes back by itself', [], async (scene) => {
    const m = await scene.follower();
    const leader = await scene.leader();
    const found = (await peers(leader))?.find((p) => p.Node === m.name);
    scene.note(`${m.name} is taken out of the peers`);
    await leader.client.ask('DELETE', `/v1/operator/raft/peer?id=${found?.ID}`, undefined);
    await scene.pause(scene.between(500, 3000));
    // Its process goes on; a restart brings it into the pool anew.
    await m.terminate();
    scene.start(m);
  }),
  kind(
    'add-server',
    'a further server joins while another one is down; it leaves again afterwards',
    [],
    async (scene) => {
      const m = await scene.follower();
      await scene.kill(m);
      const added = await addServer(scene, scene.newName());
      await scene.eventually(async () => (await peers(added))?.find((p) => p.Node === added.name)?.Voter, {
        withinMs: 60_000,
        what: 'a vote for the added server',
      });
      scene.start(m);
      await scene.whole();
      await removeServer(scene, added);
    },
  ),
  kind('transfer', 'the leadership is handed over under load, several times', [], async (scene) => {
    for (let n = 0; n < 6; n++) {
      const at = scene.pick(scene.machines);
      scene.note(`hand over, asked of ${at.name}`);
      await at.client.ask('POST', '/v1/operator/raft/transfer-leader', undefined);
      await scene.pause(scene.between(100, 900));
    }
  }),
  kind('snapshot-save', 'archives are saved under load while the leader is killed', [], async (scene) => {
    const victim = await scene.leader();
    const saved = scene.shuffled(scene.machines).map(async (m) => {
      for (let n = 0; n < 3; n++) {
        const { status } = await m.client.get('/v1/snapshot');
        if (status === 200) scene.note(`${m.name} has saved an archive`);
        await scene.pause(200);
      }
    });
    await scene.pause(scene.between(50, 500));
    await scene.kill(victim);
    await Promise.all(saved);
    scene.start(victim);
  }),
  kind(
    'snapshot-restore',
    'an archive is restored; what was written since is gone, everything else stays',
    [],
    async (scene) => {
      await scene.load.hold();
      scene.mayGoBack = true;
      const at = scene.pick(scene.machines);
      const file = join(at.agent.dir, 'state.snap');
      const save = await at.agent.cli(['snapshot', 'save', file]);
      if (save.code !== 0) scene.fail(`nothing was saved at ${at.name}: ${save.stderr}`);
      await at.client.put('/v1/kv/since/save', 'x');
      const restore = await at.agent.cli(['snapshot', 'restore', file]);
      if (restore.code !== 0) scene.fail(`nothing was restored at ${at.name}: ${restore.stderr}`);
      scene.note(`restored at ${at.name}`);
      const { status } = await at.client.get('/v1/kv/since/save?consistent');
      if (status !== 404)
        scene.fail(`what was written after the archive was saved is there after it was restored: ${status}`);
      scene.load.resume();
      await scene.pause(1000);
    },
  ),
  kind(
    'recover',
    'all servers are killed; one is told to go on alone, the others join it with nothing',
    [],
    async (scene) => {
      const kept = await recover(scene);
      for (const m of scene.servers) if (m !== kept) m.wipe();
      scene.start(kept);
      await scene.eventually(async () => (await kept.json<string>('/v1/status/leader')) !== '', {
        withinMs: 60_000,
        what: 'a leader',
      });
      for (const m of scene.servers) if (m !== kept) scene.start(m);
    },
  ),
];

/** Kills all servers and makes the one with the most recent log the only peer. */
async function recover(scene: Scene): Promise<Machine> {
  scene.note('kill -9 of all servers');
  await Promise.all(scene.servers.map((m) => m.kill()));
  const command = (m: Machine, ...args: string[]) =>
    m.agent.cli(['operator', 'raft', 'recover', `-data-dir=${m.agent.dataDir}`, ...args]);
  const logs = await Promise.all(
    scene.servers.map(async (m) => {
      const { stdout } = await command(m);
      const [, index = 0, term = 0] = (/Last index (\d+) of term (\d+)/.exec(stdout) ?? []).map(Number);
      return { m, index, term };
    }),
  );
  logs.sort((a, b) => b.term - a.term || b.index - a.index);
  const { m } = logs[0] as { m: Machine };
  const done = await command(m, '-keep=self');
  scene.note(`${m.name} goes on alone: ${done.stdout.split('\n')[0]}`);
  if (done.code !== 0) throw new Error(`recover: ${done.stderr}`);
  return m;
}
