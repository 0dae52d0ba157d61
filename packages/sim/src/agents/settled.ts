import type { LocalServer, RunningAgent } from '@proconsul/agent';
import type { Machine } from './machine.ts';
import type { Oracle } from './oracle.ts';
import type { Scene } from './scene.ts';
import type { ServiceWorker } from './work/services.ts';

const ALIVE = 1;

/** What is not yet as it must be some time after everything was healed; undefined when all is well. */
export function unsettled(scene: Scene, oracle: Oracle, services: readonly ServiceWorker[]): string | undefined {
  const { machines, leader } = scene;
  const down = machines.find((m) => !m.isRunning);
  if (down !== undefined) return `${down.name} has not started`;
  if (leader?.server === undefined) return 'nobody leads';
  const { server } = leader;
  return (
    members(machines) ??
    wanMembers(scene) ??
    peers(scene, server) ??
    stores(scene, server) ??
    nodes(scene, server) ??
    first(machines, (m) => catalog(m, server)) ??
    first(services, expected) ??
    sessions(scene, server, oracle)
  );
}

function first<T>(of: readonly T[], fault: (one: T) => string | undefined): string | undefined {
  for (const one of of) {
    const found = fault(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

const running = (m: Machine): RunningAgent => m.life?.running as RunningAgent;

/** Everybody knows everybody to be alive. */
function members(machines: readonly Machine[]): string | undefined {
  return first(machines, (m) => {
    const known = running(m).agent.members({ wan: false, segment: '' });
    if (known.filter((o) => o.Status === ALIVE).length === machines.length) return undefined;
    return `${m.name} does not know all members to be alive: ${known.map((o) => `${o.Name} ${o.Status}`)}`;
  });
}

/** All servers know those of both datacenters to be alive. */
function wanMembers({ servers, far }: Scene): string | undefined {
  if (far === undefined) return undefined;
  if (!far.isRunning) return `${far.name} has not started`;
  const all = [...servers, far].map((m) => `${m.name}.${m.datacenter}`).sort();
  return first([...servers, far], (m) => {
    const known = running(m).agent.members({ wan: true, segment: '' });
    const alive = known.filter((o) => o.Status === ALIVE).map((o) => o.Name);
    return alive.sort().join() === all.join()
      ? undefined
      : `${m.name} knows on the WAN: ${known.map((o) => `${o.Name} ${o.Status}`)}`;
  });
}

function peers({ servers }: Scene, { raft }: LocalServer): string | undefined {
  const voters = raft.configuration().servers.filter((s) => s.suffrage === 'voter');
  return voters.length === servers.length ? undefined : `${voters.length} servers vote`;
}

function stores({ servers }: Scene, { store }: LocalServer): string | undefined {
  const index = store.lastIndex;
  const hash = store.stateHash();
  return first(servers, (m) => {
    const other = (m.server as LocalServer).store;
    if (other.lastIndex !== index) return `${m.name} has applied ${other.lastIndex} of ${index}`;
    return other.stateHash() === hash ? undefined : `${m.name} has another state than the leader at ${index}`;
  });
}

function nodes({ machines }: Scene, { store }: LocalServer): string | undefined {
  const there = store.catalog.nodes().value.map((n) => n.Node);
  const wanted = machines.map((m) => m.name);
  return there.sort().join() === wanted.sort().join() ? undefined : `the catalog has the nodes ${there}`;
}

/** The catalog has what the agent has: no more, no less, and in the same health. */
function catalog(m: Machine, { store }: LocalServer): string | undefined {
  const { agent } = running(m);
  const mine = Object.values(agent.services()).map(({ service }) => `${service.ID}:${service.Port}`);
  const theirs = Object.values(store.catalog.nodeServices(m.name).value?.Services ?? {})
    .filter((s) => s.ID !== 'consul')
    .map((s) => `${s.ID}:${s.Port}`);
  if (mine.sort().join() !== theirs.sort().join()) return `${m.name} has the services ${mine}, the catalog ${theirs}`;
  if (m.isServer && store.catalog.service(m.name, 'consul') === undefined) return `${m.name} is not among the servers`;
  const own = Object.values(agent.checks()).map((c) => `${c.CheckID} ${c.Status}`);
  const told = store.health.nodeChecks(m.name).value.map((c) => `${c.CheckID} ${c.Status}`);
  const all = [...own, 'serfHealth passing'];
  return all.sort().join() === told.sort().join() ? undefined : `${m.name} has the checks ${all}, the catalog ${told}`;
}

/** What an agent said that it had taken on is there, also after it was killed. */
function expected(worker: ServiceWorker): string | undefined {
  const there = running(worker.at).agent.services();
  for (const [id, { isThere }] of worker.expected) {
    if (isThere === undefined || isThere === (there[id] !== undefined)) continue;
    return `${worker.at.name} ${isThere ? 'has lost' : 'still has'} ${id}`;
  }
  return undefined;
}

function sessions({ servers, leader }: Scene, server: LocalServer, oracle: Oracle): string | undefined {
  const { store } = server;
  const [overdue] = oracle.overdue(server);
  if (overdue !== undefined) return `session ${overdue} does not end`;
  const timed = store.sessions.list().value.filter((s) => s.TTL !== '').length;
  return first(servers, (m) => {
    const { size } = (m.server as LocalServer).server.sessionTimers;
    const wanted = m === leader ? timed : 0;
    return size === wanted ? undefined : `${m.name} times ${size} sessions of ${wanted}`;
  });
}
