import { type Kind, kind } from './kind.ts';
import type { Links } from './links.ts';
import type { Machine } from './machine.ts';
import type { Scene } from './scene.ts';

const CUT_MS = [3000, 7000] as const;
const KILOBITS = [200, 2000] as const;
const QUEUE_MS = 60;

const linksOf = (scene: Scene): Links => scene.world.links as Links;
const names = (of: readonly Machine[]): string => of.map((m) => m.name).join(' ');

async function keepFor(scene: Scene, [least, most]: readonly [number, number]): Promise<void> {
  const forMs = scene.between(least, most);
  await scene.pause(forMs);
  await linksOf(scene).heal();
  scene.note(`healed after ${forMs} ms`);
}

async function partFrom(scene: Scene, part: readonly Machine[], others: readonly Machine[]): Promise<void> {
  scene.note(`${names(part)} cut off`);
  await linksOf(scene).part(scene.hosts(part), scene.hosts(others));
}

const without = (scene: Scene, part: readonly Machine[]): Machine[] => scene.machines.filter((m) => !part.includes(m));

const links = (name: string, what: string, run: Kind['run']): Kind => kind(name, what, ['links'], run);

export const NETWORK_KINDS: readonly Kind[] = [
  links('cut-leader', 'the leader is cut off from everybody', async (scene) => {
    const leader = await scene.leader();
    await partFrom(scene, [leader], without(scene, [leader]));
    await keepFor(scene, CUT_MS);
  }),
  links('cut-minority', 'a minority of the servers is cut off together, with one client agent', async (scene) => {
    const part = [...scene.minority(), scene.pick(scene.clients)];
    await partFrom(scene, part, without(scene, part));
    await keepFor(scene, CUT_MS);
  }),
  links('cut-all', 'nobody reaches anybody', async (scene) => {
    await partFrom(scene, scene.machines, scene.machines);
    await keepFor(scene, CUT_MS);
  }),
  links('deaf-leader', 'the leader sends and hears nothing', async (scene) => {
    const leader = await scene.leader();
    scene.note(`${leader.name} is deaf`);
    await linksOf(scene).cut(scene.hosts(without(scene, [leader])), [leader.host]);
    await keepFor(scene, CUT_MS);
  }),
  links('mute-leader', 'the leader hears and is not heard', async (scene) => {
    const leader = await scene.leader();
    scene.note(`${leader.name} is mute`);
    await linksOf(scene).cut([leader.host], scene.hosts(without(scene, [leader])));
    await keepFor(scene, CUT_MS);
  }),
  links('bridge', 'two halves of the servers that only one of them sees', async (scene) => {
    const [middle, ...others] = scene.shuffled(scene.servers) as [Machine, ...Machine[]];
    const left = others.slice(0, Math.floor(others.length / 2));
    const right = others.slice(left.length);
    scene.note(`${names(left)} and ${names(right)} see only ${middle.name}`);
    await linksOf(scene).part(scene.hosts(left), scene.hosts(right));
    await keepFor(scene, CUT_MS);
  }),
  links('flapping', 'links between servers come and go, one way or both', async (scene) => {
    const end = performance.now() + scene.between(...CUT_MS);
    while (performance.now() < end) {
      const [a, b] = scene.shuffled(scene.servers) as [Machine, Machine];
      await linksOf(scene).cut([a.host], [b.host]);
      if (scene.random() < 0.5) await linksOf(scene).cut([b.host], [a.host]);
      await scene.pause(scene.between(20, 700));
      if (scene.random() < 0.6) await linksOf(scene).heal();
    }
    await keepFor(scene, [0, 0]);
  }),
  links('stutter', 'everybody loses bursts of packets, tens of milliseconds long', async (scene) => {
    const end = performance.now() + scene.between(...CUT_MS);
    while (performance.now() < end) {
      const m = scene.pick(scene.machines);
      await linksOf(scene).part([m.host], scene.hosts(scene.machines));
      await scene.pause(scene.between(10, 80));
      await linksOf(scene).heal();
      await scene.pause(scene.between(10, 120));
    }
  }),
  links('swizzle', 'agents lose their links one after the other and get them back in another order', async (scene) => {
    const chosen = scene
      .shuffled(scene.machines)
      .slice(0, 2 + Math.floor(scene.random() * (scene.machines.length - 1)));
    for (const m of chosen) {
      await partFrom(scene, [m], scene.machines);
      await scene.pause(scene.between(50, 800));
    }
    for (const m of scene.shuffled(chosen)) {
      scene.note(`${m.name} is back`);
      await linksOf(scene).mend([m.host], scene.hosts(scene.machines));
      await linksOf(scene).mend(scene.hosts(scene.machines), [m.host]);
      await scene.pause(scene.between(50, 800));
    }
    await keepFor(scene, [0, 0]);
  }),
  links('cut-clients', 'all client agents are cut off from the servers', async (scene) => {
    await partFrom(scene, scene.clients, scene.servers);
    await keepFor(scene, CUT_MS);
  }),
  links('cable', 'the cable of the leader is pulled out', async (scene) => {
    const leader = await scene.leader();
    scene.note(`the cable of ${leader.name} is out`);
    leader.unsound();
    await linksOf(scene).unplug(leader.host);
    await scene.pause(scene.between(...CUT_MS));
    await linksOf(scene).plug(leader.host);
    leader.mended();
    scene.note('it is in again');
  }),
  links('narrow', 'the link of a server lets little through and loses what queues', async (scene) => {
    const m = scene.random() < 0.5 ? await scene.leader() : await scene.follower();
    const kilobits = scene.between(...KILOBITS);
    scene.note(`${m.name} has ${kilobits} kbit/s`);
    // What this program asks goes through the same link.
    m.unsound();
    await linksOf(scene).squeeze(m.host, kilobits, QUEUE_MS);
    await keepFor(scene, CUT_MS);
    m.mended();
  }),
  kind('weather', 'packets are late, lost, doubled and overtake each other', ['links', 'netem'], async (scene) => {
    for (const m of scene.machines) {
      const late = ['delay', `${scene.between(5, 60)}ms`, `${scene.between(5, 60)}ms`, 'reorder', '25%'];
      await linksOf(scene).disturb(m.host, ...late, 'loss', `${scene.between(1, 15)}%`, 'duplicate', '10%');
    }
    await keepFor(scene, CUT_MS);
  }),
];
