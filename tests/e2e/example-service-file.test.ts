import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, freePort, programMissing, root, skipBecause, startAgent, type TestAgent } from './harness.ts';

// Scene: a service file with a TCP check and `deregister_critical_service_after`; reload.

const example = readFileSync(join(root, 'examples/service-file/hello.json'), 'utf8');
const slow = Boolean(process.env['E2E_SLOW']);

describe.skipIf(skipBecause(programMissing()))('the service file of the examples', () => {
  let agent: TestAgent;
  let port: number;
  let listener: Server | undefined;
  const file = () => example.replaceAll('5000', String(port)).replace('10s', '1s');
  const status = async () => (await agent.get('/v1/health/checks/hello')).json()[0]?.Status;

  beforeAll(async () => {
    port = await freePort();
    agent = await startAgent({ mode: 'server' });
  });
  afterAll(async () => {
    listener?.close();
    await agent?.stop();
  });

  const reload = async () => {
    const done = await agent.cli(['reload']);
    expect(done).toEqual({ code: 0, stdout: 'Configuration reload triggered\n', stderr: '' });
  };

  test('is taken by a reload, and is critical until somebody listens', async () => {
    expect((await agent.get('/v1/agent/services')).json()).toEqual({});
    agent.writeConfig('hello.json', file());
    await reload();
    const [entry] = await eventually(async () => {
      const found = (await agent.get('/v1/health/service/hello')).json();
      return found.length === 1 && found;
    });
    expect(entry.Service).toMatchObject({ ID: 'hello1', Tags: ['primary'], Address: '127.0.0.1', Port: port });
    expect(await status()).toBe('critical');
    listener = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
    await eventually(async () => (await status()) === 'passing');
    const [check] = (await agent.get('/v1/health/checks/hello')).json();
    expect(check.Output).toBe(`TCP connect 127.0.0.1:${port}: Success`);
    expect((await agent.get('/v1/catalog/service/hello')).json()[0].ServicePort).toBe(port);
  });

  test('a broken file is refused by name and the agent goes on', async () => {
    agent.writeConfig('broken.json', '{"services": [');
    const refused = await agent.cli(['reload']);
    expect(refused.code).toBe(1);
    expect(refused.stderr + refused.stdout).toContain('broken.json');
    agent.removeConfig('broken.json');
    expect(await status()).toBe('passing');
  });

  test('a dead instance turns critical and stays listed for its time', async () => {
    listener?.close();
    listener = undefined;
    await eventually(async () => (await status()) === 'critical');
    expect((await agent.get('/v1/health/service/hello?passing')).json()).toEqual([]);
    expect((await agent.get('/v1/health/service/hello')).json()).toHaveLength(1);
  });

  test.skipIf(skipBecause(!slow && 'removal takes more than a minute: set E2E_SLOW=1'))(
    'a critical instance is gone after a minute at the least, and a reload brings it back',
    { timeout: 150_000 },
    async () => {
      const from = performance.now();
      const gone = async () => (await agent.get('/v1/health/service/hello')).json().length === 0;
      await eventually(gone, { withinMs: 120_000 });
      // The time counts from the moment it turned critical, some seconds before this test.
      expect(performance.now() - from).toBeGreaterThan(45_000);
      expect(/deregistered service with critical health .*service=hello1/.test(agent.log)).toBe(true);
      await reload();
      await eventually(async () => (await agent.get('/v1/health/service/hello')).json().length === 1);
    },
  );

  test('a service that has left the file is deregistered by the next reload', async () => {
    agent.removeConfig('hello.json');
    await reload();
    await eventually(async () => (await agent.get('/v1/health/service/hello')).json().length === 0);
  });
});
