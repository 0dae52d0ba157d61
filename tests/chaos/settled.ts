import type { Machine } from './machine.ts';

const ALIVE = 1;
const KV_PATH = '/v1/kv/?recurse';
/** What servers must agree on, as any of them answers for itself. */
const STATE_PATHS = [
  KV_PATH,
  '/v1/catalog/nodes',
  '/v1/catalog/services',
  '/v1/health/state/any',
  '/v1/session/list',
  '/v1/query',
];

interface Health {
  readonly Healthy: boolean;
  readonly Servers: readonly { readonly Name: string; readonly Voter: boolean; readonly Healthy: boolean }[];
}

/** What is not yet as it should be after everything was healed; undefined when all is well. */
export async function unsettled(servers: readonly Machine[], clients: readonly Machine[]): Promise<string | undefined> {
  const machines = [...servers, ...clients];
  const down = machines.find((m) => !m.isRunning);
  if (down !== undefined) return `${down.name} does not run`;
  const names = sorted(machines.map((m) => m.name));
  const [first] = servers as [Machine];
  for (const m of machines) {
    const members = await m.json<{ Name: string; Status: number }[]>('/v1/agent/members');
    const alive = sorted((members ?? []).filter((o) => o.Status === ALIVE).map((o) => o.Name));
    if (alive !== names) return `${m.name} knows ${alive} to be alive`;
  }
  const leaders = await Promise.all(servers.map((m) => m.json<string>('/v1/status/leader')));
  if (leaders.some((l) => !l || l !== leaders[0])) return `the leader is ${leaders}`;
  const health = await first.json<Health>('/v1/operator/autopilot/health');
  const voters = sorted((health?.Servers ?? []).filter((s) => s.Voter && s.Healthy).map((s) => s.Name));
  if (health?.Healthy !== true || voters !== sorted(servers.map((m) => m.name))) return `healthy voters: ${voters}`;
  const passing = await first.json<{ Node: string; CheckID: string }[]>('/v1/health/state/passing');
  const nodes = sorted((passing ?? []).filter((c) => c.CheckID === 'serfHealth').map((c) => c.Node));
  return nodes === names ? undefined : `nodes with a passing check: ${nodes}`;
}

const sorted = (names: readonly string[]): string => [...names].sort().join(' ');

/** In what the stores of two servers differ; undefined when all are equal. */
export async function difference(servers: readonly Machine[]): Promise<string | undefined> {
  for (const path of STATE_PATHS) {
    const query = `${path}${path.includes('?') ? '&' : '?'}stale`;
    const answers = await Promise.all(servers.map((m) => m.client.get(query)));
    const [first] = answers;
    for (const [i, { status, text, index }] of answers.entries()) {
      const name = servers[i]?.name;
      if (status !== 200) return `${name} answers ${path} with ${status} ${text}`;
      if (text !== first?.text) return `${path} at ${name} is not what it is at ${servers[0]?.name}`;
      // Other answers may keep the index at which they last changed, where another server has a later one.
      if (path === KV_PATH && index !== first.index)
        return `${path} has the index ${index} at ${name}, ${first.index} at ${servers[0]?.name}`;
    }
  }
  return undefined;
}

interface Service {
  readonly ID: string;
  readonly Port: number;
}

interface Check {
  readonly CheckID: string;
  readonly Status: string;
}

/** In what the catalog differs from what an agent has; undefined when it does not. */
export async function uncatalogued(m: Machine, asked: Machine): Promise<string | undefined> {
  const [own, node, checks, told] = await Promise.all([
    m.json<Record<string, Service>>('/v1/agent/services'),
    asked.json<{ Services: Record<string, Service> } | null>(`/v1/catalog/node/${m.name}`),
    m.json<Record<string, Check>>('/v1/agent/checks'),
    asked.json<Check[]>(`/v1/health/node/${m.name}`),
  ]);
  const services = (of: Readonly<Record<string, Service>> | undefined) =>
    sorted(
      Object.values(of ?? {})
        .filter((s) => s.ID !== 'consul')
        .map((s) => `${s.ID}:${s.Port}`),
    );
  const [mine, theirs] = [services(own), services(node?.Services)];
  if (own === undefined || mine !== theirs) return `${m.name} has the services ${mine}, the catalog ${theirs}`;
  const states = (of: readonly Check[]) => sorted(of.map((c) => `${c.CheckID} ${c.Status}`));
  const expected = states([...Object.values(checks ?? {}), { CheckID: 'serfHealth', Status: 'passing' }]);
  const found = states(told ?? []);
  return expected === found ? undefined : `${m.name} has the checks ${expected}, the catalog ${found}`;
}
