import { type AgentOptions, eventually, TestAgent } from '../e2e/harness.ts';

/** Where an agent runs. */
export type Place = Pick<AgentOptions, 'host' | 'ports' | 'within' | 'dataDir'>;

export interface ClusterOptions {
  readonly servers: number;
  readonly clients: number;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Other programs than the one under test, by node. */
  readonly programs?: Readonly<Record<string, readonly string[]>>;
  /** Where each node runs; on free ports of 127.0.0.1 when it is not said. */
  readonly place?: (node: string) => Place | Promise<Place>;
}

/** Agents that join each other on loopback: servers `s1`, `s2`, ... and clients `c1`, `c2`, ... */
export class Cluster {
  readonly servers: readonly TestAgent[];
  readonly clients: readonly TestAgent[];

  private constructor(servers: readonly TestAgent[], clients: readonly TestAgent[]) {
    this.servers = servers;
    this.clients = clients;
  }

  /** Starts them all and returns when there is a leader and everybody is in the catalog with a passing check. */
  static async start({ servers, clients, config = {}, programs = {}, place }: ClusterOptions): Promise<Cluster> {
    const made: TestAgent[] = [];
    const common = { retry_interval: '500ms', performance: { leave_drain_time: '100ms' }, ...config };
    const add = async (options: AgentOptions) => {
      const other = programs[options.node ?? ''];
      const placed = { ...options, ...(await place?.(options.node ?? '')) };
      const agent = new TestAgent(other === undefined ? placed : { ...placed, program: other });
      made.push(agent);
      await agent.start();
      return agent;
    };
    try {
      const expect = { bootstrap_expect: servers, ...common };
      // A single server elects itself.
      const first = await add({ mode: 'peer', node: 's1', config: expect });
      const join = { retry_join: [`${first.host}:${first.ports.serf_lan}`] };
      const peer = (i: number) => add({ mode: 'peer', node: `s${i}`, config: { ...expect, ...join } });
      const client = (i: number) => add({ mode: 'client', node: `c${i}`, config: { ...common, ...join } });
      const numbers = (n: number, from: number) => Array.from({ length: Math.max(0, n) }, (_, i) => i + from);
      const [peers, others] = await Promise.all([
        Promise.all(numbers(servers - 1, 2).map(peer)),
        Promise.all(numbers(clients, 1).map(client)),
      ]);
      const cluster = new Cluster([first, ...peers], others);
      await cluster.untilWhole();
      return cluster;
    } catch (error) {
      await Promise.all(made.map((agent) => agent.stop()));
      throw error;
    }
  }

  get all(): readonly TestAgent[] {
    return [...this.servers, ...this.clients];
  }

  async untilWhole(withinMs = 30_000): Promise<void> {
    const names = this.all.map((a) => a.options.node).sort();
    await eventually(
      async () => {
        for (const agent of this.all) {
          const reply = await agent.get('/v1/health/state/passing');
          if (reply.status !== 200) return false;
          const passing = reply.json<{ Node: string; CheckID: string }[]>();
          const nodes = passing.filter((c) => c.CheckID === 'serfHealth').map((c) => c.Node);
          if (nodes.sort().join() !== names.join()) return false;
        }
        return true;
      },
      { withinMs, what: `all of ${names.join(' ')} with passing checks` },
    );
  }

  /** The server that leads, as `asked` sees it. */
  async leader(asked: TestAgent = this.all.at(-1) as TestAgent): Promise<TestAgent> {
    return await eventually(async () => {
      const address = (await asked.get('/v1/status/leader')).json<string>();
      return this.servers.find((s) => address === `${s.host}:${s.ports.server}`);
    });
  }

  /** Status of each member by name, as `asked` sees it. */
  async members(asked: TestAgent): Promise<Readonly<Record<string, string>>> {
    const rows = (await asked.get('/v1/agent/members')).json<{ Name: string; Status: number }[]>();
    const words = ['none', 'alive', 'leaving', 'left', 'failed'];
    return Object.fromEntries(rows.map((m) => [m.Name, words[m.Status] ?? '']));
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((agent) => agent.stop()));
  }
}
