import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Background } from './background.ts';
import { programMissing, root, skipBecause, startAgent, type TestAgent } from './harness.ts';

// Scene: a connection pool that adds and deletes hosts: by polling, by blocking query, and with the SDK.

const folder = join(root, 'examples/worker-pool');

const WAYS: Readonly<Record<string, readonly string[]>> = {
  polling: [process.execPath, join(folder, 'follow.mjs'), 'poll-worker', 'poll'],
  'a blocking query': [process.execPath, join(folder, 'follow.mjs'), 'block-worker', 'block'],
  'the SDK': [process.execPath, join(root, 'scripts/ts.mjs'), join(folder, 'follow-sdk.ts'), 'sdk-worker'],
};

describe.skipIf(skipBecause(programMissing()))('the worker pool of the examples', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startAgent();
  });
  afterAll(() => agent?.stop());

  test.for(Object.entries(WAYS))('follows hosts that come and go by %s', async ([, command]) => {
    const name = command.find((word) => word.endsWith('-worker')) as string;
    const register = (n: number) =>
      agent.mustPut('/v1/agent/service/register', {
        Name: name,
        ID: `${name}${n}`,
        Address: `10.0.0.${n}`,
        Port: 9000 + n,
        Check: { CheckID: `${name}${n}`, TTL: '60s', Status: 'passing' },
      });
    await register(1);
    const pool = new Background(command, { env: { CONSUL_HTTP_ADDR: agent.address } });
    try {
      await pool.until(new RegExp(`\\+ ${name}1 10\\.0\\.0\\.1:9001\n`));
      await register(2);
      await pool.until(new RegExp(`\\+ ${name}2 10\\.0\\.0\\.2:9002\n`));
      await agent.mustPut(`/v1/agent/check/fail/${name}1`);
      await pool.until(new RegExp(`- ${name}1 10\\.0\\.0\\.1:9001\n`));
      await agent.mustPut(`/v1/agent/check/pass/${name}1`);
      await pool.until(new RegExp(`- ${name}1 .*\n\\+ ${name}1 10\\.0\\.0\\.1:9001\n`));
      await agent.mustPut(`/v1/agent/service/deregister/${name}2`);
      await pool.until(new RegExp(`- ${name}2 10\\.0\\.0\\.2:9002\n`));
      expect(pool.output.match(/^[+-]/gm)).toEqual(['+', '+', '-', '+', '-']);
      pool.signal('SIGTERM');
      expect(await pool.exit()).toBe(0);
    } finally {
      await pool.stop();
    }
  });

  test('a blocking query knows at once, and stays silent when another service changes', async () => {
    const before = await agent.get('/v1/health/service/quiet?passing');
    const index = before.headers.get('x-consul-index');
    const waiting = agent.get(`/v1/health/service/quiet?passing&index=${index}&wait=60s`);
    await agent.mustPut('/v1/agent/service/register', { Name: 'loud' });
    const early = await Promise.race([waiting, agent.get('/v1/catalog/services')]);
    expect(early.json()).toHaveProperty('loud');
    const from = performance.now();
    await agent.mustPut('/v1/agent/service/register', { Name: 'quiet', Port: 1 });
    expect((await waiting).json()).toHaveLength(1);
    expect(performance.now() - from).toBeLessThan(3_000);
  });
});
