import { checkLists } from './lists.ts';
import { checkLocks, type Removal, untilRemoved } from './locks.ts';
import type { Machine } from './machine.ts';
import { LISTS, type Programs } from './programs.ts';
import { checkRegisters } from './registers.ts';
import type { Scene } from './scene.ts';
import { difference, uncatalogued } from './settled.ts';
import { checkWatched } from './watching.ts';
import { askNames } from './work/names.ts';
import { REGISTERS } from './work/registers.ts';
import { SERVICE } from './work/services.ts';

/** After everything is healed and nobody writes any more, all is in its place within this time. */
const AT_REST_WITHIN_MS = 30_000;
/** A stale read is never away; this long it may take on a machine with so many processes. */
const STALE_GAP_MS_MAX = 10_000;
/** So many instances fit into any answer by DNS. */
const TOLD_LEAST = 3;

/** Looks at everything once the programs have ended: what is wrong goes to the scene. */
export async function judge(scene: Scene, programs: Programs): Promise<void> {
  await lastChanges(scene, programs);
  await atRest(scene, 'the stores are equal', () => difference(scene.servers));
  const leader = await scene.leader();
  for (const m of scene.machines)
    await atRest(scene, 'the catalog has what agents have', () => uncatalogued(m, leader));
  const wrong = [
    ...(await acknowledged(leader, programs)),
    ...checkRegisters(programs.registers.ops),
    ...checkLists(programs.lists.appends, programs.lists.reads, await lists(leader, programs)),
    ...checkLocks(untilRemoved(programs.locks.grants, removals(scene)), programs.locks.fenced),
    ...(await watchers(scene, leader, programs)),
    ...(await names(scene, programs)),
    ...(await services(programs)),
    ...programs.stale.flatMap(({ worstMs, at }) =>
      worstMs > STALE_GAP_MS_MAX ? [`${at.name} gave no stale answer for ${Math.round(worstMs)} ms`] : [],
    ),
  ];
  for (const text of wrong) scene.fail(text);
}

/** What servers log when a node is to be taken out of the catalog. */
const REMOVAL = /^(\S+) \[INFO\] +agent\.server: deregistering member: member=(\S+) /gm;

/** The nodes that left, or were given up, with all their sessions. */
const removals = ({ machines }: Scene): Removal[] =>
  machines.flatMap(({ agent }) =>
    [...agent.log.matchAll(REMOVAL)].map(([, time = '', node = '']) => ({
      node,
      at: Date.parse(time) - performance.timeOrigin,
    })),
  );

/** Waits until nothing is wrong any more; what still is after that time is a violation. */
async function atRest(scene: Scene, what: string, fault: () => Promise<string | undefined>): Promise<void> {
  let last: string | undefined;
  try {
    await scene.eventually(
      async () => {
        last = await fault();
        return last === undefined;
      },
      { withinMs: AT_REST_WITHIN_MS, what },
    );
  } catch {
    scene.fail(last ?? what);
  }
}

/** One more change of everything that is watched, so that the end differs from all before. */
async function lastChanges(scene: Scene, programs: Programs): Promise<void> {
  const leader = await scene.leader();
  for (const key of REGISTERS) {
    const value = programs.registers.next();
    const { outcome, startedAt, endedAt } = await leader.client.put(`/v1/kv/${key}`, value);
    const ended = outcome === 'done' ? endedAt : Number.POSITIVE_INFINITY;
    const op = { key, value, startedAt, endedAt: ended, kind: 'write' as const, mode: 'default' as const };
    programs.registers.ops.push({ ...op, at: leader.name, index: 0 });
    if (outcome !== 'done') scene.fail(`no write of ${key} after everything was healed`);
  }
  for (const worker of programs.services) await worker.register('web-1');
}

/** Every key whose write was acknowledged is there. */
async function acknowledged(leader: Machine, { writes }: Programs): Promise<string[]> {
  const keys = [...writes.acknowledged.keys()];
  const there = new Set(await leader.json<string[]>('/v1/kv/probe/?keys&consistent', 10_000));
  return keys.filter((key) => !there.has(key)).map((key) => `${key} is lost, which was acknowledged`);
}

async function lists(leader: Machine, { lists: history }: Programs): Promise<Map<string, readonly string[]>> {
  const out = new Map<string, readonly string[]>();
  for (const key of LISTS) out.set(key, (await history.read(leader, key, '&consistent'))?.items ?? []);
  return out;
}

async function watchers(scene: Scene, leader: Machine, programs: Programs): Promise<string[]> {
  const wanted = new Map<string, string>();
  const ended = async () => {
    for (const { path } of programs.watchers) {
      const { status, text } = await leader.client.get(path);
      wanted.set(path, `${status} ${text}`);
    }
    return programs.watchers.every((w) => w.last === wanted.get(w.path));
  };
  // Who is late is judged below.
  await scene.eventually(ended, { withinMs: AT_REST_WITHIN_MS, what: 'the last state' }).catch(() => {});
  return checkWatched(
    programs.watchers.map((w) => w.seen(wanted.get(w.path) ?? '')),
    scene.mayGoBack,
  );
}

/** DNS told nothing that was never registered, and every agent tells what is there in the end. */
async function names(scene: Scene, programs: Programs): Promise<string[]> {
  const wrong = [...programs.names.told]
    .filter(([port]) => !programs.ports.ports.has(port))
    .map(([port, at]) => `${at} told by DNS the port ${port}, which nobody registered`);
  if (programs.names.answered === 0) wrong.push('no question by DNS was answered');
  for (const m of scene.machines) {
    let last = '';
    await scene
      .eventually(
        async () => {
          const rows = await m.json<Instance[]>(`/v1/health/service/${SERVICE}`);
          const sound = (rows ?? []).filter((r) => r.Checks.every((c) => c.Status !== 'critical'));
          const wanted = sound.map((r) => r.Service.Port);
          const told = await askNames(m.host, m.agent.ports.dns);
          last = `${m.name} tells by DNS ${told}, and by HTTP ${wanted}`;
          return rows !== undefined && told !== undefined && same(told, wanted);
        },
        { withinMs: AT_REST_WITHIN_MS, what: 'DNS' },
      )
      .catch(() => wrong.push(last));
  }
  return wrong;
}

interface Instance {
  readonly Service: { readonly Port: number };
  readonly Checks: readonly { readonly Status: string }[];
}

/** DNS leaves out what does not fit into a datagram, so a part of it will do when there are many. */
const same = (told: readonly number[], wanted: readonly number[]): boolean =>
  told.every((port) => wanted.includes(port)) && told.length >= Math.min(wanted.length, TOLD_LEAST);

/** What an agent said that it had taken on is there, also after it was killed. */
async function services(programs: Programs): Promise<string[]> {
  const wrong: string[] = [];
  for (const worker of programs.services) wrong.push(...worker.lost, ...((await worker.missing()) ?? []));
  return wrong;
}
