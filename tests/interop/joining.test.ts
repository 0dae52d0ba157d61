import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../e2e/harness.ts';
import { Agents, lan, nothingToCompare } from './reference.ts';

/*
 * Agents that come to a pool where they do not belong.
 *     CONSUL_BIN=... npx vitest run tests/interop/joining.test.ts
 */

describe.skipIf(nothingToCompare())('nobody comes into a pool of another datacenter', () => {
  const agents = new Agents();
  afterEach(() => agents.stop(), 30_000);

  test.for([
    { of: 'the reference', at: 'ours', isReal: true },
    { of: 'ours', at: 'the reference', isReal: false },
  ])('an agent of $of at a server of $at', { timeout: 90_000 }, async ({ isReal }) => {
    const server = await agents.start({ mode: 'server', node: 'here' }, !isReal);
    const stranger = await agents.start({ mode: 'client', node: 'far', config: { datacenter: 'dc9' } }, isReal);
    const joined = await stranger.put(`/v1/agent/join/${lan(server)}`);
    expect([joined.status, joined.text]).toEqual([
      500,
      `1 error occurred:\n\t* Failed to join ${lan(server)}: Member 'here' part of wrong datacenter 'dc1'\n\n`,
    ]);
    await eventually(() => /Member 'far' part of wrong datacenter 'dc9'/.test(server.log), {
      withinMs: 20_000,
      what: 'a refusal in the log of the server',
    });
    for (const [agent, name] of [
      [server, 'here'],
      [stranger, 'far'],
    ] as const) {
      const members: { Name: string }[] = (await agent.get('/v1/agent/members')).json();
      expect(members.map((m) => m.Name)).toEqual([name]);
    }
    expect((await server.get('/v1/catalog/nodes')).text).not.toContain('"far"');
  });
});
