import { type AgentOptions, eventually, programMissing, skipBecause, TestAgent } from '../e2e/harness.ts';

/** The reference program, which CONSUL_BIN names, as words of a command line. */
export const real: readonly string[] = [process.env['CONSUL_BIN'] ?? ''];

/** For `describe.skipIf`: true when the program under test or the reference is not there. */
export const nothingToCompare = (): boolean =>
  skipBecause(programMissing() ?? (real[0] ? undefined : 'CONSUL_BIN does not name the reference program'));

/** Like `nothingToCompare`; also true outside of `npm run interop`, which has time. */
export const onlyWithTime = (): boolean =>
  nothingToCompare() || skipBecause(!process.env['INTEROP'] && 'only npm run interop has the time');

/** Agents of one test, which end with it. */
export class Agents {
  readonly all: TestAgent[] = [];

  async start(options: AgentOptions, isReal = false): Promise<TestAgent> {
    const retry_interval = '500ms';
    const config = { retry_interval, disable_update_check: true, ...options.config };
    const agent = new TestAgent({ ...options, config, ...(isReal ? { program: real } : {}) });
    this.all.push(agent);
    await agent.start();
    return agent;
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.splice(0).map((agent) => agent.stop()));
  }
}

export const lan = (agent: TestAgent): string => `127.0.0.1:${agent.ports.serf_lan}`;
export const wan = (agent: TestAgent): string => `127.0.0.1:${agent.ports.serf_wan}`;

/** The id by which servers know this one. */
export async function nodeId(agent: TestAgent): Promise<string> {
  return (await agent.get('/v1/agent/self')).json().Config.NodeID;
}

/** Asks `via` to let `to` lead, and waits until `via` sees that. */
export async function letLead(to: TestAgent, via: TestAgent): Promise<void> {
  const id = await nodeId(to);
  const address = `127.0.0.1:${to.ports.server}`;
  await eventually(
    async () => {
      if ((await via.get('/v1/status/leader')).json() === address) return true;
      await via.request('POST', `/v1/operator/raft/transfer-leader?id=${id}`);
      return false;
    },
    { withinMs: 25_000, what: `${to.options.node} leads` },
  );
  // Elected, and ready to answer.
  await eventually(async () => (await to.get('/v1/kv/?keys&consistent')).status !== 500, { withinMs: 15_000 });
}

/** Warnings and errors of a log that tell of calls which the other side did not know. */
export const unknownCalls = (agent: TestAgent): string[] =>
  agent.log
    .split('\n')
    .filter((line) => /can't find (method|service)|unknown (service|method)|Unimplemented/.test(line));
