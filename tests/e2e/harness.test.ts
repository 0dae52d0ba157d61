import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programMissing, skipBecause, startAgent, type TestAgent } from './harness.ts';

describe.skipIf(skipBecause(programMissing()))('an agent of the harness', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startAgent({ mode: 'server', node: 'h1' });
  });
  afterAll(() => agent?.stop());

  test('leads when it is ready, and keeps what was written when it is started again', async () => {
    expect((await agent.get('/v1/status/leader')).json()).toBe(`127.0.0.1:${agent.ports.server}`);
    await agent.mustPut('/v1/kv/kept', 'yes');
    await agent.kill();
    await agent.start();
    expect((await agent.get('/v1/kv/kept?raw')).text).toBe('yes');
    expect(agent.rssBytes()).toBeGreaterThan(1e6);
    expect((await agent.cli(['kv', 'get', 'kept'])).stdout).toBe('yes\n');
  });
});
